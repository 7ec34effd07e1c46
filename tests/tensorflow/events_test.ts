/** Event files read back, and read by TensorBoard itself where Python has it. */
import { strict as assert } from "node:assert";
import { UserError } from "../../lib/config/mod.ts";
import { EventFileWriter } from "../../lib/tensorflow/mod.ts";
import { eager } from "../../lib/tensorflow/binding.ts";
import { readEvents } from "../event_files.ts";
import { hasSmallDisks, onSmallDisk } from "../training/small_disk.ts";
import { histogram } from "../../lib/tensorflow/events.ts";

function write(folder: string) {
  using events = new EventFileWriter(folder);
  for (let step = 1; step <= 3; step++) events.scalar("loss/generator_loss", 10 / step, step);
  events.text("run", "学习率 **2e-4**", 0);
  events.histogram("weights", [0, 0.5, 1, 1, 4], 2);
}

Deno.test("scalars, text and histograms are in the file, with the right steps and checksums", async () => {
  const folder = await Deno.makeTempDir();
  try {
    write(folder);
    const events = readEvents(folder);
    const scalars = events.filter(({ value }) => value.tag === "loss/generator_loss");
    assert.deepEqual(scalars.map(({ step }) => step), [1, 2, 3]);
    scalars.forEach(({ value, step }) => assert.ok(Math.abs(value.simple_value! - 10 / step) < 1e-6));

    const text = events.find(({ value }) => value.tag === "run")!.value;
    assert.equal(text.metadata!.plugin_data.plugin_name, "text");
    assert.equal(new TextDecoder().decode(text.tensor!.string_val[0]), "学习率 **2e-4**");

    const weights = events.find(({ value }) => value.tag === "weights")!.value;
    assert.equal(weights.metadata!.plugin_data.plugin_name, "histograms");
    assert.deepEqual(weights.tensor!.tensor_shape.dim.map(({ size }) => size), [30, 3]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const histograms: [string, number[], number, number[]][] = [
  ["equal widths, last edge closed", [0, 1, 2, 4, 4], 2, [0, 2, 2, 2, 4, 3]],
  ["all values alike", [3, 3], 30, [2.5, 3.5, 2]],
  ["no values", [], 30, []],
];
for (const [name, values, buckets, expected] of histograms) {
  Deno.test(`histogram: ${name}`, () => assert.deepEqual(Array.from(histogram(values, buckets)), expected));
}

Deno.test("histogram: buckets count beyond float32's whole numbers", () => {
  const values = new Uint8Array(2 ** 24 + 5); // as many values as a large table of embeddings
  values[0] = 1;
  assert.deepEqual(Array.from(histogram(values, 2)), [0, 0.5, 2 ** 24 + 4, 0.5, 1, 1]);
});

Deno.test("a folder that cannot be written to is an error", () => {
  assert.throws(
    () => new EventFileWriter("/dev/null/events"),
    /^UserError: Cannot write events to "\/dev\/null\/events": \/dev\/null is not a directory$/,
  );
});

const python = Deno.env.get("ERNIE_HEALTH_PYTHON") ?? "python3";
const tensorboard = await new Deno.Command(python, {
  args: ["-c", "import tensorboard"],
  stdout: "null",
  stderr: "null",
})
  .output().then(({ success }) => success, () => false);

Deno.test({
  name: "TensorBoard reads the same",
  ignore: !tensorboard,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      write(folder);
      const program = `
import sys, json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]); a.Reload()
print(json.dumps({"scalars": [[e.step, round(e.value, 4)] for e in a.Scalars("loss/generator_loss")],
  "text": a.Tensors("run")[0].tensor_proto.string_val[0].decode(), "weights": a.Tensors("weights")[0].step}))`;
      const { stdout, stderr, success } = await new Deno.Command(python, { args: ["-c", program, folder] })
        .output();
      assert.ok(success, new TextDecoder().decode(stderr));
      assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
        scalars: [[1, 10], [2, 5], [3, 3.3333]],
        text: "学习率 **2e-4**",
        weights: 2,
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("a writer that cannot begin leaves no handle behind", async () => {
  const file = await Deno.makeTempFile();
  const before = eager.size;
  assert.throws(() => new EventFileWriter(file), UserError);
  assert.equal(eager.size, before);
  await Deno.remove(file);
});

Deno.test({
  name: "a full disk is told in one line, and not once more by what closes the file",
  ignore: !await hasSmallDisks(),
  async fn() {
    const folder = await Deno.makeTempDir();
    await onSmallDisk("64k", folder, () => {
      {
        using events = new EventFileWriter(`${folder}/log`);
        assert.throws(() => Deno.writeFileSync(`${folder}/full`, new Uint8Array(2 ** 17)));
        const fillPage = () => { // of the disk, the file's last one
          for (let step = 0; step < 200; step++) events.scalar("loss", 1, step);
        };
        assert.throws(
          fillPage,
          new RegExp(`^UserError: Cannot write events to "${folder}/log": No space left on device$`),
        );
      }
      return Promise.resolve();
    });
    await Deno.remove(folder);
  },
});
