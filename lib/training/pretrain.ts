/**
 * Pretraining from beginning to end: what is needed is opened and checked before the first step.
 *
 * @module
 */
import { join } from "node:path";
import { ProgressBar, UserError } from "../config/mod.ts";
import { type Cluster, type Facts, type Json, localSize } from "../cluster/mod.ts";
import { ALONE, type Exchange, type PretrainingConfig } from "../electra/mod.ts";
import type { BatchLayout } from "../packing/mod.ts";
import { configureTensorFlow, hasGpu, tensorflowInfo } from "../tensorflow/mod.ts";
import { lossChart } from "./chart.ts";
import { removeLeftovers } from "./checkpoint.ts";
import { openTrainingData, type TrainingData } from "./data.ts";
import { initialWeights } from "./initial_weights.ts";
import { lockOutputDir } from "./lock.ts";
import { checkMemory } from "./memory.ts";
import type { PretrainOptions } from "./options.ts";
import { describePlan, planRun } from "./plan.ts";
import { type LogRecord, readLogRecords, readTrainingRecords, type TrainingRecord } from "./records.ts";
import { type Beginning, removeObsolete, startingPoint } from "./resume.ts";
import { PretrainingRun } from "./run.ts";
import { together } from "./together.ts";

/** How a run is watched and stopped. */
export interface PretrainContext {
  /** Aborting it saves a checkpoint and ends the run. */
  signal?: AbortSignal;
  /** Takes the log lines. Default: `console.log`. */
  print?: (line: string) => void;
  /**
   * Hears each record of the run, of a resumed one those before first, and training waits for it: a place to draw curves, and
   * for a Stop button to be heard.
   */
  onRecord?: ((record: LogRecord) => void | Promise<void>) | undefined;
  /** The processes that train together, each of which calls this function; default: this one alone. */
  cluster?: Cluster | undefined;
}

/** How a run went. */
export interface PretrainSummary {
  /**
   * The checkpoint to use, a model folder: the newest, or with `load_best_model_at_end` the best. Empty after a dry run, and
   * in processes that write nothing.
   */
  folder: string;
  /** Steps done; less than `totalSteps` if the run was stopped. */
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
 * Of several processes each has a batch of its own, and a step is one of all of these together; rank 0 alone reads and writes
 * the output folder.
 *
 * @returns What was trained and where it is.
 * @throws {UserError} If input, options, memory or disk do not allow it; the last checkpoint is then untouched.
 * @throws {PeerLostError} If another process was lost: a new start goes on from the last checkpoint.
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
  const { signal, print = console.log, cluster } = context;
  using data = await openTrainingData(options);
  configureTensorFlow({ device: options.device, threads: options.num_threads });
  if (options.dry_run) return await dryRun(options, data, context);

  using opened = new DisposableStack();
  /** What rank 0 alone does: it has the output folder. */
  const prepare = async (): Promise<Beginning> => {
    opened.use(lockOutputDir(options.output_dir));
    await removeLeftovers(options.output_dir);
    return await startingPoint(options, data, print);
  };
  if (!cluster) {
    return await carryOut({ options, data, ...await prepare(), exchange: ALONE, context });
  }

  let own: Beginning | undefined;
  return await together(cluster, factsOf(options, data), {
    timeout: options.timeout,
    signal,
    begin: async () => {
      own = await prepare();
      return withoutValues(own);
    },
    work: (begin, exchange) => {
      const beginning = own ?? { ...begin as unknown as Omit<Beginning, "obsolete">, obsolete: [] };
      return carryOut({ options, data, ...beginning, exchange, context });
    },
  });
}

/** What {@linkcode carryOut} needs. */
interface RunInputs extends Beginning {
  options: PretrainOptions;
  data: TrainingData;
  exchange: Exchange;
  context: PretrainContext;
}

