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
  lazyTensor,
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
import {
  configureTensorFlow,
  EventFileWriter,
  hasGpu,
  inspectMachine,
  tensorflowInfo,
  tf,
} from "../tensorflow/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import { AdamW } from "./adamw.ts";
import { lossChart } from "./chart.ts";
import {
  type Checkpoint,
  latestCheckpoint,
  loadCheckpoint,
  removeLeftovers,
  saveCheckpoint,
} from "./checkpoint.ts";
import { lockOutputDir } from "./lock.ts";
import { readTrainingRecords, TrainingLog, type TrainingLogState, type TrainingRecord } from "./log.ts";
import { checkMemory } from "./memory.ts";
import { type PretrainOptions, RESUMABLE } from "./options.ts";
import { linearDecayWithWarmup } from "./schedule.ts";
import { compileTrainingStep, readReport, type StepInputs, type StepReport } from "./step.ts";

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
 * from a checkpoint on, losses and weights are those of the uninterrupted run, bit for bit.
 *
 * @param options As `deno task pretrain` takes them; see {@linkcode PRETRAIN_OPTIONS}.
 * @returns What was trained and where it is.
 * @throws {UserError} If input, options, memory or disk do not allow it; the last checkpoint is then untouched.
 *
 * @example
 * ```ts ignore
 * const options = resolveOptions(PRETRAIN_OPTIONS, { input_dir: "data", output_dir: "output", max_steps: 300 });
 * const { folder, last } = await pretrain(options);
 * ```
 */
