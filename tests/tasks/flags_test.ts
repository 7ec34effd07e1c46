import assert from "node:assert/strict";
import { UserError } from "../../lib/config/mod.ts";
import { parseFlags, usage } from "../../tasks/flags.ts";

const TABLE = {
  input_path: { type: "path", required: true, help: "File or folder" },
  max_steps: { type: "integer", default: -1, unit: "steps", help: "Steps in all" },
  learning_rate: { type: "number", default: 2e-4, help: "Peak learning rate" },
  use_amp: { type: "boolean", default: false, help: "Half precision" },
  shuffle: { type: "boolean", default: true, help: "Shuffle each epoch" },
} as const;

const DEFAULTS = { input_path: "x", max_steps: -1, learning_rate: 2e-4, use_amp: false, shuffle: true };

const ACCEPTED: [string, Partial<Record<keyof typeof TABLE, unknown>>][] = [
  ["--input_path x", {}],
  ["--input-path=x", {}],
  ["--input_path=a=b-c", { input_path: "a=b-c" }],
  ["--input_path x --max_steps 300", { max_steps: 300 }],
  ["--input_path x --max-steps -1", { max_steps: -1 }],
  ["--input_path x --max_steps=-1 --learning_rate 1e-5", { learning_rate: 1e-5 }],
  ["--input_path x --use_amp", { use_amp: true }],
  ["--use_amp --input_path x", { use_amp: true }],
  ["--input_path x --use_amp true", { use_amp: true }],
  ["--input_path x --use-amp=True", { use_amp: true }],
  ["--input_path x --use_amp false", { use_amp: false }],
  ["--use_amp True --input_path x", { use_amp: true }],
  ["--input_path x --shuffle False", { shuffle: false }],
  ["--input_path x --shuffle 0 --use_amp 1", { shuffle: false, use_amp: true }],
  ["--input_path x --no-use_amp", { use_amp: false }],
  ["--input_path x --no-shuffle", { shuffle: false }],
  ["--input_path x --no_shuffle", { shuffle: false }],
  ["--input_path x --shuffle false", { shuffle: false }],
  ["--input_path y --input_path x", {}],
  ["--input_path shuffle", { input_path: "shuffle" }],
];

for (const [line, expected] of ACCEPTED) {
  Deno.test(`flags: ${line}`, () => {
    assert.deepEqual({ ...parseFlags(line.split(" "), TABLE) as object }, { ...DEFAULTS, ...expected });
  });
}

const REFUSED: [string, string][] = [
  ["--input_paht x", "Unknown option --input_paht: did you mean --input_path?"],
  ["--max-step 3 --input_path x", "Unknown option --max_step: did you mean --max_steps?"],
  ["--input_path x --use_amp maybe", 'Unexpected argument "maybe": every value follows a --flag'],
  ["--max-step=3 --input_path x", "Unknown option --max_step: did you mean --max_steps?"],
  ["--input_path", 'Cannot use --input_path "": expected a path'],
  ["--input_path --use_amp", 'Cannot use --input_path "": expected a path'],
  ["", "Cannot go on without --input_path: file or folder"],
  ["--input_path x --max_steps many", 'Cannot use --max_steps "many": expected a whole number'],
  ["--input_path x --use_amp=maybe", 'Cannot use --use_amp "maybe": expected true or false'],
  ["x", 'Unexpected argument "x": every value follows a --flag'],
  ["-v --input_path x", "Unknown option --v: "],
];

for (const [line, message] of REFUSED) {
  Deno.test(`flags refused: ${line || "none at all"}`, () => {
    assert.throws(
      () => parseFlags(line.split(" ").filter(Boolean), TABLE),
      (error: Error) => error instanceof UserError && error.message.startsWith(message),
    );
  });
}

const POSITIONAL: [string, string, number][] = [
  ["data/samples", "data/samples", -1],
  ["data/samples --max_steps 3", "data/samples", 3],
  ["--use_amp data/samples --max_steps 3", "data/samples", 3],
  ["--input_path data/samples", "data/samples", -1],
];

