/**
 * Whether training learns what it should, on a real corpus with a small model:
 *
 *     deno task bench:curves --corpus FOLDER --torch PYTHON [--paddle PYTHON] [--folder FOLDER] [--json]
 *
 * 1. Like the reference: ours and the peers' train from the same first weights on the same masked batches, one sentence a row.
 *    What differs is the seed of dropout and of the generator's samples: three on each side. The four losses of a step, smoothed
 *    over 25 steps, are alike if the sides' mean curves are, on average over the steps, no farther apart than the highest and the
 *    lowest of the reference's three. To show that this would notice a fault, ours also trains without dropout.
 * 2. Packed like padded: ours with packed rows and with a sentence a row, as many sentences a step; three seeds of everything
 *    but the first weights. Losses on sentences held out, over the sentences seen, are alike by the same rule.
 *
 * The model is small, and so is its vocabulary: the commonest tokens of the corpus, the others unknown.
 *
 * Every finished curve is kept in `--folder`; the same command goes on from there. At the end it draws `--picture`.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { createVariables, presetConfig, type PretrainingConfig, stateDict } from "../lib/electra/mod.ts";
import { type BatchLayout, Corpus, openBatches, planLayout } from "../lib/packing/mod.ts";
import { Vocabulary } from "../lib/text/mod.ts";
import { scheduleWithWarmup } from "../lib/training/mod.ts";
import { writeSafetensors } from "../lib/weights/mod.ts";
import { type PlainBatch, saveBatches } from "./peers/batches.ts";
import { curvePicture, type PanelRow } from "./peers/curve_picture.ts";
import { compareCurves, type Curve, interpolate, smooth } from "./peers/curve_statistics.ts";
import { writeSmallCorpus } from "./peers/small_corpus.ts";
import { drivers, type Losses, StepProcess, type StepSpec } from "./peers/step_process.ts";

const { values: flags } = parseArgs({
  options: {
    corpus: { type: "string" },
    torch: { type: "string" },
    paddle: { type: "string" },
    oracle: { type: "string", default: fileURLToPath(new URL("../../shared/oracle", import.meta.url)) },
    folder: { type: "string" },
    picture: { type: "string" },
    steps: { type: "string", default: "500" },
    seeds: { type: "string", default: "3" },
    threads: { type: "string", default: `${navigator.hardwareConcurrency}` },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const HELP = `deno task bench:curves --corpus FOLDER [flags]

  --corpus FOLDER   what \`deno task preprocess\` made
  --torch PYTHON    a Python with torch and transformers
  --paddle PYTHON   a Python with paddlepaddle and paddlenlp (minutes a seed)
  --oracle FOLDER   where torch_ernie_health.py is (../shared/oracle)
  --folder FOLDER   where weights, batches and finished curves are kept (default: a temporary one)
  --picture FILE    draws the curves as SVG
  --steps N         (500)
  --seeds N         (3)
  --threads N       (all cores)
  --json            a line of JSON per loss`;

const LOSSES = ["generator", "rtd", "mts", "csp"] as const;
const TITLES: Record<typeof LOSSES[number], string> = {
  generator: "Masked LM",
  rtd: "Replaced tokens",
  mts: "Token selection",
  csp: "Sequence contrast",
};
const BATCH_SIZE = 16, LEARNING_RATE = 1e-3, WARMUP = 0.1, MASK_PROBABILITY = 0.15;
/** Of first weights, order and masks, where they are the same for all. */
const SEED = 1000;
const SMOOTHED_OVER = 25; // steps
const HELD_OUT = 512; // sentences
const EVALUATIONS = 10;
/** Tokens of the model's vocabulary: of a Chinese medical corpus 99 % are among them. */
const VOCABULARY = 2048;
/** Of so many sentences of the corpus one is used: more than enough for the steps. */
const EVERY = 8;

const steps = Number(flags.steps);
const seeds = Array.from({ length: Number(flags.seeds) }, (_, i) => i + 1);

if (flags.help || !flags.corpus) console.log(HELP);
else {
  const folder = flags.folder ?? await Deno.makeTempDir();
  await Deno.mkdir(folder, { recursive: true });
  try {
    await compareAll(flags.corpus, folder);
  } finally {
    if (!flags.folder) await Deno.remove(folder, { recursive: true });
  }
}