export async function pretrain(
  options: PretrainOptions,
  context: PretrainContext = {},
): Promise<PretrainSummary> {
  const { signal, print = console.log } = context;
  const vocabulary = await Vocabulary.read(join(options.input_dir, "vocab.txt"));
  using corpus = await Corpus.open(options.input_dir, vocabulary);
  using _lock = lockOutputDir(options.output_dir);
  await removeLeftovers(options.output_dir);

  const { batch_size: B, max_seq_length: L, seed } = options;
  const totalSteps = options.max_steps > 0
    ? options.max_steps
    : stepsForEpochs(corpus.length, B, options.num_epochs);
  const identity = { corpus: corpus.fingerprint, vocabulary: await vocabulary.hash() };
  const from = await startingPoint(options, identity);
  const config = from?.config as PretrainingConfig | undefined ??
    presetConfig(options.preset, vocabulary.size, Math.max(512, L));
  checkConfig(config);
  checkRows(config, vocabulary, L, options);
  const capacity = maskCapacity(2 * B, corpus.lengths(L - 2), options.mlm_prob); // M
  checkMemory(config, { rows: 2 * B, length: L, masked: capacity });

  configureTensorFlow({ device: options.device, threads: options.num_threads });
  const variables = from ? loadVariables(config, from.model, from.folder) : createVariables(config, seed);
  const optimizer = new AdamW(variables, {
    beta1: BETA1,
    beta2: BETA2,
    epsilon: options.adam_epsilon,
    weightDecay: options.weight_decay,
    maxGradNorm: options.max_grad_norm,
  });
  if (from) restoreMoments(optimizer, from);
  const schedule = linearDecayWithWarmup({
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
  if (!from) events.text("run", "```json\n" + JSON.stringify({ ...options, config }, null, 2) + "\n```", 0);

  const save = async () => {
    log.flush();
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

  const run = compileTrainingStep(config, variables, optimizer, seed, {
    precision: options.use_amp ? "mixed_bfloat16" : "float32",
    eager: options.eager_run,
  });
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
  let next: PlacedBatch | undefined = step < totalSteps ? stream.next().value : undefined;
  while (next && !signal?.aborted) {
    const batch = next;
    const inputs = toDevice(batch, capacity, step, optimizer.rates(step + 1, schedule(step)));
    const running = run.runAsync(...inputs);
    next = step + 1 < totalSteps ? stream.next().value : undefined; // made while the device computes
    const report = await finish(running, inputs, options);
    step++;
    if (!Number.isFinite(report.total)) {
      throw new UserError(
        `Cannot go on: the loss is ${report.total} at step ${step}; lower --learning_rate or raise --warmup_steps, ` +
          (saved < 0 ? "and start again" : `the checkpoint of step ${saved} is intact`),
      );
    }
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
  run.dispose();
  for (const { first, second } of optimizer.moments.values()) (first.dispose(), second.dispose());
  for (const variable of variables.values()) variable.dispose();
  return { folder, step, totalSteps, parameters, first: records[0], last: records.at(-1), chart };
}

interface StartingPoint extends Checkpoint {
  folder: string;
  /** Whether it is this very run that goes on. */
  resumed: boolean;
}

/** The run's own last checkpoint, or the one it was told to begin from. */
async function startingPoint(
  options: PretrainOptions,
  identity: Record<string, string>,
): Promise<StartingPoint | undefined> {
  const own = await latestCheckpoint(options.output_dir);
  if (own) {
    const checkpoint = await loadCheckpoint(own);
    checkSameRun(own, checkpoint, options, identity);
    return { ...checkpoint, folder: own, resumed: true };
  }
  if (!options.init_from_ckpt) return undefined;
  const folder = options.model_name_or_path;
  if (!folder) {
    throw new UserError(
      "Cannot begin from a checkpoint: --init_from_ckpt needs its folder in --model_name_or_path",
    );
  }
  return { ...await loadCheckpoint(folder), folder, resumed: false };
}

/** A run goes on only with what it began with: anything else would be another curve under the same name. */
function checkSameRun(
  folder: string,
  { run, state }: Checkpoint,
  options: PretrainOptions,
  identity: Record<string, string>,
) {
  const before = run as Record<string, unknown>;
  for (const [name, value] of Object.entries(options)) {
    if (RESUMABLE.has(name) || before[name] === value) continue;
    throw new UserError(
      `Cannot resume from "${folder}": --${name} was ${before[name] ?? "not given"} and now is ${
        value ?? "not given"
      }; ` +
        "use the same options, or another --output_dir",
    );
  }
  for (const [name, value] of Object.entries(identity)) {
    if (state[name] === value) continue;
    throw new UserError(
      `Cannot resume from "${folder}": it was trained on another ${name}; use another --output_dir`,
    );
  }
}

function checkRows(
  config: PretrainingConfig,
  vocabulary: Vocabulary,
  length: number,
  options: PretrainOptions,
) {
  const { vocab_size, max_position_embeddings } = config.discriminator;
  if (vocab_size !== vocabulary.size) {
    throw new UserError(
      `Cannot train: the model has ${vocab_size} tokens, "${
        join(options.input_dir, "vocab.txt")
      }" ${vocabulary.size}`,
    );
  }
  if (length > max_position_embeddings) {
    throw new UserError(
      `Cannot train: --max_seq_length ${length} is beyond the model's ${max_position_embeddings} positions`,
    );
  }
}

function toDevice(batch: PlacedBatch, capacity: number, step: number, rates: Float32Array): StepInputs {
  const { positions, weights } = maskedPositions(batch, capacity);
  const shape: [number, number] = [batch.rows, batch.length];
  return [
    tf.tensor2d(batch.maskedIds, shape, "int32"), // (R, L)
    tf.tensor2d(batch.rawIds, shape, "int32"), // (R, L)
    tf.tensor1d(positions, "int32"), // (M)
    tf.tensor1d(weights), // (M)
    tf.scalar(step, "int32"),
    tf.tensor1d(rates), // (3)
  ];
}

async function finish(
  running: Promise<Tensor>,
  inputs: Tensor[],
  options: PretrainOptions,
): Promise<StepReport> {
  try {
    const report = await running;
    const numbers = await report.data();
    report.dispose();
    return readReport(numbers);
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

function metricsOf(report: StepReport, batch: PlacedBatch) {
  return {
    loss: report.total,
    generator: report.generator,
    rtd: report.rtd,
    multiChoice: report.mts,
    seqContrastive: report.csp,
    gradNorm: report.gradNorm,
    tokens: batch.tokens,
    masked: report.masked,
    generatorCorrect: report.generatorCorrect,
    replaced: report.replaced,
    rtdPredicted: report.rtdFlagged,
    rtdCorrect: report.rtdFound,
  };
}

/** The scalars that the original logs, weighted as it does, and the numbers that show whether training is sound. */
function writeEvents(events: EventFileWriter, record: TrainingRecord, config: PretrainingConfig) {
  const { rtd, mts } = config.loss_weights;
  const scalars = {
    "total_loss": record.avg_loss,
    "loss/generator_loss": record.generator,
    "loss/rtd_loss": record.rtd === null ? null : rtd * record.rtd,
    "loss/mts_loss": record.multi_choice === null ? null : mts * record.multi_choice,
    "loss/csp_loss": record.seq_contrastive_loss,
    "lr": record.lr,
    "grad_norm": record.grad_norm,
    "tokens_per_second": record.tokens_per_second,
    "balance/replaced_rate": record.replaced_rate,
    "balance/generator_accuracy": record.generator_accuracy,
    "balance/rtd_precision": record.rtd_precision,
    "balance/rtd_recall": record.rtd_recall,
  };
  for (const [tag, value] of Object.entries(scalars)) {
    if (value !== null) events.scalar(tag, value, record.step);
  }
  events.flush();
}

function hasFastBfloat16(): boolean {
  return hasGpu() || inspectMachine().instructionSets.some((name) => name.endsWith("bf16"));
}

/** `<parameter>.moment1` and `.moment2`, read from the device when their turn to be written comes. */
function momentsOf(optimizer: AdamW) {
  return new Map([...optimizer.moments].flatMap(([name, { first, second }]) => [
    [`${name}.moment1`, lazyTensor(first)] as const,
    [`${name}.moment2`, lazyTensor(second)] as const,
  ]));
}

function restoreMoments(optimizer: AdamW, { optimizer: saved, folder }: StartingPoint) {
  for (const [name, { first, second }] of optimizer.moments) {
    for (const [variable, key] of [[first, `${name}.moment1`], [second, `${name}.moment2`]] as const) {
      const tensor = saved.get(key);
      if (!tensor) throw new UserError(`Cannot load "${folder}": the optimizer's "${key}" is missing`);
      variable.assign(tensor.data as Float32Array);
    }
  }
}

function describeRun(run: {
  options: PretrainOptions;
  corpus: Corpus;
  vocabulary: Vocabulary;
  parameters: number;
  capacity: number;
  totalSteps: number;
  step: number;
  from?: string | undefined;
}): string {
  const { options, corpus, vocabulary, parameters, capacity, totalSteps, step, from } = run;
  const { batch_size: B, max_seq_length: L } = options;
  const n = (value: number) => value.toLocaleString("en-US");
  return (from
    ? `Going on from "${from}" at step ${step}`
    : `Training a new model, preset ${options.preset}`) +
    `: ${n(parameters)} parameters, ${n(vocabulary.size)} tokens in the vocabulary; ${
      n(corpus.length)
    } sentences, ` +
    `${2 * B} rows of ${L} a step, at most ${n(capacity)} masked; ${n(totalSteps)} steps` +
    (options.use_amp ? ", mixed bfloat16" : "");
}
