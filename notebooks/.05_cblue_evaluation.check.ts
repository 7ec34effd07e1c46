// %% cell 1
let dataDir = ""; // folder with a folder or zip for each task, named as the task; empty: made-up sets
let model = ""; // checkpoint of a pretrained model; empty: a new one of the recipe's preset
let tasks = ""; // which, as in "CMeEE,KUAKE-QIC"; empty: all that there is data for
let runFolder = "../output/notebooks/05"; // a folder for each task's run, scores.md and scores.json
let recipe: Record<string, string | number | boolean> = { // flags of `deno task cblue`
  preset: "tiny",
  batch_size: 16,
  max_seq_length: 32,
  learning_rate: 2e-3,
  max_grad_norm: 1,
  max_steps: 80,
};
let shownErrors = 5; // wrong answers shown of each task; a page has all of them
;
// %% cell 2
import {
  CBLUE_OPTIONS,
  commandLine,
  confusionsOf,
  errorPage,
  finetuneAll,
  heatmap,
  onStop,
  resolveOptions,
  ScoreTable,
  show,
  table,
  type TaskResult,
  TASKS,
  View,
  writeMadeUpSets,
  wrongAnswers,
} from "../mod.ts";
;
// %% cell 3
const data = dataDir || await writeMadeUpSets("../output/notebooks/made-up-cblue", { train: 400, dev: 80 });
const given = {
  data_dir: data,
  save_dir: runFolder,
  ...(tasks && { tasks }),
  ...(model && { model }),
  ...recipe,
};
table(
  Object.values(TASKS).map(({ name, kind, labels, metric, recipe: { published } }) => ({
    task: name,
    answers: kind,
    labels: labels.length,
    metric,
    published,
  })),
);
;
// %% cell 4
const results: TaskResult[] = [];
const options = resolveOptions(CBLUE_OPTIONS, given);
for await (const result of finetuneAll(options, { signal: onStop(), print: () => {} })) {
  results.push(result);
  await show(new ScoreTable(results), { id: "scores", update: results.length > 1 });
}
;
// %% cell 5
new ScoreTable(results).figure;
;
// %% cell 6
for (const { answered } of results) {
  if (answered.kind !== "classification") continue;
  const { labels, matrix } = confusionsOf(answered.task, answered.examples, answered.answers);
  await show(heatmap(matrix, {
    title: answered.task.name,
    x: "answered",
    y: "right",
    rows: labels,
    columns: labels,
    numbers: true,
  }));
}
;
// %% cell 7
const errors: View[] = [];
for (const { task: name, answered: { task, examples, answers } } of results) {
  const wrong = wrongAnswers(task, examples, answers);
  const page = errorPage(task, examples, answers, `${name}, dev`);
  await Deno.writeTextFile(`${runFolder}/${name}/errors.html`, page);
  const rows = wrong.map(({ texts, found, missed, wrong }) => ({
    text: texts.join(" / "),
    found,
    missed,
    "answered wrongly": wrong,
  }));
  const caption = `${name}: ${wrong.length} of ${examples.length} not wholly right.`;
  if (wrong.length > 0) errors.push(table(rows, { caption, limit: shownErrors }));
}
View.stack(errors);
;
// %% cell 8
console.log(commandLine("cblue", given, CBLUE_OPTIONS));
;
export {};
