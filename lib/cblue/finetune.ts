/**
 * Fine-tuning from beginning to end: what is needed is opened and checked before the first step.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
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
import { FinetuningRun, type Progress, type RunIdentity } from "./run.ts";
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
  const identity: RunIdentity = {
    ...data.identity,
    encoder: saved ? fingerprint(saved) : "new",
    processes: cluster?.size ?? 1,
  };
  configureTensorFlow({ device: options.device, threads: options.num_threads });
  using opened = new DisposableStack();
  const prepare = async () => {
    opened.use(lockOutputDir(options.save_dir));
    await removeLeftovers(options.save_dir);
    return await ownCheckpoint(options, identity, print);
  };
  if (!cluster) {
    return await carryOut({
      options,
      data,
      identity,
      saved,
      from: await prepare(),
      exchange: ALONE,
      context,
    });
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
        identity,
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
  readonly identity: RunIdentity;
  readonly saved: SavedModel | undefined;
  readonly from: LoadedCheckpoint | Position | undefined | null;
  readonly exchange: Exchange;
  readonly context: FinetuneContext;
}

async function carryOut(
  { options, data, identity, saved, from, exchange, context }: RunInputs,
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
    const lost = noteOnLost(data, options);
    if (lost) print(lost);
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
      identity,
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

/** Says how much of the training set cannot be learned, and what would help. */
function noteOnLost({ unsaid, task }: FinetuningData, { long, scheme }: FinetuneOptions): string | undefined {
  if (!unsaid?.lost) return undefined;
  const { lost, answers } = unsaid;
  const remedies = [
    ...(long === "truncate" ? ["--long windows"] : []),
    ...(task.kind === "entities" && scheme === "channels" ? ["--scheme spans"] : []),
  ];
  return `Of ${answers} answers in the training set, ${lost} (${
    (100 * lost / answers).toFixed(2)
  } %) cannot be said in ` +
    `labels and rows` + (remedies.length > 0 ? `; ${remedies.join(" or ")} may say more` : "");
}

/** What a run's own checkpoint says of a run that is another in spite of the same options. */
const DIFFERENCES: Readonly<Record<keyof RunIdentity, string>> = {
  data: "was trained on another training set",
  vocabulary: "has another vocabulary",
  encoder: "began with another encoder",
  processes: "was trained by another number of processes",
};

/** A hash of parameters. */
function fingerprint({ tensors }: SavedModel): string {
  const hash = createHash("sha256");
  for (const [name, { data }] of tensors) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}

/** The run's own last checkpoint. */
async function ownCheckpoint(
  options: FinetuneOptions,
  identity: RunIdentity,
  say: (line: string) => void,
): Promise<LoadedCheckpoint | undefined> {
  const { save_dir: folder } = options;
  if (options.overwrite_output_dir) {
    for await (const { name } of Deno.readDir(folder)) {
      if (!/^(checkpoint-\d+|loss_log)$/.test(name)) continue;
      await Deno.remove(join(folder, name), { recursive: true }); // the other logs are begun anew
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
  for (const [name, what] of Object.entries(DIFFERENCES) as [keyof RunIdentity, string][]) {
    const [then, now] = [own.state[name], identity[name]];
    if (then === undefined || then === now) continue;
    const numbers = typeof now === "number" ? `, ${then} and not ${now}` : "";
    throw new UserError(
      `Cannot resume from "${own.folder}": it ${what}${numbers}; use another --save_dir, or --overwrite_output_dir`,
    );
  }
  return withBestThatExists(own, folder);
}

/** Forgets the best checkpoint where it is no more: removed by somebody, or by a run whose later checkpoints are damaged. */
function withBestThatExists(own: LoadedCheckpoint, folder: string): LoadedCheckpoint {
  const progress = own.state.progress as Progress;
  if (!progress.best || existsSync(join(folder, `checkpoint-${progress.best.step}`))) return own;
  return { ...own, state: { ...own.state, progress: { ...progress, best: undefined } } };
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
