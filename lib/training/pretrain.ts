/**
 * Pretraining: one readable loop around one compiled step.
 *
 * B = sentences, R = 2B rows, L = positions, M = capacity of masked positions.
 *
 * @module
 */
import { join } from "node:path";
import type { Tensor } from "@tensorflow/tfjs-core";
import { ProgressBar, UserError } from "../config/mod.ts";
import {
  checkConfig,
  countParameters,
  createVariables,
  loadVariables,
  parameterShapes,
  presetConfig,
  type PretrainingConfig,
  stateDict,
} from "../electra/mod.ts";
import {
  batches,
  Corpus,
  maskCapacity,
  maskedPositions,
  type PlacedBatch,
  stepsForEpochs,
  stepsPerEpoch,
} from "../packing/mod.ts";
import { configureTensorFlow, EventFileWriter, hasGpu, tensorflowInfo, tf } from "../tensorflow/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import { AdamW, clipFactor } from "./adamw.ts";
import { lossChart } from "./chart.ts";
import { removeLeftovers, saveCheckpoint } from "./checkpoint.ts";
import { lockOutputDir } from "./lock.ts";
import { readTrainingRecords, TrainingLog, type TrainingLogState, type TrainingRecord } from "./log.ts";
import { checkMemory } from "./memory.ts";
import { presetOf, type PretrainOptions } from "./options.ts";
import { describeRun, hasFastBfloat16, metricsOf, writeEvents } from "./report.ts";
import { inexactChanges, momentsOf, restoreMoments, startingPoint } from "./resume.ts";
import { scheduleWithWarmup } from "./schedule.ts";
import { compileGradients, readReport, type StepReport } from "./step.ts";

const BETA1 = 0.9, BETA2 = 0.999;
const MOST_WARMUP_STEPS = 10_000;

/** How a run is watched and stopped. */
export interface PretrainContext {
  /** Aborting it saves a checkpoint and ends the run. */
  signal?: AbortSignal;
  /** Takes the log lines. Default: `console.log`. */
  print?: (line: string) => void;
}

/** How a run went. */
export interface PretrainSummary {
  /** The newest checkpoint: a model folder. */
  folder: string;
  /** Updates done; less than `totalSteps` if the run was stopped. */
  step: number;
  totalSteps: number;
  parameters: number;
  /** First and last log record; all of them are in `train.jsonl`. */
  first?: TrainingRecord | undefined;
  last?: TrainingRecord | undefined;
  /** The losses as a picture. */
  chart: string;
}

/**
 * Pretrains ERNIE-Health on a preprocessed corpus, or goes on where an earlier run into the same folder stopped:
 * from a checkpoint on, losses and weights are those of the uninterrupted run, bit for bit, on the processor of
 * the same machine with the same TensorFlow (a GPU adds in no fixed order); other options than the run began with
 * are refused.
 *
 * @param options As `deno task pretrain` takes them; see {@linkcode PRETRAIN_OPTIONS}.
 * @returns What was trained and where it is.
 * @throws {UserError} If input, options, memory or disk do not allow it; the last checkpoint is then untouched.
 *
 * @example
 * ```ts
 * import { resolveOptions } from "../config/mod.ts";
 * import { pretrain, PRETRAIN_OPTIONS } from "./mod.ts";
 * const given = { input_dir: "tests/fixtures/text", output_dir: await Deno.makeTempDir(), preset: "tiny" };
 * const options = resolveOptions(PRETRAIN_OPTIONS, { ...given, batch_size: 2, max_seq_length: 16, max_steps: 2 });
 * const { folder } = await pretrain(options);
 * console.log(folder); // …/checkpoint-2
 * await Deno.remove(options.output_dir, { recursive: true });
 * ```
 */
