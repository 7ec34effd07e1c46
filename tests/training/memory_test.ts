/** What a container's limit leaves, read from the kernel's files. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { availableMemory } from "../../lib/training/memory.ts";

const MB = 2 ** 20;
const stat = `anon ${100 * MB}\nfile ${70 * MB}\ninactive_anon 0\nactive_anon ${100 * MB}\n` +
  `inactive_file ${50 * MB}\nactive_file ${20 * MB}\n`;
const CASES: [string, Record<string, string>, number][] = [
  ["a limit", { max: `${200 * MB}\n`, current: `${120 * MB}\n` }, 80 * MB],
  ["cached files give way", { max: `${200 * MB}\n`, current: `${170 * MB}\n`, stat }, 100 * MB],
  ["no limit", { max: "max\n", current: `${120 * MB}\n`, stat }, NaN],
  ["no container", {}, NaN],
];
for (const [what, files, expected] of CASES) {
  Deno.test(`memory that is left: ${what}`, async () => {
    const folder = await Deno.makeTempDir();
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(folder, `memory.${name}`), text);
    }
    const available = availableMemory(folder);
    if (Number.isNaN(expected)) assert.ok(available > 200 * MB); // the machine's own
    else assert.equal(available, expected);
    await Deno.remove(folder, { recursive: true });
  });
}
