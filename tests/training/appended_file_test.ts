import assert from "node:assert/strict";
import { join } from "node:path";
import { AppendedFile } from "../../lib/training/appended_file.ts";
import { testInFolder } from "../folders.ts";

const short = (line: string) => line.length < 5;
const never = (): boolean => assert.fail("the file was read");

const cases: [string, string, (line: string) => boolean, number | undefined, string][] = [
  ["a new file", "", never, undefined, ""],
  ["all lines wanted", "one\ntwo\n", short, undefined, "one\ntwo\n"],
  ["cut before the first unwanted line", "one\nthree\ntwo\n", short, undefined, "one\n"],
  ["a torn last line", "one\ntw", short, undefined, "one\n"],
  ["a known length is not read for", "热\nthree\n", never, 4, "热\n"],
  ["nothing known to be wanted", "one\n", never, 0, ""],
  ["a known length in the middle of a line", "one\ntwo\nthree\n", short, 6, "one\ntwo\n"],
  ["a known length beyond the end", "one\nthree\n", short, 100, "one\n"],
];
for (const [name, before, wanted, length, after] of cases) {
  testInFolder(`appended file: ${name}`, async (folder) => {
    const path = join(folder, "lines");
    if (before) await Deno.writeTextFile(path, before);
    {
      using file = new AppendedFile(path, wanted, length);
      assert.equal(file.length, new TextEncoder().encode(after).length);
      file.append("高");
      assert.equal(file.length, (await Deno.stat(path)).size);
    }
    assert.equal(await Deno.readTextFile(path), after + "高\n");
  });
}