async function carryOut(
  { options, data, from, initial, obsolete, exchange, context }: RunInputs,
): Promise<PretrainSummary> {
  const { signal, print = console.log, onRecord, cluster } = context;
  // as the run began: another release may lay rows out otherwise
  if (from?.resumed && from.state.layout) data.layout = from.state.layout as BatchLayout;
  const config = (from?.config ?? initial?.config) as PretrainingConfig | undefined;
  const plan = planRun(options, data, { config, processes: exchange.size });
  const { totalSteps, parameters } = plan;
  if (from && !from.resumed && from.step >= totalSteps) {
    throw new UserError(
      `Cannot begin from "${from.folder}": it is at step ${from.step}, and the run ends at step ${totalSteps}; raise ` +
        "--max_steps or --num_epochs",
    );
  }
  if (!options.do_train && !data.evaluation) {
    throw new UserError("Cannot evaluate: --no-do_train needs --eval_dir or --eval_share");
  }
  if (!options.do_train && !from) {
    throw new UserError(
      `Cannot evaluate: "${options.output_dir}" has no checkpoint, and --no-do_train makes none`,
    );
  }
  if (!hasGpu()) checkMemory(plan.memory * (cluster ? localSize(cluster) : 1));
  await removeObsolete(options.output_dir, obsolete, print); // now that nothing speaks against the run

  const leads = exchange.rank === 0;
  const bar = new ProgressBar({
    label: "Training",
    unit: "steps",
    total: totalSteps,
    done: from?.step ?? 0,
    terminalOnly: true,
    hidden: options.disable_tqdm || !leads,
  });
  let folder = "", step = 0;
  try {
    using run = await PretrainingRun.open({
      options,
      data,
      plan,
      from,
      initial,
      exchange,
      bar,
      print,
      onRecord,
    });
    if (onRecord && leads && from?.resumed) {
      for (const record of await readLogRecords(options.output_dir)) await onRecord(record);
    }
    if (options.do_train) await run.train(signal);
    else await run.evaluate(signal);
    ({ folder, step } = run);
  } finally {
    bar.finish(); // an error has a line of its own
  }
  if (!leads) return { folder: "", step, totalSteps, parameters, chart: "" };

  const records = await readTrainingRecords(options.output_dir);
  const chart = join(options.output_dir, "losses.svg");
  if (records.length > 0) await Deno.writeTextFile(chart, lossChart(records));
  return { folder, step, totalSteps, parameters, first: records[0], last: records.at(-1), chart };
}

async function dryRun(
  options: PretrainOptions,
  data: TrainingData,
  { print = console.log, cluster }: PretrainContext,
): Promise<PretrainSummary> {
  const initial = await initialWeights(options, data.vocabulary);
  const plan = planRun(options, data, { config: initial?.config, processes: cluster?.size ?? 1 });
  if (!cluster || cluster.rank === 0) {
    for (const line of await describePlan(plan, data, options)) print(line);
  }
  const { totalSteps, parameters } = plan;
  return { folder: "", step: 0, totalSteps, parameters, chart: "" };
}

/** Options that may differ between the processes of a run: where things are on each machine. */
const OWN_OPTIONS: ReadonlySet<string> = new Set(
  [
    "input_dir",
    "output_dir",
    "eval_dir",
    "logging_dir",
    "num_threads",
    "disable_tqdm",
  ] satisfies (keyof PretrainOptions)[],
);

/** What must be the same in all processes. */
function factsOf(options: PretrainOptions, { identity, evaluation }: TrainingData): Facts {
  const common = Object.entries(options).filter(([name]) => !OWN_OPTIONS.has(name));
  return {
    "version of Deno": Deno.version.deno,
    "version of TensorFlow": tensorflowInfo().version,
    ...identity,
    "evaluation set": evaluation?.identity ?? "none",
    ...Object.fromEntries(common.map(([name, value]) => [`--${name}`, String(value)])),
  };
}

/** A beginning as it is told to processes that get its values otherwise. */
function withoutValues({ from, initial }: Beginning): Json {
  const { model: _model, optimizer: _optimizer, ...point } = from ?? {};
  const { tensors: _tensors, ...weights } = initial ?? {};
  return {
    ...(from && { from: { ...point, vocabulary: [] } }),
    ...(initial && { initial: weights }),
  } as unknown as Json;
}
