// %% cell 1
let textFile = ""; // text of yours, one sentence a line; empty: generated sentences
let vocabFile = ""; // vocab.txt of a model; empty: one is built from the text
let sentences = 3000; // generated sentences
let runFolder = "../output/notebooks/03"; // checkpoints and log
let preset = "tiny"; // size of the model: tiny, small, base, large
let batchSize = 16; // sentences a step
let maxSeqLength = 48; // tokens of the longest row
let learningRate = 1e-3;
let steps = 240; // length of the run
let pauseAt = 100; // step at which the run is stopped once, as if by the Stop button; 0: nowhere
let saveSteps = 40; // steps from one checkpoint to the next: the most that a crash loses
;
// %% cell 2
import {
  commandLine,
  Corpus,
  LivePlot,
  onStop,
  plot,
  prepareCorpus,
  pretrain,
  PRETRAIN_OPTIONS,
  readTrainingRecords,
  resolveOptions,
  show,
  table,
} from "../mod.ts";
;
// %% cell 3
const { data, vocabulary } = await prepareCorpus("../output/notebooks", {
  text: textFile,
  vocabulary: vocabFile,
  sentences,
});
await Corpus.open(data, vocabulary);
;
// %% cell 4
const given = {
  input_dir: data,
  output_dir: runFolder,
  preset,
  batch_size: batchSize,
  max_seq_length: maxSeqLength,
  learning_rate: learningRate,
  max_steps: steps,
  save_steps: saveSteps,
  logging_steps: 5,
};
const options = resolveOptions(PRETRAIN_OPTIONS, given);

async function train(until = 0) {
  const pause = new AbortController();
  const losses = new LivePlot({ title: "Losses", x: "step" });
  const { step, totalSteps, folder } = await pretrain(options, {
    signal: AbortSignal.any([onStop(), pause.signal]),
    print: () => {}, // its lines are in train.log
    async onRecord(record) {
      if (record.kind !== "training") return;
      const { step, generator, rtd, multi_choice, seq_contrastive_loss } = record;
      await losses.add(step, {
        "generator": generator ?? NaN,
        "replaced tokens": rtd ?? NaN,
        "multiple choice": multi_choice ?? NaN,
        "contrast": seq_contrastive_loss ?? NaN,
      });
      if (step === until) pause.abort();
    },
  });
  await losses.finish();
  console.log(`Step ${step} of ${totalSteps}, saved in ${folder}`);
}
;
// %% cell 5
await train(pauseAt);
;
// %% cell 6
await train();
;
// %% cell 7
const records = await readTrainingRecords(runFolder);
const share = (name: "generator_accuracy" | "replaced_rate" | "rtd_precision" | "rtd_recall") => ({
  x: records.map(({ step }) => step),
  y: records.map((record) => record[name] ?? null),
});
await show(plot({
  "masked tokens restored": share("generator_accuracy"),
  "tokens replaced": share("replaced_rate"),
  "precision of the replaced": share("rtd_precision"),
  "recall of the replaced": share("rtd_recall"),
}, { title: "Shares", x: "step" }));
table([records[0], records.at(-1)!], {
  caption: "The first interval and the last",
  columns: ["step", "avg_loss", "lr", "grad_norm", "fill_rate", "epochs"],
});
;
// %% cell 8
console.log(`${commandLine("pretrain", given, PRETRAIN_OPTIONS)}
deno task report ${options.output_dir.replace(/^\.\.\//, "")}`);
;
export {};