async function compareAll(corpusFolder: string, folder: string) {
  const small = join(folder, "corpus");
  {
    const vocabulary = await Vocabulary.read(join(corpusFolder, "vocab.txt"));
    using corpus = await Corpus.open(corpusFolder, vocabulary);
    await writeSmallCorpus(small, corpus, vocabulary, { size: VOCABULARY, every: EVERY });
  }
  const vocabulary = await Vocabulary.read(join(small, "vocab.txt"));
  using corpus = await Corpus.open(small, vocabulary);
  const config = smallConfig(vocabulary.size);
  const weights = join(folder, "weights.safetensors");
  await writeSafetensors(weights, stateDict(config, createVariables(config, SEED)));
  const base = { config, precision: "float32", threads: Number(flags.threads), weights } as const;
  const rows = [
    ...await likeTheReference(folder, corpus, vocabulary, base),
    await packedLikePadded(folder, small, corpus, base),
  ];
  if (!flags.picture) return;
  const subtitle =
    `${config.discriminator.num_hidden_layers} layers of ${config.discriminator.hidden_size}, ` +
    `${steps} steps, ${seeds.length} seeds: mean as a line, range as a band`;
  await Deno.writeTextFile(flags.picture, curvePicture("Learning curves", subtitle, rows));
}

/** Part 1. @returns a row of panels, or none without a peer */
async function likeTheReference(
  folder: string,
  corpus: Corpus,
  vocabulary: Vocabulary,
  base: Omit<StepSpec, "seed">,
): Promise<PanelRow[]> {
  const layout = planLayout(corpus, {
    batchSize: BATCH_SIZE,
    maxSeqLength: 64,
    mlmProb: MASK_PROBABILITY,
    packing: "none",
  });
  const batches = join(folder, "batches.npz");
  const mlmProb = MASK_PROBABILITY;
  await saveBatches(batches, await firstBatches(corpus, { layout, vocabulary, mlmProb, seed: SEED }));
  const spec = { ...base, batches };
  const lossesOf = async (name: string, command: string[], spec: Omit<StepSpec, "seed">, some = seeds) => {
    const runs = [];
    for (const seed of some) {
      runs.push(await kept(folder, `${name}-${seed}`, () => train(command, { ...spec, seed })));
    }
    return runs.map(({ losses }) =>
      LOSSES.map((_, l) => smooth(losses.map((all) => all[l]!), SMOOTHED_OVER))
    );
  };
  const ours = await lossesOf("ours", drivers.ours(), spec);
  const peers: { name: string; curves: Curve[][] }[] = [];
  if (flags.torch) {
    const command = drivers.torch(flags.torch);
    const torchSpec = { ...spec, mode: "lean", oracle: flags.oracle } as const;
    peers.push({ name: "PyTorch", curves: await lossesOf("torch", command, torchSpec) });
  }
  if (flags.paddle) {
    peers.push({ name: "Paddle", curves: await lossesOf("paddle", drivers.paddle(flags.paddle), spec) });
  }
  if (peers.length === 0) return [];

  const faulty = { ...spec, config: withoutDropout(base.config) };
  const control = await lossesOf("without-dropout", drivers.ours(), faulty, seeds.slice(0, 1));
  const ofLoss = (runs: Curve[][], l: number) => runs.map((run) => run[l]!);
  LOSSES.forEach((loss, l) => {
    for (const { name, curves } of peers) {
      report(`ours against ${name}`, loss, compareCurves(ofLoss(ours, l), ofLoss(curves, l)));
    }
    const fault = compareCurves(ofLoss(control, l), ofLoss(peers[0]!.curves, l));
    report(`ours without dropout against ${peers[0]!.name} (to differ)`, loss, fault);
  });
  return [{
    heading: "The same batches, here and there: training losses",
    label: "step",
    x: Array.from({ length: steps }, (_, i) => i + 1),
    panels: LOSSES.map((loss, l) => ({
      title: TITLES[loss],
      series: [
        ...peers.map(({ name, curves }) => ({ name, curves: ofLoss(curves, l) })),
        { name: "ours", curves: ofLoss(ours, l) },
      ],
      likeness: compareCurves(ofLoss(ours, l), ofLoss(peers[0]!.curves, l)),
    })),
  }];
}

