/**
 * From a model folder to a folder that onnxruntime serves from: written, loaded, compared with the toolkit, and only then there.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { partialPath, ProgressBar, syncFolder, UserError, writeAtomically } from "../config/mod.ts";
import {
  type AnswerOf,
  evaluateAnswers,
  type Example,
  FinetunedModel,
  readSplit,
  type Score,
  type Task,
  type TaskKind,
  TermAnswerer,
} from "../cblue/mod.ts";
import { tokenizerFiles, Vocabulary } from "../text/mod.ts";
import { type Agreement, compareWithToolkit } from "./check.ts";
import { modelPath } from "./folder.ts";
import { addMetadata, type Format, type GraphOptions, modelGraph, writeModel } from "./onnx/mod.ts";
import { Predictor } from "./predictor.ts";
import { LocalSession } from "./session.ts";
import { type ModelSource, readModelSource } from "./source.ts";
import { TaskModel } from "./task_model.ts";

/** What is exported, and where to. */
export interface ExportOptions extends GraphOptions {
  /** Folder of the exported model; other formats of the same model may be there. */
  readonly out: string;
  /** The task that the model has to be for; default: whichever. */
  readonly dataset?: string | undefined;
  /** With the task's official files: the file has to answer its dev set as well as the model does. */
  readonly dataDir?: string | undefined;
  /** How many points of the dev score the file may lose; default 0.5. */
  readonly maxDrop?: number;
}

/** How it is watched and stopped. */
export interface ExportContext {
  readonly signal?: AbortSignal;
  /** Takes what there is to tell; default `console.log`. */
  readonly print?: (line: string) => void;
}

/** What came of it. */
export interface ExportSummary {
  /** Of the model file. */
  readonly path: string;
  readonly agreement: Agreement;
  /** On dev, of the model and of the file. */
  readonly scores?: { readonly original: Score; readonly exported: Score };
}

/**
 * The most that logits may differ by, as a share of the largest (or of 1): more is no rounding. Of int8 nothing is too much
 * here, for random rows do not tell what it costs.
 */
const LIMITS: Record<Format, number> = { fp32: 1e-4, fp16: 0.02, int8: Infinity };

/**
 * Exports a model.
 *
 * @param model Folder that `deno task finetune` or `pretrain` saved; of a pretrained model the encoder is exported.
 * @throws {UserError} If it is no such folder, the disk refuses, or the file loses more than `maxDrop` on dev: then it is not there.
 *
 * @example
 * ```ts ignore
 * import { exportModel } from "./mod.ts";
 * const options = { format: "int8", packed: false, inputs: 3, out: "export", dataDir: "data/KUAKE-QIC" } as const;
 * console.log((await exportModel("output/qic/checkpoint-800", options)).path); // export/onnx/model_quantized.onnx
 * ```
 */