export async function pretrain(
  options: PretrainOptions,
  context: PretrainContext = {},
): Promise<PretrainSummary> {
  const { signal, print = console.log } = context;
  await checkFolder(options.input_dir);
  const vocabulary = await Vocabulary.read(join(options.input_dir, "vocab.txt"));
  using corpus = await openCorpus(options.input_dir, vocabulary);
  using _lock = lockOutputDir(options.output_dir);
  await removeLeftovers(options.output_dir);

  const { batch_size: B, max_seq_length: L, seed } = options;
  if (options.max_steps === 0) {
    throw new UserError("Cannot train 0 steps: give --max_steps, or -1 for --num_epochs");
  }
  const totalSteps = options.max_steps > 0
    ? options.max_steps
    : stepsForEpochs(corpus.length, B, options.num_epochs);
  const identity = { corpus: corpus.fingerprint, vocabulary: await vocabulary.hash() };
  const from = await startingPoint(options, identity);
  const config = from?.config as PretrainingConfig | undefined ??
    presetConfig(presetOf(options), vocabulary.size, { maxPositions: Math.max(512, L) });
  checkConfig(config);
  if (from && !from.resumed && from.step >= totalSteps) {
    throw new UserError(
      `Cannot begin from "${from.folder}": it is at step ${from.step}, and the run ends at step ${totalSteps}; raise ` +
        "--max_steps or --num_epochs",
    );
  }
  checkRows(config, vocabulary, L, options);
  const capacity = maskCapacity(2 * B, corpus.lengths(L - 2), options.mlm_prob); // M
  configureTensorFlow({ device: options.device, threads: options.num_threads });
  if (!hasGpu()) checkMemory(config, { rows: 2 * B, length: L, masked: capacity });
  else if (options.use_amp) {
    throw new UserError(
      "Cannot use --use_amp on a GPU yet: TensorFlow's rewrite is to float16 there, which needs loss scaling; leave " +
        "it out (GPUs from Ampere on compute float32 products in TensorFloat-32)",
    );
  }

  const variables = from ? loadVariables(config, from.model, from.folder) : createVariables(config, seed);
  const optimizer = new AdamW(variables, {
    beta1: BETA1,
    beta2: BETA2,
    epsilon: options.adam_epsilon,
    weightDecay: options.weight_decay,
  });
  using memory = new DisposableStack();
  memory.defer(() => {
    for (const { first, second } of optimizer.moments.values()) {
      [first, second].forEach((moment) => moment.dispose());
    }
    for (const variable of variables.values()) variable.dispose();
  });
  if (from) restoreMoments(optimizer, from);
  const schedule = scheduleWithWarmup({
    learningRate: options.learning_rate,
    totalSteps,
    warmup: options.warmup_steps ?? Math.min(MOST_WARMUP_STEPS, Math.floor(totalSteps / 10)),
  });

  let step = from?.step ?? 0, saved = from?.resumed ? step : -1, folder = from?.folder ?? "";
  const resume = from?.resumed ? { step, state: from.state.log as TrainingLogState } : undefined;
  const bar = new ProgressBar({
    label: "Training",
    unit: "steps",
    total: totalSteps,
    done: step,
    terminalOnly: true,
  });
  memory.defer(() => bar.finish()); // an error has a line of its own
  const say = (line: string) => bar.aside(() => print(line));
  using log = new TrainingLog(options.output_dir, {
    totalSteps,
    loggingSteps: options.logging_steps,
    resume,
    print: say,
  });
  using events = new EventFileWriter(join(options.output_dir, "loss_log"));
  const parameters = countParameters(parameterShapes(config));
  log.message(
    describeRun({ options, corpus, vocabulary, parameters, capacity, totalSteps, step, from: from?.folder }),
  );
  if (options.use_amp && !hasFastBfloat16()) {
    log.message(
      "Note: this processor has no bfloat16 instructions, so that --use_amp makes training slower here",
    );
  }
  for (const change of from?.resumed ? inexactChanges(from, options, tensorflowInfo().version) : []) {
    log.message(
      `Note: ${change}; from here on, results may differ in their last bits from the uninterrupted run's`,
    );
  }
  if (!from) events.text("run", "```json\n" + JSON.stringify({ ...options, config }, null, 2) + "\n```", 0);

  const save = async () => {
    log.flush();
    events.flush();
    folder = await saveCheckpoint(options.output_dir, {
      step,
      model: stateDict(config, variables),
      optimizer: momentsOf(optimizer),
      state: {
        ...identity,
        seed,
        log: log.state(),
        versions: { tensorflow: tensorflowInfo().version, deno: Deno.version.deno },
      },
      config,
      run: options,
      vocabulary: vocabulary.tokens,
    }, { keep: options.save_total_limit });
    saved = step;
  };

  const gradients = compileGradients({ config, variables, groups: [{ rows: 2 * B, width: L }], seed }, {
    precision: options.use_amp ? "mixed_bfloat16" : "float32",
    eager: options.eager_run,
  });
  memory.defer(() => gradients.dispose());
  const update = optimizer.compile();
  memory.defer(() => update.dispose());
  const run = async (inputs: Tensor[], step: number): Promise<StepReport> => {
    const [numbers, ...values] = await gradients.runAsync(...inputs);
    const report = readReport(await numbers.data());
    const rates = tf.tensor1d(
      optimizer.rates(step + 1, schedule(step), clipFactor(report.gradNorm, options.max_grad_norm)),
    );
    tf.dispose([await update.runAsync(rates, ...values), numbers, values, rates]);
    return report;
  };
  const stream = batches(corpus, {
    vocabulary,
    batchSize: B,
    maxSeqLength: L,
    mlmProb: options.mlm_prob,
    seed,
    startStep: step,
    maskCapacity: capacity,
  });
  const perEpoch = stepsPerEpoch(corpus.length, B);
  if (step >= totalSteps) say("Nothing is left to do: the run had reached its end");
  else if (!options.eager_run) say("Compiling the training step; the first one takes a while");
  let next: PlacedBatch | undefined = step < totalSteps ? stream.next().value : undefined;
  while (next && !signal?.aborted) {
    const batch = next;
    const inputs = toDevice(batch, capacity, step);
    const running = finish(run(inputs, step), inputs, options);
    let report: StepReport;
    try {
      next = step + 1 < totalSteps ? stream.next().value : undefined; // made while the device computes
    } finally {
      report = await running; // whatever happens, nothing is given back under a running step
    }
    step++;
    checkFinite(report, step, saved);
    const position = { step, epoch: batch.epoch, batch: batch.step % perEpoch, learningRate: schedule(step) };
    const record = log.add(position, metricsOf(report, batch));
    if (record) writeEvents(events, record, config);
    bar.update(step);
    if (step % options.save_steps === 0) await save();
  }
  bar.finish();
  if (saved !== step) await save();
  if (signal?.aborted) say(`Stopped at step ${step}: saved "${folder}"; the same command goes on from there`);

  const records = await readTrainingRecords(options.output_dir);
  const chart = join(options.output_dir, "losses.svg");
  if (records.length > 0) await Deno.writeTextFile(chart, lossChart(records));
  return { folder, step, totalSteps, parameters, first: records[0], last: records.at(-1), chart };
}