/** Part 2. */
async function packedLikePadded(
  folder: string,
  corpusFolder: string,
  corpus: Corpus,
  base: Omit<StepSpec, "seed">,
): Promise<PanelRow> {
  const maxSeqLength = 128, mlmProb = MASK_PROBABILITY;
  const packed = planLayout(corpus, { batchSize: BATCH_SIZE, maxSeqLength, mlmProb, packing: "rows" });
  const batchSize = Math.round(packed.sentencesPerStep);
  const padded = planLayout(corpus, { batchSize, maxSeqLength, mlmProb, packing: "none" });
  const evaluation = { sentences: HELD_OUT, layout: packed };
  const curvesOf = async (name: string, layout: BatchLayout) => {
    const runs = [];
    for (const seed of seeds) {
      const stream = { corpus: corpusFolder, layout, maskProbability: mlmProb, seed, evaluation };
      const spec = { ...base, stream, seed };
      runs.push(
        await kept(folder, `${name}-${seed}`, () => train(drivers.ours(), spec, steps / EVALUATIONS)),
      );
    }
    return runs;
  };
  const runs = { padded: await curvesOf("padded", padded), packed: await curvesOf("packed", packed) };
  const x = runs.padded[0]!.evaluations.map(({ sentences }) => sentences);
  const ofLoss = (all: TrainingRun[], l: number) =>
    all.map(({ evaluations }) =>
      interpolate(
        evaluations.map(({ sentences }) => sentences),
        evaluations.map(({ losses }) => losses[l]!),
        x,
      )
    );
  const panels = LOSSES.map((loss, l) => {
    const [reference, ours] = [ofLoss(runs.padded, l), ofLoss(runs.packed, l)];
    const likeness = compareCurves(ours, reference);
    report("packed against padded, held out", loss, likeness);
    const series = [{ name: "padded rows", curves: reference }, { name: "packed rows", curves: ours }];
    return { title: TITLES[loss], series, likeness };
  });
  return { heading: "Packed rows and padded rows: losses held out", label: "sentences seen", x, panels };
}

/** A finished run. */
interface TrainingRun {
  /** Of every step. */
  readonly losses: readonly Losses[];
  readonly evaluations: readonly { readonly sentences: number; readonly losses: Losses }[];
  /** CPU-seconds of all steps. */
  readonly cpu: number;
}

async function train(command: string[], spec: StepSpec, evaluateEvery?: number): Promise<TrainingRun> {
  const rate = scheduleWithWarmup({ learningRate: LEARNING_RATE, totalSteps: steps, warmup: WARMUP });
  using process = await StepProcess.start(command, spec);
  const losses: Losses[] = [], evaluations: { sentences: number; losses: Losses }[] = [];
  let sentences = 0, cpu = 0;
  for (let step = 0; step < steps; step++) {
    const cost = await process.step(step, rate(step));
    losses.push(cost.losses);
    cpu += cost.cpu;
    sentences += cost.sentences ?? 0;
    if (evaluateEvery && (step + 1) % evaluateEvery === 0) {
      evaluations.push({ sentences, losses: await process.evaluate() });
    }
  }
  return { losses, evaluations, cpu };
}

/** What is in the folder, or else made now and put there. */
async function kept(folder: string, name: string, make: () => Promise<TrainingRun>): Promise<TrainingRun> {
  const file = join(folder, `${name}-${steps}.json`);
  try {
    return JSON.parse(await Deno.readTextFile(file));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const run = await make();
  await Deno.writeTextFile(file, JSON.stringify(run));
  console.error(
    `${name}: ${run.cpu.toFixed(0)} CPU-s, last losses ${run.losses.at(-1)!.map((x) => x.toFixed(3))}`,
  );
  return run;
}

async function firstBatches(
  corpus: Corpus,
  options: Parameters<typeof openBatches>[1],
): Promise<PlainBatch[]> {
  const { rows, width } = options.layout.groups[0]!;
  using source = openBatches(corpus, options);
  const batches: PlainBatch[] = [];
  for (let step = 0; step < steps; step++) batches.push({ rows, width, ...await source.next() });
  return batches;
}

/** The preset `tiny`, but with dropout: in 500 steps all four of its losses move. */
function smallConfig(vocabularySize: number): PretrainingConfig {
  const config = presetConfig("tiny", vocabularySize, { maxPositions: 128 });
  const changes = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
  return {
    ...config,
    generator: { ...config.generator, ...changes },
    discriminator: { ...config.discriminator, ...changes },
  };
}

function withoutDropout(config: PretrainingConfig): PretrainingConfig {
  const none = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  return {
    ...config,
    generator: { ...config.generator, ...none },
    discriminator: { ...config.discriminator, ...none },
  };
}

function report(name: string, loss: string, { difference, spread, alike }: ReturnType<typeof compareCurves>) {
  if (flags.json) {
    const ratio = difference / spread;
    const line = {
      bench: "curves",
      case: `${name}, ${loss}`,
      ours: difference,
      peer: spread,
      ratio,
      unit: "loss",
    };
    console.log(JSON.stringify({ ...line, alike }));
  } else {
    const verdict = alike ? "within the spread" : "BEYOND the spread";
    console.log(`${name}, ${loss}: apart ${difference.toFixed(4)}, seeds ${spread.toFixed(4)}: ${verdict}`);
  }
}
