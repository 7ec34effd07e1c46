/** `deno task pretrain` and `demo` as programs: every mistake is one line on stderr and exit code 1. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function run(task: string, args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}tasks/${task}.ts`, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A folder with the golden corpus of the original, to be damaged. */
async function corpus(name: string, damage: (data: string) => Promise<unknown>): Promise<string> {
  const data = join(folder, name);
  await Deno.mkdir(data);
  for (const file of ["vocab.txt", "c_ids.npy", "c_idx.npz"]) {
    await Deno.copyFile(join(ROOT, "tests/fixtures/text", file), join(data, file));
  }
  await damage(data);
  return data;
}

/** Writes `value` as the last two bytes of the ids: a token of another vocabulary. */
async function overwriteLastId(data: string, value: number) {
  const path = join(data, "c_ids.npy"), bytes = await Deno.readFile(path);
  new DataView(bytes.buffer).setUint16(bytes.length - 2, value, true);
  await Deno.writeFile(path, bytes);
}

const DAMAGED: [string, (data: string) => Promise<unknown>, RegExp][] = [
  ["no vocabulary", (data) => Deno.remove(join(data, "vocab.txt")), /vocab\.txt": no such file/],
  [
    "vocabulary not UTF-8",
    (data) => Deno.writeFile(join(data, "vocab.txt"), Uint8Array.of(0x5b, 0xff, 0xfe, 10)),
    /vocab\.txt": .*UTF-8/,
  ],
  ["ids without lengths", (data) => Deno.remove(join(data, "c_idx.npz")), /c_ids\.npy.*c_idx\.npz/],
  ["lengths without ids", (data) => Deno.remove(join(data, "c_ids.npy")), /c_id/],
  ["ids cut short", (data) => Deno.truncate(join(data, "c_ids.npy"), 140), /c_ids\.npy/],
  ["an id beyond the vocabulary", (data) => overwriteLastId(data, 65000), /c_ids\.npy.*65000/],
  [
    "an empty folder",
    (data) => Deno.remove(join(data, "c_ids.npy")).then(() => Deno.remove(join(data, "c_idx.npz"))),
    /_ids\.npy|_idx\.npz/,
  ],
];
for (const [what, damage, message] of DAMAGED) {
  Deno.test(`pretrain, ${what}: one line, exit code 1, nothing written`, async () => {
    const data = await corpus(what.replaceAll(" ", "_"), damage), output = join(folder, `${what} output`);
    const { code, err } = await run("pretrain", ["--input_dir", data, "--output_dir", output]);
    assert.equal(code, 1, err);
    assert.match(err, /^error: Cannot [^\n]*\n$/);
    assert.match(err, message);
    await assert.rejects(Deno.stat(output), Deno.errors.NotFound);
  });
}

const FLAGS: [string[], RegExp][] = [
  [[], /^error: Cannot go on without --input_dir: /],
  [
    ["--input_dir", "x", "--output_dir", "y", "--bach_size", "4"],
    /^error: Unknown option --bach_size: did you mean --batch_size\?/,
  ],
  [
    ["--input_dir", "x", "--output_dir", "y", "--batch-size", "many"],
    /^error: Cannot use --batch_size "many": /,
  ],
  [["--input_dir", "x", "--output_dir", "y", "--mlm_prob", "1.5"], /^error: Cannot use --mlm_prob 1.5: /],
];
for (const [args, message] of FLAGS) {
  Deno.test(`pretrain ${args.join(" ") || "without flags"} is refused`, async () => {
    const { code, err } = await run("pretrain", args);
    assert.equal(code, 1);
    assert.match(err, message);
  });
}

Deno.test("pretrain --help names every flag of the original with its default", async () => {
  const { code, out } = await run("pretrain", ["--help"]);
  assert.equal(code, 0);
  const original = [
    ...[
      "input_dir",
      "output_dir",
      "batch_size",
      "learning_rate",
      "max_seq_length",
      "weight_decay",
      "adam_epsilon",
    ],
    ...[
      "warmup_steps",
      "num_epochs",
      "logging_steps",
      "save_steps",
      "max_steps",
      "device",
      "seed",
      "use_amp",
    ],
    ...["init_from_ckpt", "model_name_or_path", "mlm_prob", "eager_run"],
  ];
  for (const name of original) assert.match(out, new RegExp(`--${name}\\b`));
  assert.match(out, /--seed <integer> +.*\[1000\]/);
});

Deno.test("demo: from nothing to a trained model, a summary and a picture", async () => {
  const output = join(folder, "demo");
  const { code, out, err } = await run("demo", [
    "--output_dir",
    output,
    "--sentences",
    "300",
    "--max_steps",
    "60",
  ]);
  assert.equal(code, 0, err);
  for (
    const name of ["generator", "replaced-token detection", "multi-token selection", "contrastive prediction"]
  ) {
    assert.match(out, new RegExp(`^${name} loss +\\d+\\.\\d{4} → \\d+\\.\\d{4} `, "m"));
  }
  const [, total, end] = /^total loss +([\d.]+) → ([\d.]+)/m.exec(out)!;
  assert.ok(Number(end) < Number(total));
  assert.match(out, /tokens per second +\d+/);
  assert.match(await Deno.readTextFile(join(output, "model", "losses.svg")), /<svg/);
  await Deno.stat(join(output, "model", "checkpoint-60", "model.safetensors"));
  const other = await run("demo", ["--output_dir", output, "--sentences", "200"]);
  assert.match(other.err, /^error: Cannot use ".*": it holds a demo of .*"sentences":300/);
});

Deno.test("demo: a run of one log line is no failure, and a folder that cannot be is one line", async () => {
  const args = ["--sentences", "100", "--max_steps", "1", "--output_dir"];
  const { code, err } = await run("demo", [...args, join(folder, "short")]);
  assert.equal(code, 0, err);
  const file = join(folder, "file");
  await Deno.writeTextFile(file, "");
  assert.deepEqual(await run("demo", [...args, file]).then(({ code, err }) => [code, err]), [
    1,
    `error: Cannot use output folder "${file}": file exists\n`,
  ]);
});

Deno.test({
  name: "pretrain on a disk that fills up while saving: one line, and the checkpoint before survives",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const disk = join(folder, "disk");
    await Deno.mkdir(disk);
    const mount = await new Deno.Command("mount", { args: ["-t", "tmpfs", "-o", "size=12m", "tmpfs", disk] })
      .output()
      .catch(() => undefined);
    if (!mount?.success) return console.log("skipped: this user cannot mount a small disk");
    try {
      const data = await corpus("full_disk", () => Promise.resolve());
      const args = [
        "--input_dir",
        data,
        "--output_dir",
        join(disk, "run"),
        "--preset",
        "tiny",
        "--batch_size",
        "2",
      ];
      const sizes = [
        "--max_seq_length",
        "16",
        "--max_steps",
        "6",
        "--save_steps",
        "2",
        "--save_total_limit",
        "9",
      ];
      const { code, err } = await run("pretrain", [...args, ...sizes]); // a checkpoint takes about 9 MB
      assert.equal(code, 1, err);
      assert.match(err, /^error: Cannot save checkpoint ".*checkpoint-4": .*no space left/im);
      const left = Array.from(Deno.readDirSync(join(disk, "run")), ({ name }) => name).filter((name) =>
        name.includes("checkpoint")
      );
      assert.deepEqual(left, ["checkpoint-2"]);
      await new Deno.Command("mount", { args: ["-o", "remount,size=64m", disk] }).output();
      assert.equal((await run("pretrain", [...args, ...sizes])).code, 0); // the same command goes on
    } finally {
      await new Deno.Command("umount", { args: [disk] }).output();
    }
  },
});