for (const [line, input_path, max_steps] of POSITIONAL) {
  Deno.test(`flags with a word of their own: ${line}`, () => {
    const options = parseFlags(line.split(" "), TABLE, "input_path");
    assert(options !== "help");
    assert.deepEqual([options.input_path, options.max_steps], [input_path, max_steps]);
  });
}

Deno.test("two words, or a word and its flag, are refused", () => {
  for (const line of ["a b", "--input_path a b", "b --input_path a"]) {
    assert.throws(() => parseFlags(line.split(" "), TABLE, "input_path"), {
      name: "UserError",
      message: 'Unexpected argument "b": input_path is given already',
    });
  }
  assert.throws(() => parseFlags([], TABLE, "input_path"), /Cannot go on without --input_path/);
});

Deno.test("help shows where the word stands", () => {
  const page = usage({ name: "t", summary: "T.", table: TABLE, positional: "input_path", main: () => {} });
  assert.match(page, /Usage: deno task t <input_path> \[options\]/);
});

Deno.test("flags: an option of several paths takes all words", () => {
  const table = {
    runs: { type: "paths", required: true, help: "Folders" },
    seed: { type: "integer", help: "S" },
  } as const;
  const lines: [string, string[]][] = [
    ["a", ["a"]],
    ["a b --seed 3 c", ["a", "b", "c"]],
    ["--runs a b", ["a", "b"]],
    ["--runs=a", ["a"]],
  ];
  for (const [line, runs] of lines) {
    const options = parseFlags(line.split(" "), table, "runs");
    assert(options !== "help");
    assert.deepEqual(options.runs, runs);
  }
  assert.throws(() => parseFlags([], table, "runs"), { message: "Cannot go on without --runs: folders" });
  assert.throws(() => parseFlags(["a", ""], table, "runs"), {
    message: 'Cannot use --runs ["a",""]: expected paths',
  });
  const page = usage({ name: "t", summary: "T.", table, positional: "runs", main: () => {} });
  assert.match(page, /^Usage: deno task t <runs>… \[options\]$/m);
});

Deno.test("help lists every option with default and unit", () => {
  assert.equal(parseFlags(["--help"], TABLE), "help");
  assert.equal(parseFlags(["--nonsense", "-h"], TABLE), "help");
  const page = usage({ name: "pretrain", summary: "Pretrain.", table: TABLE, main: () => {} });
  assert.match(page, /Usage: deno task pretrain \[options\]/);
  assert.match(page, /--input_path <path> +File or folder \(required\)/);
  assert.match(page, /--max_steps <integer \(steps\)> +Steps in all \[-1\]/);
  assert.match(page, /--use_amp +Half precision \[false\]/);
});

