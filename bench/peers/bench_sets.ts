/**
 * The labelled sets that fine-tuning is measured on, cut to a size that two cores train in minutes, and what each is trained with.
 *
 * @module
 */
import { join } from "node:path";
import { findTask, type Split, type Task, type TaskKind } from "../../lib/cblue/mod.ts";
import { fileError, UserError } from "../../lib/config/mod.ts";
import { recastChineseBlue } from "./chineseblue.ts";
import { makeSyntheticSets } from "./cmekg.ts";

/** How much a set is given of data and training; the same with and without pretraining. */
export interface Budget {
  /** The most records of train and dev; spread over all if there are more. */
  readonly train: number;
  readonly dev: number;
  readonly steps: number;
  readonly batch_size: number;
  readonly learning_rate: number;
  /** Tokens. */
  readonly max_seq_length: number;
}

/** A set that is ready to be trained on. */
export interface BenchSet {
  /** Such as `cMedTC-as-CHIP-CTC`. */
  readonly name: string;
  readonly isSynthetic: boolean;
  readonly task: Task;
  /** What `finetune` takes. */
  readonly dataset: string;
  readonly folder: string;
  readonly records: Readonly<Record<"train" | "dev", number>>;
  readonly budget: Budget;
}

/** What a kind of task is trained with, chosen once for each. */
const BUDGETS: Readonly<Record<Exclude<TaskKind, "classification"> | "text" | "pair", Budget>> = {
  text: { train: 4000, dev: 1000, steps: 1600, batch_size: 16, learning_rate: 3e-4, max_seq_length: 64 },
  pair: { train: 4000, dev: 1000, steps: 400, batch_size: 16, learning_rate: 3e-4, max_seq_length: 64 },
  entities: { train: 2000, dev: 200, steps: 1200, batch_size: 8, learning_rate: 1e-3, max_seq_length: 128 },
  relations: { train: 2400, dev: 300, steps: 400, batch_size: 16, learning_rate: 3e-4, max_seq_length: 66 },
  normalization: {
    train: 600,
    dev: 100,
    steps: 400,
    batch_size: 16,
    learning_rate: 3e-4,
    max_seq_length: 48,
  },
};
/** For a look at whether it works, with a tiny model. */
const QUICK: Partial<Budget> = { train: 800, dev: 200, steps: 80, learning_rate: 2e-3 };

/**
 * Makes the sets.
 *
 * @param data Folder with `chineseblue` and `cmekg`.
 * @param to Where a folder for each is made.
 * @param options.wanted Names or parts of names; default: all.
 * @param options.quick With little data and few steps.
 * @param options.steps Instead of those of the kind.
 * @throws {UserError} If there is no data, or no set of such a name.
 */
export async function prepareSets(
  data: string,
  to: string,
  { wanted, quick, steps }: {
    readonly wanted?: readonly string[] | undefined;
    readonly quick: boolean;
    readonly steps?: number | undefined;
  },
): Promise<BenchSet[]> {
  const whole = join(to, "whole"),
    made = await makeAll(data, whole).catch((error) => {
      throw fileError("read", data, error);
    });
  for (const name of wanted ?? []) {
    if (made.some((one) => isWanted(one.name, name))) continue;
    const names = made.map(({ name }) => name).join(", ");
    throw new UserError(`Cannot find set "${name}": the sets are ${names}`);
  }
  const chosen = made.filter(({ name }) => !wanted || wanted.some((part) => isWanted(name, part)));
  const sets: BenchSet[] = [];
  for (const { name, folder: from, dataset, isSynthetic } of chosen) {
    const folder = join(to, name), task = await findTask(dataset);
    const budget = { ...BUDGETS[kindOf(task)], ...(quick && QUICK), ...(steps && { steps }) };
    const records = await cut(from, folder, budget);
    sets.push({ name, isSynthetic, task, dataset: dataset.replace(from, folder), folder, records, budget });
  }
  return sets;
}

async function makeAll(data: string, to: string) {
  const real = await recastChineseBlue(join(data, "chineseblue"), to);
  const synthetic = await makeSyntheticSets(join(data, "cmekg"), to);
  return [
    ...real.map(({ set, task, folder, dataset }) => ({
      name: `${set}-as-${task}`,
      folder,
      dataset,
      isSynthetic: false,
    })),
    ...synthetic.map(({ name, folder, dataset }) => ({ name, folder, dataset, isSynthetic: true })),
  ];
}

function isWanted(name: string, part: string): boolean {
  return name.toLowerCase().includes(part.toLowerCase());
}

function kindOf({ kind, textFields }: Task): keyof typeof BUDGETS {
  if (kind !== "classification") return kind;
  return textFields.length === 1 ? "text" : "pair";
}

/** Copies a set's folder with fewer records; what no run looks at, the test file, is left out. */
async function cut(from: string, to: string, budget: Budget): Promise<BenchSet["records"]> {
  const counts = { train: 0, dev: 0 };
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    const split = name.match(/_(train|dev|test)\.json$/)?.[1] as Split | undefined;
    if (split === "test") continue;
    if (split === undefined) await Deno.copyFile(join(from, name), join(to, name));
    else {
      const records = JSON.parse(await Deno.readTextFile(join(from, name)));
      const fewer = some(records, budget[split]);
      counts[split] = fewer.length;
      await Deno.writeTextFile(join(to, name), JSON.stringify(fewer, null, 1) + "\n");
    }
  }
  return counts;
}

function some<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, i) => all[Math.floor(i * all.length / most)]!);
}
