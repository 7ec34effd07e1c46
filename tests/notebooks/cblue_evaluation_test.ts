/** The evaluation notebook and the command that it prints are one: the same numbers to the last digit. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeMadeUpSets } from "../../lib/cblue/mod.ts";
import { codeCells, readNotebook, runNotebook, textOf } from "../../lib/notebook/runner/mod.ts";
import { testInFolder } from "../folders.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NOTEBOOK = join(ROOT, "notebooks/05_cblue_evaluation.ipynb");

/** A run's scores without what the clock and its folder decide. */
async function scoresIn(folder: string) {
  const scores = JSON.parse(await Deno.readTextFile(join(folder, "scores.json")));
  return scores.map(({ seconds: _, model, ...score }: { seconds: number; model: string }) => {
    assert.ok(model.startsWith(folder));
    return score;
  });
}

testInFolder("notebook 05 and the command that it prints give the same scores", async (folder) => {
  const sets = { tasks: ["CMeEE", "CHIP-STS"], train: 40, dev: 20 } as const;
  const parameters = {
    dataDir: await writeMadeUpSets(join(folder, "data"), sets),
    runFolder: join(folder, "notebook"),
    recipe: JSON.stringify({ preset: "tiny", max_seq_length: 32, max_steps: 6, learning_rate: 1e-3 }),
  };
  const notebook = await readNotebook(NOTEBOOK);
  assert.deepEqual(await runNotebook(NOTEBOOK, notebook, { timeout: 300, parameters }), []);
  const shown = codeCells(notebook).flatMap(({ outputs }) =>
    outputs.map((output) => {
      if (output.output_type === "stream") return textOf(output.text);
      return "data" in output ? textOf(output.data["text/plain"] as string) : "";
    })
  );

  const [, task, ...flags] = shown.at(-1)!.trim().split(" ").slice(1); // no folder here needs quotes
  assert.equal(task, "cblue");
  const saveDir = flags.indexOf("--save_dir") + 1;
  assert.equal(flags[saveDir], parameters.runFolder);
  flags[saveDir] = join(folder, "command");
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tasks/cblue.ts", ...flags],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));

  const scores = await scoresIn(parameters.runFolder);
  assert.deepEqual(scores.map(({ task }: { task: string }) => task), ["CMeEE", "CHIP-STS"]);
  assert.deepEqual(await scoresIn(flags[saveDir]), scores);
  const table = shown.find((text) => text.startsWith("Scores on dev in percent"))!;
  for (const { task, evaluation: { score, interval } } of scores) {
    const [value, low, high] = [score.value, interval.low, interval.high].map((share) =>
      (100 * share).toFixed(2)
    );
    const row = table.split("\n").find((line) => line.startsWith(task))!;
    assert.ok(row.includes(` ${value} `) && row.includes(`${low} – ${high}`), row);
  }
});
