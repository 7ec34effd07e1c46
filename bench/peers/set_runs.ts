/**
 * Fine-tuning on a set of the benches over CBLUE's tasks.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  evaluateAnswers,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  type FinetuneOptions,
  readSavedModel,
  readSplit,
} from "../../lib/cblue/mod.ts";
import { resolveOptions, UserError } from "../../lib/config/mod.ts";
import { type Preset, presetConfig } from "../../lib/electra/mod.ts";
import type { BenchSet } from "./bench_sets.ts";
import type { Result } from "./cblue_table.ts";
import type { ResultLines, Settings } from "./result_lines.ts";

/** What a model begins with. */
export interface Trunk {
  /** Its folder; undefined for random weights. */
  readonly folder: string | undefined;
  readonly preset: Preset;
  readonly vocabulary: string;
  /** What tells it from others, for the lines of results. */
  readonly settings: Readonly<Record<string, string>>;
}

/** How a set is trained on. */
export interface SetRun {
  readonly trunk: Trunk;
  readonly seed: number;
  /** Where runs lie: an interrupted one goes on there, a finished one is removed unless `keep` is set. */
  readonly folder: string;
  readonly flags?: Partial<FinetuneOptions>;
  readonly keep?: boolean;
  readonly results: ResultLines<Result>;
  readonly signal: AbortSignal;
}

/** Flags of every run; gradients from random weights are wild at first. */
const FLAGS = { max_grad_norm: 1, head_bias: "frequency" } as const;

/**
 * Trains and scores a model once on dev, after the last step, unless that was done.
 *
 * @param system What it is called in the results.
 * @returns The score, and the folder of the model if it was kept; `undefined` after Ctrl-C.
 */
export async function trainOnSet(
  { name, task, dataset, folder: data_dir, budget }: BenchSet,
  system: string,
  { trunk, seed, folder, flags = {}, keep = false, results, signal }: SetRun,
): Promise<(Result & { readonly model: string }) | undefined> {
  const { steps, batch_size, learning_rate, max_seq_length } = budget;
  const settings: Settings = { set: name, system, seed, preset: trunk.preset, ...budget, ...trunk.settings };
  const save_dir = join(folder, hash(JSON.stringify(settings))),
    model = join(save_dir, `checkpoint-${steps}`);
  const result = await results.of(settings, async () => {
    const start = performance.now();
    const run = resolveOptions(FINETUNE_OPTIONS, {
      dataset,
      data_dir,
      save_dir,
      model: trunk.folder,
      vocab: trunk.vocabulary,
      preset: trunk.preset,
      batch_size,
      learning_rate,
      max_seq_length,
      max_steps: steps,
      valid_steps: steps, // dev is looked at once
      save_steps: steps,
      ...FLAGS,
      ...(task.kind === "entities" && { long: "windows" }),
      device: "cpu",
      seed,
      ...flags,
    });
    const { best } = await finetune(run, { signal, print: () => {} });
    if (signal.aborted) return undefined;
    if (!keep) await Deno.remove(save_dir, { recursive: true });
    const { metric, value } = best!.score, seconds = (performance.now() - start) / 1000;
    return { metric, score: value, seconds };
  });
  return result && { ...result, model };
}

/** Scores several models on dev as one, their logits averaged. */
export async function scoreTogether({ task, folder }: BenchSet, models: readonly string[]): Promise<Result> {
  const start = performance.now();
  using model = await FinetunedModel.open(models);
  const examples = (await readSplit(task, folder, "dev", { answered: true, warn: () => {} }))!;
  const answers = await model.predict(examples);
  const { score: { metric, value } } = evaluateAnswers(task, examples as never, answers as never);
  return { metric, score: value, seconds: (performance.now() - start) / 1000 };
}

/** Random weights, over the vocabulary of a folder or file. */
export async function randomTrunk(vocabulary: string, preset: Preset): Promise<Trunk> {
  return { folder: undefined, preset, vocabulary, settings: { vocabulary: await fingerprint(vocabulary) } };
}

/** @throws {UserError} If the folder's encoder has another size than the preset. */
export async function savedTrunk(folder: string, preset: Preset): Promise<Trunk> {
  const { encoder, vocabulary } = await readSavedModel(folder);
  const twin = presetConfig(preset, encoder.vocab_size).discriminator;
  const sizes = ["hidden_size", "num_hidden_layers", "intermediate_size", "embedding_size"] as const;
  const differs = sizes.find((name) => encoder[name] !== twin[name]);
  if (differs) {
    throw new UserError(
      `Cannot compare "${folder}" with random weights: its ${differs} is ${encoder[differs]}, that of ` +
        `--preset ${preset} is ${twin[differs]}; give the preset it was pretrained with`,
    );
  }
  const settings = {
    vocabulary: await fingerprint(vocabulary),
    trunk: await fingerprint(join(folder, "model.safetensors")),
  };
  return { folder, preset, vocabulary, settings };
}

async function fingerprint(path: string): Promise<string> {
  return hash(await Deno.readFile(path));
}

function hash(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex").slice(0, 12);
}