export async function exportModel(
  model: string,
  options: ExportOptions,
  { signal, print = console.log }: ExportContext = {},
): Promise<ExportSummary> {
  const { out, format, packed, dataset, dataDir, maxDrop = 0.5 } = options;
  const source = await readModelSource(model), { task } = source.saved.config as { task?: Task };
  if (dataset !== undefined && dataset.toLowerCase() !== task?.name.toLowerCase()) {
    throw new UserError(`Cannot use --dataset ${dataset}: "${model}" is for ${task?.name ?? "no task"}`);
  }
  if (dataDir !== undefined && !task) {
    throw new UserError(
      `Cannot score "${model}": its config.json names no task; export it without --data_dir`,
    );
  }
  const dev = dataDir !== undefined ? await readSplit(task!, dataDir, "dev", { answered: true }) : undefined;
  if (dataDir !== undefined && !dev) {
    throw new UserError(`Cannot score ${task!.name}: "${dataDir}" has no dev file`);
  }
  await writeFolder(source, out);

  const path = modelPath(out, format, packed),
    written = partialPath(path),
    dataName = `${basename(path)}_data`;
  const files = [written, join(dirname(path), dataName)];
  try {
    await writeModel(written, modelGraph(source.config, source.parameters, options), { dataName });
    const session = await LocalSession.open(written, { threads: 0 });
    await using predictor = task && new Predictor(await TaskModel.open(out), session);
    await using _ = predictor ? undefined : session;
    const agreement = await compareWithToolkit(session, source.config, source.parameters);
    print(
      `${path}: logits differ from the toolkit's by ${agreement.difference.toPrecision(2)} at most; ` +
        `the largest is ${agreement.largest.toPrecision(2)}`,
    );
    if (!(agreement.difference <= LIMITS[format] * Math.max(1, agreement.largest))) {
      throw new Error(`Cannot export "${model}": onnxruntime's logits are not the toolkit's`);
    }
    const scores = predictor && dev && await compareScores(model, predictor, dev, signal);
    if (scores) {
      const { original, exported } = scores, drop = 100 * (original.value - exported.value);
      const told = `${task!.name}, dev: ${original.metric} ${percent(original)} before, ${
        percent(exported)
      } as ${format}`;
      if (drop > maxDrop) {
        throw new UserError(
          `Cannot export "${model}": ${told}, ${drop.toFixed(2)} points less; --max_drop allows ${maxDrop}`,
        );
      }
      print(told);
    } else if (format === "int8") {
      print("What int8 costs in points is not known: --data_dir compares both on the dev set");
    }
    await addMetadata(written, {
      format,
      ...(task && { task: task.name }),
      largest_difference: `${agreement.difference}`,
      largest_logit: `${agreement.largest}`,
      ...(scores && { dev_score: `${scores.exported.value}`, dev_score_before: `${scores.original.value}` }),
    });
    await Deno.rename(written, path);
    await syncFolder(dirname(path));
    return { path, agreement, ...(scores && { scores }) };
  } catch (error) {
    for (const file of files) await Deno.remove(file).catch(() => {}); // it may never have come to be
    throw error;
  }
}

function percent({ value }: Score): string {
  return (100 * value).toFixed(2);
}

/** Scores of the model and of the file on the same examples. */
async function compareScores(
  model: string,
  predictor: Predictor,
  dev: readonly Example[],
  signal: AbortSignal | undefined,
): Promise<{ original: Score; exported: Score }> {
  const bar = new ProgressBar({ label: "Answering dev", unit: "rows" });
  let done = 0;
  const watched = { signal, onRows: (rows: number) => bar.update(done += rows) };
  try {
    using original = await FinetunedModel.open(model);
    const score = (answers: readonly AnswerOf[TaskKind][]) =>
      evaluateAnswers(original.task, dev as never, answers as never).score;
    const before = await original.predict(dev, watched), after = await predictor.predict(dev, watched);
    return {
      original: score(before),
      exported: score(after.map((answer, i) => predictor.model.official(dev[i]!, answer))),
    };
  } finally {
    bar.finish();
  }
}

/** All of a folder but the model file: what Hugging Face's libraries and the predictor read. */
async function writeFolder({ saved, config: { encoder, head } }: ModelSource, out: string): Promise<void> {
  const vocabulary = await Vocabulary.ofModel(saved.vocabulary);
  const { task, max_seq_length } = saved.config as { task?: Task; max_seq_length?: number };
  const config = head ? saved.config : { model_type: "electra", architectures: ["ElectraModel"], ...encoder };
  const text = JSON.stringify({ hidden_act: "gelu", ...config }, null, 2) + "\n";
  const path = join(out, "config.json");
  if (existsSync(path) && await Deno.readTextFile(path) !== text) {
    throw new UserError(`Cannot export to "${out}": another model is there; choose another --out`);
  }
  await Deno.mkdir(join(out, "onnx"), { recursive: true });
  const terms = task?.kind === "normalization"
    ? await TermAnswerer.open(dirname(saved.vocabulary))
    : undefined;
  const files = {
    "config.json": text,
    ...tokenizerFiles(vocabulary, {
      maxLength: max_seq_length ?? encoder.max_position_embeddings,
      normalizeChars: head?.kind === "sequence-classification",
    }),
    ...terms?.files(),
  };
  for (const [name, text] of Object.entries(files)) {
    await writeAtomically(join(out, name), [new TextEncoder().encode(text)]);
  }
  await vocabulary.write(join(out, "vocab.txt"));
}
