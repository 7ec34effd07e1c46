import assert from "node:assert/strict";
import {
  describeOptions,
  markdownOptions,
  nearestName,
  type OptionsOf,
  type OptionTable,
  parseOptionText,
  resolveOptions,
  UserError,
} from "../../lib/config/mod.ts";

const TABLE = {
  input_dir: { type: "path", required: true, help: "Folder of the corpus" },
  batch_size: { type: "integer", default: 256, min: 1, unit: "sentences", help: "Sentences a step" },
  mlm_prob: { type: "number", default: 0.15, min: 0, max: 1, help: "Share of words masked" },
  device: { type: "string", default: "cpu", choices: ["cpu", "gpu"], help: "Where to run" },
  use_amp: { type: "boolean", default: false, help: "Half precision" },
  max_steps: { type: "integer", default: -1, help: "Steps in all, -1 for no limit" },
  init_from: { type: "path", help: "Folder | file to start from" },
} as const satisfies OptionTable;

Deno.test("resolved options have the defaults and their own types", () => {
  const options: OptionsOf<typeof TABLE> = resolveOptions(TABLE, { input_dir: "data", mlm_prob: 0.2 });
  const batchSize: number = options.batch_size; // the type is inferred, not asserted
  const device: "cpu" | "gpu" = options.device;
  const initFrom: string | undefined = options.init_from;
  assert.deepEqual({ ...options }, {
    input_dir: "data",
    batch_size: 256,
    mlm_prob: 0.2,
    device: "cpu",
    use_amp: false,
    max_steps: -1,
    init_from: undefined,
  });
  assert.deepEqual([batchSize, device, initFrom], [256, "cpu", undefined]);
});

const REFUSED: [Record<string, unknown>, string][] = [
  [{}, 'Cannot go on without "input_dir": folder of the corpus'],
  [{ batch_szie: 1 }, 'Unknown option "batch_szie": did you mean "batch_size"?'],
  [{ batch: 1 }, 'Unknown option "batch": did you mean "batch_size"?'],
  [{ batch_size: "12" }, 'Cannot use "batch_size" "12": expected a whole number'],
  [{ batch_size: 1.5 }, 'Cannot use "batch_size" 1.5: expected a whole number'],
  [{ batch_size: 0 }, 'Cannot use "batch_size" 0: the smallest value is 1'],
  [{ mlm_prob: 1.5 }, 'Cannot use "mlm_prob" 1.5: the largest value is 1'],
  [{ mlm_prob: null, input_dir: 3 }, 'Cannot use "input_dir" 3: expected a path'],
  [{ input_dir: "" }, 'Cannot use "input_dir" "": expected a path'],
  [{ device: "tpu" }, 'Cannot use "device" "tpu": choose one of cpu, gpu'],
  [{ use_amp: "yes" }, 'Cannot use "use_amp" "yes": expected true or false'],
  [{ toString: 1 }, 'Unknown option "toString": the options are "input_dir", "batch_size"'],
];

for (const [given, message] of REFUSED) {
  Deno.test(`resolveOptions refuses ${JSON.stringify(given)}`, () => {
    const whole = message.includes('input_dir":') ? given : { input_dir: "data", ...given };
    assert.throws(
      () => resolveOptions(TABLE, whole),
      (error: Error) => error instanceof UserError && error.message.startsWith(message),
    );
  });
}

Deno.test("a flag without its value is no text", () => {
  const table = { name: { type: "string", help: "Name of the model" } } as const;
  assert.throws(
    () => resolveOptions(table, { name: "" }),
    new UserError('Cannot use "name" "": expected text'),
  );
});

Deno.test("text of flags becomes the option's type, or stays text", () => {
  const cases: [keyof typeof TABLE, string, unknown][] = [
    ["batch_size", "32", 32],
    ["batch_size", "1e3", 1000],
    ["batch_size", "0x10", "0x10"],
    ["batch_size", "", ""],
    ["max_steps", "-1", -1],
    ["mlm_prob", ".2", 0.2],
    ["mlm_prob", "NaN", "NaN"],
    ["use_amp", "True", true],
    ["use_amp", "0", false],
    ["use_amp", "maybe", "maybe"],
    ["device", "1", "1"],
  ];
  for (const [name, text, value] of cases) {
    assert.equal(parseOptionText(TABLE[name], text), value, `${name} ${text}`);
  }
});

Deno.test("the nearest name is only given where it is near", () => {
  const names = Object.keys(TABLE);
  assert.equal(nearestName("use_am", names), "use_amp");
  assert.equal(nearestName("maxsteps", names), "max_steps");
  assert.equal(nearestName("colour", names), undefined);
});

Deno.test("tables describe themselves for help and docs", () => {
  assert.deepEqual(describeOptions(TABLE)[1], {
    name: "batch_size",
    type: "integer (sentences)",
    default: "256",
    help: "Sentences a step",
  });
  assert.equal(
    markdownOptions({ device: TABLE.device, init_from: TABLE.init_from }),
    "| flag | type | default | what it does |\n" +
      "| --- | --- | --- | --- |\n" +
      "| `--device` | cpu \\| gpu | cpu | Where to run |\n" +
      "| `--init_from` | path | none | Folder \\| file to start from |\n",
  );
});
