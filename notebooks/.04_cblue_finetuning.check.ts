// %% cell 1
let dataDir = ""; // folder with a folder or zip for each task, named as the task; empty: made-up sets
let model = ""; // checkpoint of a pretrained model; empty: a new one of the recipe's preset
let runFolder = "../output/notebooks/04"; // a folder for each task's run: checkpoints and log
let classificationTask = "CHIP-STS"; // or CHIP-CTC, KUAKE-QIC, KUAKE-QTR, KUAKE-QQR
let entityTask = "CMeEE"; // or CMeEE-V2
let relationTask = "CMeIE"; // or CMeIE-V2
let recipe: Record<string, string | number | boolean> = { // flags of `deno task finetune`
  preset: "tiny",
  batch_size: 16,
  max_seq_length: 32,
  learning_rate: 2e-3,
  max_grad_norm: 1,
  max_steps: 80,
  valid_steps: 40,
};
;
// %% cell 2
import {
  type AnsweredSplit,
  answerSplit,
  chineseName,
  commandLine,
  confusionsOf,
  entityView,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  heatmap,
  LivePlot,
  onStop,
  relationView,
  resolveOptions,
  show,
  table,
  View,
  writeMadeUpSets,
  wrongAnswers,
} from "../mod.ts";
;
// %% cell 3
const data = dataDir || await writeMadeUpSets("../output/notebooks/made-up-cblue", { train: 400, dev: 80 });

const given = (dataset: string) => ({
  dataset,
  data_dir: data,
  save_dir: `${runFolder}/${dataset}`,
  ...(model && { model }),
  ...recipe,
});

async function learn(dataset: string): Promise<AnsweredSplit> {
  const losses = new LivePlot({ title: dataset, x: "step", y: "loss", logarithmic: true });
  const { folder, best } = await finetune(resolveOptions(FINETUNE_OPTIONS, given(dataset)), {
    signal: onStop(),
    print: () => {}, // its lines are in train.log
    async onRecord(record) {
      if (record.kind === "training") await losses.add(record.step, { loss: record.avg_loss ?? NaN });
      else console.log(`Dev at step ${record.step}: ${record.metric} ${record.score.toFixed(4)}`);
    },
  });
  await losses.finish();
  console.log(`Best: step ${best?.step}`);
  using answering = await FinetunedModel.open(folder);
  return await answerSplit(answering, data);
}

const byLabel = ({ task, evaluation }: AnsweredSplit) =>
  table(
    evaluation.labels.filter(({ answers }) => answers > 0).map((row) => ({
      label: row.label,
      Chinese: chineseName(task, row.label),
      precision: row.precision,
      recall: row.recall,
      F1: row.f1,
      answers: row.answers,
    })),
    { caption: `${task.name}, dev, by label` },
  );
;
// %% cell 4
const classified = await learn(classificationTask);
;
// %% cell 5
if (classified.kind === "classification") {
  const { task, examples, answers } = classified;
  const { labels, matrix } = confusionsOf(task, examples, answers);
  await show(heatmap(matrix, {
    title: `${task.name}: what was taken for what`,
    x: "answered",
    y: "right",
    rows: labels,
    columns: labels,
    numbers: true,
  }));
  const wrong = wrongAnswers(task, examples, answers);
  const rows = wrong.map(({ texts, missed, wrong }) => ({
    text: texts.join(" / "),
    right: missed,
    answered: wrong,
  }));
  await show(table(rows, { caption: `${wrong.length} of ${examples.length} answered wrongly`, limit: 8 }));
}
byLabel(classified);
;
// %% cell 6
const named = await learn(entityTask);
;
// %% cell 7
if (named.kind === "entities") {
  const { task, examples, answers } = named;
  const names = Object.fromEntries(task.labels.map(({ name }) => [name, chineseName(task, name)]));
  const views = examples.slice(0, 5).flatMap(({ text, entities = [] }, i) => [
    entityView(text, entities, { names }),
    entityView(text, answers[i], { names }),
  ]);
  await show(View.stack(views));
}
byLabel(named);
;
// %% cell 8
const related = await learn(relationTask);
;
// %% cell 9
if (related.kind === "relations") {
  const { examples, answers } = related;
  const views = examples.slice(0, 4).flatMap(({ text, triples = [] }, i) => [
    relationView(text, triples.map(({ subject, predicate, object }) => ({ subject, predicate, object }))),
    relationView(text, answers[i]),
  ]);
  await show(View.stack(views));
}
byLabel(related);
;
// %% cell 10
for (const dataset of [classificationTask, entityTask, relationTask]) {
  console.log(commandLine("finetune", given(dataset), FINETUNE_OPTIONS));
}
;
export {};
