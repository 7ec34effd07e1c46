/** Commands and classes take names of the hub. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AutoModelForSequenceClassification, AutoTokenizer } from "../../lib/cblue/mod.ts";
import { convertModel, loadTensor, readModel } from "../../lib/weights/mod.ts";
import { testInFolder } from "../folders.ts";
import { LoopbackHub } from "./loopback_hub.ts";

const ROOT = new URL("../../", import.meta.url);

/** A tiny model of Hugging Face's on the hub, which the environment names. */
function testWithModel(name: string, body: (folder: string, hub: LoopbackHub) => Promise<void>) {
  testInFolder(name, async (folder) => {
    const given = join(folder, "given"), made = join(folder, "made");
    await Deno.mkdir(given);
    await Deno.copyFile("tests/fixtures/weights/torch.bin", join(given, "pytorch_model.bin"));
    const { config } = JSON.parse(await Deno.readTextFile("tests/fixtures/weights/golden.json"));
    await Deno.writeTextFile(join(given, "config.json"), JSON.stringify(config));
    await convertModel(given, "hf", made);
    const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "热"].join("\n") + "\n";
    await using hub = new LoopbackHub({
      "model.safetensors": await Deno.readFile(join(made, "model.safetensors")),
      "config.json": await Deno.readTextFile(join(made, "config.json")),
      "vocab.txt": vocabulary,
      "tokenizer_config.json": JSON.stringify({ do_lower_case: false }),
    });
    const before = Deno.env.toObject();
    Deno.env.set("HF_ENDPOINT", hub.url);
    Deno.env.set("HF_HOME", folder);
    try {
      await body(folder, hub);
    } finally {
      for (const name of ["HF_ENDPOINT", "HF_HOME"]) {
        if (before[name] === undefined) Deno.env.delete(name);
        else Deno.env.set(name, before[name]);
      }
    }
  });
}

testWithModel("weights, tokenizer and classes by org/name", async (_, hub) => {
  const { tensors } = await readModel("org/model"),
    golden = await readModel("tests/fixtures/weights/torch.bin");
  assert.deepEqual([...tensors.keys()].sort(), [...golden.tensors.keys()].sort());
  for (const [name, tensor] of golden.tensors) {
    assert.deepEqual((await loadTensor(tensors.get(name)!)).data, (await loadTensor(tensor)).data, name);
  }
  const tokenizer = await AutoTokenizer.from_pretrained("org/model");
  assert.equal(tokenizer.encode("热").ids[1], 5);
  const said: string[] = [], say = (line: string) => said.push(line);
  using model = await AutoModelForSequenceClassification.from_pretrained("org/model", { say });
  assert.deepEqual(model.fresh, []); // the head came along
  assert.equal(hub.seen.filter(({ server }) => server === "storage").length, 1); // once for all of them
});

testWithModel("convert by org/name; a name that nobody has is told of, and where to look", async (folder) => {
  const run = async (name: string) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "tasks/convert.ts",
        name,
        "--to",
        "npz",
        "--out",
        join(folder, "out"),
      ],
      cwd: ROOT,
    }).output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  const { code, text } = await run("org/model");
  assert.equal(code, 0, text);
  assert.ok((await Deno.stat(join(folder, "out", "model.npz"))).isFile);
  const absent = await run("org/absent");
  assert.equal(absent.code, 1);
  assert.match(
    absent.text,
    /^error: Cannot find model "org\/absent": there is no such path here, and none on the hub/m,
  );
});
