/** `deno task serve` as people mistype it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const TASK = fileURLToPath(new URL("../../tasks/serve.ts", import.meta.url));

Deno.test("flags that make no server are refused", async () => {
  const cases: [string[], RegExp][] = [
    [["--model", "/nowhere"], /^error: Cannot read "\/nowhere\/config\.json": no such file/],
    [["--model", "v2=/nowhere"], /^error: Cannot call a model "v2"/],
    [["--model", "a b=/nowhere"], /^error: Cannot call a model "a b"/],
    [["--model", "/nowhere", "--cert", "x"], /^error: Cannot use one of --cert and --key: give both/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", TASK, ...args],
    }).output();
    assert.match(new TextDecoder().decode(stderr), message);
    assert.equal(code, 1);
  }
});
