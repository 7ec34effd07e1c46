import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RUNNER = fileURLToPath(new URL("./run.ts", import.meta.url));

const CASES: [string, Record<string, string>, string][] = [
  [
    "passes, failures and steps",
    {
      "a_test.ts": `Deno.test("a", () => {}); Deno.test("b", () => { throw new Error("b"); });
        Deno.test({ name: "c", ignore: true, fn() {} }); Deno.test("d", (t) => t.step("e", () => {}).then(() => {}));`,
    },
    "3 passed, 1 failed, 1 skipped",
  ],
  ["all well", { "a_test.ts": 'Deno.test("a", () => {});' }, "1 passed, 0 failed"],
  [
    "a type error",
    { "a_test.ts": 'const a: number = "a"; Deno.test(String(a), () => {});' },
    "0 passed, 1 failed",
  ],
  [
    "a module that throws",
    { "a_test.ts": 'Deno.test("a", () => {});', "b_test.ts": "throw new Error();" },
    "1 passed, 1 failed",
  ],
  ["no tests", {}, "0 passed, 1 failed"],
];

for (const [name, files, closing] of CASES) {
  Deno.test(`test runner: ${name}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (const [file, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, file), text);
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", RUNNER, folder],
        stderr: "null",
      }).output();
      assert.equal(new TextDecoder().decode(stdout).trimEnd().split("\n").at(-1), closing);
      assert.equal(code, closing.includes(" 0 failed") ? 0 : 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
