/**
 * Fine-tuning from beginning to end: what is needed is opened and checked before the first step.
 *
 * @module
 */
import { join } from "node:path";
import { ProgressBar, UserError } from "../config/mod.ts";
import type { Cluster, Facts, Json } from "../cluster/mod.ts";
import { ALONE, type Exchange } from "../electra/mod.ts";
import { configureTensorFlow, tensorflowInfo } from "../tensorflow/mod.ts";
import {
  type LoadedCheckpoint,
  loadLatestCheckpoint,
  lockOutputDir,
  readLogRecords,
  removeLeftovers,
  restoreMoments,
  restoreTrained,
  takeFirst,
  together,
} from "../training/mod.ts";
import { type FinetuningData, openFinetuningData } from "./data.ts";
import type { FinetuningRecord } from "./log.ts";
import type { Score } from "./scores/metrics.ts";
import { openModel, readSavedModel, type SavedModel } from "./open_model.ts";
import { type FinetuneOptions, RESUMABLE } from "./options.ts";
import { FinetuningRun } from "./run.ts";
import { finetuningSchedule } from "./schedule.ts";

/** How a run is watched and stopped. */
export interface FinetuneContext {
  /** Aborting it saves a checkpoint and ends the run. */
  readonly signal?: AbortSignal;
  /** Takes the log lines. Default: `console.log`. */
  readonly print?: (line: string) => void;
  /**
   * Hears each record of the run, of a resumed one those before first, and training waits for it: a place to draw curves, and
   * for a Stop button to be heard.
   */
  readonly onRecord?: ((record: FinetuningRecord) => void | Promise<void>) | undefined;
  /** The processes that train together, each of which calls this function; default: this one alone. */
  readonly cluster?: Cluster | undefined;
}

/** How a run went. */
export interface FinetuneSummary {
  /** The checkpoint to use: the best on dev, or the newest. Empty in processes that write nothing. */
  readonly folder: string;
  /** Steps done. */
  readonly step: number;
  /** The best score on dev, where there is a dev set. */
  readonly best: { readonly step: number; readonly score: Score } | undefined;
}

/**
 * Fine-tunes on a task, or goes on where an earlier run into the same folder stopped, to the last bit as if it had not.
 *
 * @param options As `deno task finetune` takes them; see {@linkcode FINETUNE_OPTIONS}.
 * @throws {UserError} If input, options, memory or disk do not allow it; the last checkpoint is then untouched.
 * @throws {PeerLostError} If another process was lost: a new start goes on from the last checkpoint.
 *
 * @example
 * ```ts ignore
 * import { resolveOptions } from "../config/mod.ts";
 * import { finetune, FINETUNE_OPTIONS } from "./mod.ts";
 * const options = resolveOptions(FINETUNE_OPTIONS, { dataset: "KUAKE-QIC", data_dir: "data/KUAKE-QIC" });
 * const { folder, best } = await finetune(options);
 * ```
 */
export async function finetune(
  options: FinetuneOptions,
  context: FinetuneContext = {},
): Promise<FinetuneSummary> {
  const { signal, cluster, print = console.log } = context;
  const saved = options.model === undefined ? undefined : await readSavedModel(options.model);
  const data = await openFinetuningData(options, saved?.vocabulary);
  configureTensorFlow({ device: options.device, threads: options.num_threads });
  using opened = new DisposableStack();
  const prepare = async () => {
    opened.use(lockOutputDir(options.save_dir));
    await removeLeftovers(options.save_dir);
    return await ownCheckpoint(options, data, print);
  };
  if (!cluster) {
    return await carryOut({ options, data, saved, from: await prepare(), exchange: ALONE, context });
  }

  let own: LoadedCheckpoint | undefined;
  return await together(cluster, factsOf(options, data), {
    timeout: options.timeout,
    signal,
    begin: async () => {
      own = await prepare();
      return own ? { step: own.step, state: own.state as Json } : null;
    },
    work: (begin, exchange) =>
      carryOut({
        options,
        data,
        saved,
        from: own ?? begin as unknown as Position | undefined,
        exchange,
        context,
      }),
  });
}

/** A checkpoint without its values, as rank 0 tells of it. */
type Position = Pick<LoadedCheckpoint, "step" | "state">;

interface RunInputs {
  readonly options: FinetuneOptions;
  readonly data: FinetuningData;
  readonly saved: SavedModel | undefined;
  readonly from: LoadedCheckpoint | Position | undefined | null;
  readonly exchange: Exchange;
  readonly context: FinetuneContext;
}

