/**
 * Pretraining from beginning to end: what is needed is opened and checked before the first step.
 *
 * @module
 */
import { join } from "node:path";
import { ProgressBar, UserError } from "../config/mod.ts";
import type { PretrainingConfig } from "../electra/mod.ts";
import type { BatchLayout } from "../packing/mod.ts";
import { configureTensorFlow, hasGpu } from "../tensorflow/mod.ts";
import { lossChart } from "./chart.ts";
import { removeLeftovers } from "./checkpoint.ts";
import { openTrainingData } from "./data.ts";
import { lockOutputDir } from "./lock.ts";
import { readTrainingRecords, type TrainingRecord } from "./log.ts";
import { checkMemory } from "./memory.ts";
import type { PretrainOptions } from "./options.ts";
import { describePlan, planRun } from "./plan.ts";
import { removeObsolete, startingPoint } from "./resume.ts";
import { PretrainingRun } from "./run.ts";

/** How a run is watched and stopped. */
export interface PretrainContext {
  /** Aborting it saves a checkpoint and ends the run. */
  signal?: AbortSignal;
  /** Takes the log lines. Default: `console.log`. */
  print?: (line: string) => void;
}

/** How a run went. */
export interface PretrainSummary {
  /** The checkpoint to use, a model folder: the newest, or with `load_best_model_at_end` the best. Empty after a dry run. */
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
  using data = await openTrainingData(options);
  configureTensorFlow({ device: options.device, threads: options.num_threads });
  if (options.dry_run) {
    const plan = planRun(options, data);
    for (const line of await describePlan(plan, data, options)) print(line);
    const { totalSteps, parameters } = plan;
    return { folder: "", step: 0, totalSteps, parameters, chart: "" };
  }

  using _lock = lockOutputDir(options.output_dir);
  await removeLeftovers(options.output_dir);
  const { from, obsolete } = await startingPoint(options, data.identity, print);
  // as the run began: another release may lay rows out otherwise
  if (from?.resumed && from.state.layout) data.layout = from.state.layout as BatchLayout;
  const plan = planRun(options, data, from?.config as PretrainingConfig | undefined);
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
  if (!hasGpu()) checkMemory(plan.memory);
  await removeObsolete(options.output_dir, obsolete, print); // now that nothing speaks against the run

  const bar = new ProgressBar({
    label: "Training",
    unit: "steps",
    total: totalSteps,
    done: from?.step ?? 0,
    terminalOnly: true,
    hidden: options.disable_tqdm,
  });
  let folder = "", step = 0;
  try {
    using run = new PretrainingRun({ options, data, plan, from, bar, print });
    if (options.do_train) await run.train(signal);
    else await run.evaluate(signal);
    ({ folder, step } = run);
  } finally {
    bar.finish(); // an error has a line of its own
  }

  const records = await readTrainingRecords(options.output_dir);
  const chart = join(options.output_dir, "losses.svg");
  if (records.length > 0) await Deno.writeTextFile(chart, lossChart(records));
  return { folder, step, totalSteps, parameters, first: records[0], last: records.at(-1), chart };
}
