/** From training files to a submission by commands alone: what is predicted scores as what is evaluated. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type MadeUp, writeMadeUpSet } from "../cblue/made_up_sets.ts";
import { testInFolder } from "../folders.ts";

const TASKS = fileURLToPath(new URL("../../tasks/", import.meta.url));

async function run(task: string, ...flags: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${TASKS}${task}.ts`, ...flags],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function mustRun(task: string, ...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(task, ...flags);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

async function readRecords(path: string): Promise<Record<string, unknown>[]> {
  return JSON.parse(await Deno.readTextFile(path));
}

async function writeRecords(path: string, records: readonly Record<string, unknown>[]) {
  await Deno.writeTextFile(path, JSON.stringify(records));
}

/** Here by commands; `tests/cblue/round_trip_test.ts` has all eight. */
const CASES: [task: MadeUp, answer: string, flags: string[]][] = [
  ["CMeEE", "entities", ["--learning_rate", "2e-3", "--max_steps", "50"]],
  ["CHIP-CDN", "normalized_result", ["--learning_rate", "1e-3", "--max_steps", "60"]],
];
for (const [task, answer, flags] of CASES) {
  testInFolder(`${task}: predict, check-format and score give what evaluate gave`, async (folder) => {
    const data = join(folder, "data"), dataset = await writeMadeUpSet(data, task, 120, 30);
    const saved = join(folder, "run");
    const size = [
      "--preset",
      "tiny",
      "--max_seq_length",
      "32",
      "--batch_size",
      "16",
      "--valid_steps",
      "1000",
    ];
    const trained = await mustRun(
      "finetune",
      ...["--dataset", dataset, "--data_dir", data, "--save_dir", saved, "--num_threads", "1"],
      ...size,
      ...flags,
    );
    const model = trained.match(/^Best on dev: .* "(.*)"$/m)![1]!;
    const report = join(folder, "report.json");
    const page = join(folder, "errors.html");
    const shown = await mustRun("evaluate", model, "--data_dir", data, "--json", report, "--errors", page);
    assert.match(shown, new RegExp(`^${task}, dev, 30 records: `));
    const { score } = JSON.parse(await Deno.readTextFile(report));
    assert.ok(score.value > 0.2 && score.value <= 1, `${score.value}`); // neither nothing nor trivial to reproduce

    const { micro, examples } = JSON.parse(await Deno.readTextFile(report));
    const html = await Deno.readTextFile(page), cards = html.split("<article>").length - 1;
    assert.ok(html.includes(`${cards} of ${examples} examples are not wholly right`));
    assert.equal(cards === 0, micro.f1 === 1);
    assert.equal(/<span class="thing (missed|wrong)" title/.test(html), micro.f1 < 1);

    // the test file as it would be published: dev without its answers, in another order
    const [devName] = Array.from(Deno.readDirSync(data), ({ name }) => name).filter((name) =>
      name.includes("_dev.")
    );
    const dev = await readRecords(join(data, devName!)),
      raw = join(folder, devName!.replace("_dev", "_test"));
    await writeRecords(raw, dev.toReversed().map(({ [answer]: _, ...record }) => record));
    const output = join(folder, "submission");
    const path = (await mustRun("predict", model, "--input", raw, "--output", output)).trim();
    const check = ["--dataset", dataset, "--raw", raw, "--submission", path];
    assert.match(await mustRun("check_format", ...check), /fit to be submitted: all 30 records/);

    const scoreOf = async (path: string) => {
      await mustRun(
        "evaluate",
        "--predictions",
        path,
        "--dataset",
        dataset,
        "--data_dir",
        data,
        "--json",
        report,
      );
      return JSON.parse(await Deno.readTextFile(report)).score;
    };
    assert.deepEqual(await scoreOf(path), score);
    const zip = join(folder, "all.zip");
    await mustRun("submit", path, "--output", zip);
    assert.deepEqual(await scoreOf(zip), score);

    const records = await readRecords(path);
    await writeRecords(path, records.slice(1));
    const missing = await run("check_format", ...check);
    assert.equal(missing.code, 1);
    assert.match(missing.stdout, /would be refused: 1 problem/);
    const unscored = await run("evaluate", "--predictions", path, "--dataset", dataset, "--data_dir", data);
    assert.equal(unscored.code, 1);
    assert.match(unscored.stderr, /^error: /);

    // a label that the task lacks; terms are free, but must be there
    const spoilt = JSON.stringify(records).replaceAll(/"dis"/g, '"无此标签"')
      .replaceAll(/"normalized_result":"[^"]*"/g, '"normalized_result":7');
    await writeRecords(path, JSON.parse(spoilt));
    const wrong = await run("check_format", ...check);
    assert.equal(wrong.code, 1, wrong.stdout);
    assert.match(wrong.stdout, /无此标签|"normalized_result"/);
  });
}

testInFolder(
  "cblue: every task that there is data for, one table, and a second run finds all done",
  async (folder) => {
    const data = join(folder, "data"), saved = join(folder, "runs");
    await writeMadeUpSet(join(data, "CHIP-STS"), "CHIP-STS", 40, 20);
    await writeMadeUpSet(join(data, "CMeEE"), "CMeEE", 40, 20);
    const flags = [
      "--preset",
      "tiny",
      "--max_seq_length",
      "32",
      "--max_steps",
      "6",
      "--learning_rate",
      "1e-3",
    ];
    const all = [
      "cblue",
      "--all",
      "--data_dir",
      data,
      "--save_dir",
      saved,
      ...flags,
      "--num_threads",
      "1",
    ] as const;
    const shown = await mustRun(...all);
    const table = await Deno.readTextFile(join(saved, "scores.md"));
    assert.ok(shown.includes(table.trim()), shown);
    const rows = table.split("\n").filter((line) => /^\| C/.test(line)).map((line) => line.split(" | "));
    assert.deepEqual(rows.map(([task]) => task), ["| CMeEE", "| CHIP-STS"]);
    assert.deepEqual(rows.map((cells) => cells[4]), ["66.12", "88.75"]); // published
    const scores = JSON.parse(await Deno.readTextFile(join(saved, "scores.json")));
    for (const [i, { evaluation }] of scores.entries()) {
      assert.equal(rows[i]![2], (100 * evaluation.score.value).toFixed(2));
      assert.equal(evaluation.examples, 20);
    }

    const again = await mustRun(...all);
    assert.equal(again.match(/at step 6$/gm)?.length, 2, again); // went on where there was nothing left to do
    assert.equal(await Deno.readTextFile(join(saved, "scores.md")), table);

    const none = await run("cblue", "--data_dir", join(folder, "nothing"), "--save_dir", saved);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^error: Cannot/m);
  },
);