async function checkFolder(folder: string) {
  const isFolder = await Deno.stat(folder).then((entry) => entry.isDirectory, () => false);
  if (!isFolder) {
    throw new UserError(
      `Cannot read corpus "${folder}": no such folder; make one with \`deno task preprocess\``,
    );
  }
}

/** Opens the corpus; every id is looked at, which takes seconds a gigabyte. */
async function openCorpus(folder: string, vocabulary: Vocabulary): Promise<Corpus> {
  let bar: ProgressBar | undefined;
  try {
    return await Corpus.open(folder, vocabulary, {
      onProgress: (ids, total) => {
        bar ??= new ProgressBar({ label: "Checking the corpus", unit: "tokens", total, terminalOnly: true });
        bar.update(ids);
      },
    });
  } finally {
    bar?.finish();
  }
}

function checkRows(
  config: PretrainingConfig,
  vocabulary: Vocabulary,
  length: number,
  options: PretrainOptions,
) {
  const { vocab_size } = config.discriminator;
  const positions = Math.min(
    config.generator.max_position_embeddings,
    config.discriminator.max_position_embeddings,
  );
  if (vocab_size !== vocabulary.size) {
    throw new UserError(
      `Cannot train: the model has ${vocab_size} tokens, "${
        join(options.input_dir, "vocab.txt")
      }" ${vocabulary.size}`,
    );
  }
  if (length > positions) {
    throw new UserError(
      `Cannot train: --max_seq_length ${length} is beyond the model's ${positions} positions`,
    );
  }
}

function toDevice(batch: PlacedBatch, capacity: number, step: number): Tensor[] {
  const { positions, weights } = maskedPositions(batch, capacity);
  const { rows, length } = batch;
  return [
    tf.tensor1d(batch.maskedIds, "int32"), // (N)
    tf.tensor1d(batch.rawIds, "int32"), // (N)
    tf.tensor1d(positions, "int32"), // (M)
    tf.tensor1d(weights), // (M)
    tf.tensor1d(Int32Array.from({ length: rows }, (_, r) => r * length), "int32"), // (2S)
    tf.ones([rows]), // (2S)
    tf.scalar(step, "int32"),
    tf.scalar(1),
  ];
}

/** Refuses to go on, and to save, once a step has spoilt the weights; `saved`: newest checkpoint's step, or -1. */
function checkFinite({ total, gradNorm }: StepReport, step: number, saved: number) {
  if (Number.isFinite(total) && Number.isFinite(gradNorm)) return;
  const what = Number.isFinite(total) ? `norm of the gradients is ${gradNorm}` : `loss is ${total}`;
  throw new UserError(
    `Cannot go on: the ${what} at step ${step}; lower --learning_rate or raise --warmup_steps, ` +
      (saved < 0 ? "and start again" : `the checkpoint of step ${saved} is intact`),
  );
}

async function finish(
  running: Promise<StepReport>,
  inputs: Tensor[],
  options: PretrainOptions,
): Promise<StepReport> {
  try {
    return await running;
  } catch (error) {
    if ((error as { code?: number }).code !== 8) throw error; // RESOURCE_EXHAUSTED
    throw new UserError(
      `Cannot train with batches of ${options.batch_size} sentences of ${options.max_seq_length} tokens: ` +
        "out of memory; lower --batch_size or --max_seq_length",
      { cause: error },
    );
  } finally {
    tf.dispose(inputs);
  }
}
