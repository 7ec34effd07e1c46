/** Written commands: a shell and our own reader of flags get out of them what went in. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLine, resolveOptions } from "../../lib/config/mod.ts";
import { parseFlags } from "../../tasks/flags.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TABLE = {
  data_dir: { type: "path", required: true, help: "" },
  models: { type: "paths", help: "" },
  name: { type: "string", help: "" },
  steps: { type: "integer", default: 5, help: "" },
  rate: { type: "number", default: 0.1, help: "" },
  all: { type: "boolean", default: false, help: "" },
  best: { type: "boolean", default: true, help: "" },
} as const;

/** The words that a shell makes of a line. */
async function words(line: string): Promise<string[]> {
  const script = `printf '%s\\0' ${line}`;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  return new TextDecoder().decode(stdout).split("\0").slice(0, -1);
}

Deno.test({
  name: "a written command gives the same options",
  ignore: Deno.build.os === "windows",
  async fn() {
    for (
      const given of [
        { data_dir: "/data", steps: 300, rate: 1e-5 },
        { data_dir: "/it's here/$HOME", name: '急性 "肺炎"', all: true, best: false },
        { data_dir: "/data", models: ["/a b", "/c"], name: undefined, steps: -1 },
      ]
    ) {
      const [deno, task, name, ...flags] = await words(commandLine("train", given, TABLE));
      assert.deepEqual([deno, task, name], ["deno", "task", "train"]);
      assert.deepEqual(parseFlags(flags, TABLE), resolveOptions(TABLE, given));
    }
  },
});

Deno.test("paths are those that deno task sees", () => {
  const before = Deno.cwd();
  Deno.chdir(join(ROOT, "lib"));
  try {
    const written = (path: string) => commandLine("t", { data_dir: path }, TABLE);
    assert.equal(written("../output/run"), "deno task t --data_dir output/run");
    assert.equal(written(".."), "deno task t --data_dir .");
    assert.equal(written("../..data"), "deno task t --data_dir ..data");
    assert.equal(written("/elsewhere"), "deno task t --data_dir /elsewhere");
  } finally {
    Deno.chdir(before);
  }
});