/** Runs a small task as its own program. */
async function runProgram(
  body: string,
  args: string[] = [],
): Promise<{ code: number; out: string; err: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const flags = new URL("../../tasks/flags.ts", import.meta.url).href;
    const config = new URL("../../lib/config/mod.ts", import.meta.url).href;
    await Deno.writeTextFile(
      `${folder}/task.ts`,
      `import { runTask } from ${JSON.stringify(flags)};\nimport { UserError } from ${
        JSON.stringify(config)
      };\n` +
        `await runTask(import.meta, { name: "t", summary: "T.", table: {}, main: async (_options, { signal }) => {\n` +
        `${body}\n} });\nvoid UserError;\n`,
    );
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${folder}/task.ts`, ...args],
      env: { NO_COLOR: "1" },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a task that does well exits with 0, help too", async () => {
  assert.deepEqual(await runProgram('console.log("done")'), { code: 0, out: "done\n", err: "" });
  const help = await runProgram("", ["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.out, /^T\.\n\nUsage: deno task t/);
});

Deno.test("a user error is one line and exit code 1; any other error shows its stack", async () => {
  assert.deepEqual(await runProgram('throw new UserError("Cannot read corpus \\"x\\": no such folder")'), {
    code: 1,
    out: "",
    err: 'error: Cannot read corpus "x": no such folder\n',
  });
  const bug = await runProgram('throw new TypeError("a bug")');
  assert.equal(bug.code, 1);
  assert.match(bug.err, /TypeError: a bug\n[\s\S]*at .*main/);
});

Deno.test(
  "Ctrl-C aborts the signal and exits with 130, SIGTERM with 143",
  { ignore: Deno.build.os === "windows" },
  async () => {
    const wait = "await new Promise((resolve) => signal.addEventListener('abort', resolve));";
    const kill =
      "setTimeout(() => Deno.kill(Deno.pid, 'SIGINT'), 50); const alive = setInterval(() => {}, 1000);";
    const saved = await runProgram(`${kill} ${wait} clearInterval(alive); console.log("saved");`);
    assert.deepEqual([saved.code, saved.out], [130, "saved\n"]);
    const ended = await runProgram(
      `${kill.replace("SIGINT", "SIGTERM")} ${wait} clearInterval(alive); console.log("saved");`,
    );
    assert.deepEqual([ended.code, ended.out], [143, "saved\n"]);
    const thrown = await runProgram(`${kill} ${wait} clearInterval(alive); signal.throwIfAborted();`);
    assert.equal(thrown.code, 130);
    assert.doesNotMatch(thrown.err, /\n {4}at /);
    const again = 'Deno.kill(Deno.pid, "SIGINT");';
    const pause = (ms: number) => `await new Promise((resolve) => setTimeout(resolve, ${ms}));`;
    const twice = await runProgram(
      `${kill} ${wait} ${again} ${pause(300)} console.log("saved"); Deno.exit(3);`,
    );
    assert.deepEqual([twice.code, twice.out], [3, "saved\n"]); // one Ctrl-C, from the terminal and from `deno task`
    const stubborn = await runProgram(`${kill} ${wait} ${pause(1100)} ${again} await new Promise(() => {});`);
    assert.equal(stubborn.code, 130);
  },
);

Deno.test("other programs' names of an option mean the option, in flags and in a file", async () => {
  const table = {
    batch_size: { type: "integer", default: 16, aliases: ["per_device_train_batch_size"], help: "Sentences" },
    do_train: { type: "boolean", default: true, aliases: ["train"], help: "Train" },
    seed: { type: "integer", default: 1000, help: "Seed" },
  } as const;
  const parse = (...args: string[]) => ({ ...parseFlags(args, table) as object });
  const defaults = { batch_size: 16, do_train: true, seed: 1000 };
  assert.deepEqual(parse("--per-device-train-batch-size", "4"), { ...defaults, batch_size: 4 });
  assert.deepEqual(parse("--no-train"), { ...defaults, do_train: false });
  assert.match(
    usage({ name: "t", summary: "s", table, main: () => {} }),
    /also --per_device_train_batch_size/,
  );

  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(path, JSON.stringify({ per_device_train_batch_size: 8, seed: 7 }));
    assert.deepEqual(parse("--config", path), { ...defaults, batch_size: 8, seed: 7 });
    assert.deepEqual(parse(`--config=${path}`, "--batch_size", "2"), { ...defaults, batch_size: 2, seed: 7 });
    await Deno.writeTextFile(path, '{ "sead": 7 }');
    assert.throws(() => parse("--config", path), /Unknown option --sead: did you mean --seed/);
    await Deno.writeTextFile(path, "[1]");
    assert.throws(() => parse("--config", path), /Cannot read ".*json": expected a JSON object/);
    await Deno.writeTextFile(path, "{");
    assert.throws(() => parse("--config", path), /Cannot read ".*json": it is not valid JSON/);
  } finally {
    await Deno.remove(path);
  }
  assert.throws(() => parse("--config", "none.json"), /Cannot read "none.json": no such file/);
  assert.throws(() => parse("--config"), /without the file of --config/);
});
