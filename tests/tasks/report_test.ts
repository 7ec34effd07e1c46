/** `deno task report` as a user meets it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { testInFolder } from "../folders.ts";
import { trainingRecord } from "../report/runs.ts";

async function report(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tasks/report.ts", ...args],
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

testInFolder(
  "one run has its page beside it; runs of one name are told apart by their paths",
  async (folder) => {
    const runs = ["a/model", "b/model"].map((name) => join(folder, name));
    for (const run of runs) {
      await Deno.mkdir(run, { recursive: true });
      await Deno.writeTextFile(join(run, "train.jsonl"), JSON.stringify(trainingRecord(1)) + "\n");
    }
    const one = join(runs[0]!, "report.html");
    assert.deepEqual(await report(runs[0]!), { code: 0, stdout: one, stderr: "" });
    assert.match(await Deno.readTextFile(one), /<title>Pretraining: model<\/title>/);
    const both = join(folder, "both.html");
    assert.deepEqual(await report(...runs, "--output", both), { code: 0, stdout: both, stderr: "" });
    assert.ok((await Deno.readTextFile(both)).includes(`<title>Pretraining: ${runs.join(", ")}</title>`));
  },
);

testInFolder("mistakes are told in one line", async (folder) => {
  const { code, stdout, stderr } = await report(folder);
  assert.deepEqual([code, stdout, stderr.split("\n").length], [1, "", 1]);
  assert.match(stderr, /^error: Cannot report on /);
});