async function carryOut(
  { options, data, saved, from, exchange, context }: RunInputs,
): Promise<FinetuneSummary> {
  const { signal, print = console.log, onRecord } = context, leads = exchange.rank === 0;
  const { approach, recipe, rows, vocabulary, dev, task } = data;
  const resumed = from && "model" in from
    ? { ...await readSavedModel(from.folder), tensors: from.model }
    : undefined;
  using model = openModel(options, approach.head, {
    saved: resumed ?? saved,
    vocabularySize: vocabulary.size,
    maxSeqLength: recipe.maxSeqLength,
    priors: options.head_bias === "frequency" ? approach.priors(rows) : undefined,
  });
  if (from && "model" in from) {
    restoreMoments(model.optimizer, from);
    data.answerer?.restore(from.files ?? {});
    if (model.average) restoreTrained(model.variables, from); // till now they were the averages
  }
  await takeFirst(model, exchange);

  const batchesPerEpoch = Math.ceil(rows.length / (recipe.batchSize * exchange.size));
  const stepsPerEpoch = batchesPerEpoch / options.gradient_accumulation_steps;
  const totalSteps = options.max_steps > 0 ? options.max_steps : Math.ceil(stepsPerEpoch * recipe.epochs);
  if (leads) {
    for (const note of resumed ? [`Going on from "${resumed.path}" at step ${from!.step}`] : model.notes) {
      print(note);
    }
    const held = dev ? `${dev.length} for dev` : "no dev set";
    print(
      `${task.name}: ${rows.length} rows for training, ${held}; ${totalSteps} steps of ` +
        `${
          recipe.batchSize * exchange.size * options.gradient_accumulation_steps
        }, rate ${recipe.learningRate}, ` +
        `up to ${recipe.maxSeqLength} tokens`,
    );
  }
  const bar = new ProgressBar({
    label: "Fine-tuning",
    unit: "steps",
    total: totalSteps,
    done: from?.step ?? 0,
    terminalOnly: true,
    hidden: options.disable_tqdm || !leads,
  });
  try {
    using run = new FinetuningRun({
      options,
      data,
      model,
      totalSteps,
      schedule: finetuningSchedule({
        learningRate: recipe.learningRate,
        totalSteps,
        warmupProportion: options.warmup_proportion,
      }),
      from: from ?? undefined,
      exchange,
      bar,
      print,
      onRecord,
    });
    if (onRecord && leads && from) {
      for (const record of await readLogRecords(options.save_dir)) {
        await onRecord(record as unknown as FinetuningRecord);
      }
    }
    await run.train(signal);
    const { best } = run.progress;
    const folder = best ? join(options.save_dir, `checkpoint-${best.step}`) : run.folder;
    return { folder: leads ? folder : "", step: run.step, best };
  } finally {
    bar.finish(); // an error has a line of its own
  }
}

/** The run's own last checkpoint. */
async function ownCheckpoint(
  options: FinetuneOptions,
  { identity }: FinetuningData,
  say: (line: string) => void,
): Promise<LoadedCheckpoint | undefined> {
  const { save_dir: folder } = options;
  if (options.overwrite_output_dir) {
    for await (const { name } of Deno.readDir(folder)) {
      if (/^checkpoint-\d+$/.test(name)) await Deno.remove(join(folder, name), { recursive: true });
    }
    return undefined;
  }
  const own = await loadLatestCheckpoint(folder, { warn: say });
  if (!own) return undefined;
  const before = own.run as Record<string, unknown>;
  for (const [name, value] of Object.entries(options)) {
    if (RESUMABLE.has(name) || before[name] === value) continue;
    throw new UserError(
      `Cannot resume from "${own.folder}": --${name} was ${before[name] ?? "not given"} and now is ` +
        `${value ?? "not given"}; use the same options, another --save_dir, or --overwrite_output_dir`,
    );
  }
  for (const [name, value] of Object.entries(identity)) {
    if (own.state[name] === value) continue;
    throw new UserError(
      `Cannot resume from "${own.folder}": it was trained on another ${name}; use another --save_dir`,
    );
  }
  return own;
}

/** Options that may differ between the processes of a run: where things are on each machine. */
const OWN_OPTIONS: ReadonlySet<string> = new Set([
  "data_dir",
  "save_dir",
  "model",
  "vocab",
  "num_threads",
  "disable_tqdm",
]);

/** What must be the same in all processes. */
function factsOf(options: FinetuneOptions, { identity }: FinetuningData): Facts {
  const common = Object.entries(options).filter(([name]) => !OWN_OPTIONS.has(name));
  return {
    "version of Deno": Deno.version.deno,
    "version of TensorFlow": tensorflowInfo().version,
    "training set": identity.data,
    vocabulary: identity.vocabulary,
    ...Object.fromEntries(common.map(([name, value]) => [`--${name}`, String(value)])),
  };
}
