/**
 * `deno task test:long`: tests that take minutes. Linux only.
 *
 *   deno task test:long                  all
 *   deno task test:long pretrain         those whose name begins so
 */
import assert from "node:assert/strict";
import { FINETUNE_TESTS } from "./finetune.ts";
import { LAB_TESTS } from "./lab.ts";
import { PREPROCESS_TESTS } from "./preprocess.ts";
import { PRETRAIN_TESTS } from "./pretrain.ts";
import { SERVE_TESTS } from "./serve.ts";
import { PAGE_TESTS } from "./serve_page.ts";

const tests = Object.entries({
  ...PREPROCESS_TESTS,
  ...PRETRAIN_TESTS,
  ...FINETUNE_TESTS,
  ...LAB_TESTS,
  ...SERVE_TESTS,
  ...PAGE_TESTS,
});
const wanted = Deno.args.length > 0 ? Deno.args : [""];
for (const prefix of wanted) {
  assert.ok(tests.some(([name]) => name.startsWith(prefix)), `no test ${prefix}`);
}
for (const [name, test] of tests) {
  if (!wanted.some((prefix) => name.startsWith(prefix))) continue;
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
    console.log(`${name}: ok`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
