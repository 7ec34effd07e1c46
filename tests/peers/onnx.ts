/**
 * Compares answers of exported models: ours, those of Python's onnxruntime and of transformers.js, each with a tokenizer of its
 * own, on generated texts. ONNX's own checker looks at every file.
 */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClassificationPrediction } from "../../lib/cblue/mod.ts";
import {
  exportModel,
  FORMATS,
  LocalSession,
  modelPath,
  Predictor,
  TaskModel,
  tokenBatch,
  type TokenRow,
} from "../../lib/deploy/mod.ts";
import { modelGraph, writeModel } from "../../lib/deploy/onnx/mod.ts";
import { largestDifference } from "../../lib/deploy/token_batch.ts";
import type { HeadConfig } from "../../lib/electra/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";
import { ENCODER, HEADS, randomRows, tinyModel } from "../deploy/models.ts";
import { train } from "../deploy/trained.ts";
import { ask } from "./ask.ts";
import type { Counts } from "./counts.ts";
import { peerPython } from "./python.ts";

/** How many texts, and with which Python. */
export interface OnnxOptions {
  readonly texts: number;
  /** A Python that has onnx, onnxruntime and tokenizers. Default: one made in `.venv-peers`. */
  readonly python?: string | undefined;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** As transformers.js calls the formats. */
const DTYPES = { fp32: "fp32", fp16: "fp16", int8: "q8" } as const;
const TASK = "KUAKE-QIC";
const VARIANTS = FORMATS.flatMap((format) => [false, true].map((packed) => ({ format, packed })));
/** Rows that hold every text: transformers.js cuts longer ones without a `[SEP]` at their end. */
const MAX_LENGTH = 128;
/** Between logits of the same file in two builds of onnxruntime. */
const TOLERANCE = 1e-4;

interface Answered {
  readonly versions: string;
  readonly answers: Record<string, number[][][]>;
}

/** Runs the comparison: a test for each file of each head, and one for each format in transformers.js. */
export async function compareOnnx(options: OnnxOptions): Promise<Counts> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const told = (name: string, failure: string | undefined) => {
    console.log(`${name}: ${failure ?? "equal"}`);
    counts[failure === undefined ? "passed" : "failed"]++;
  };
  const python = options.python ?? Deno.env.get("ERNIE_HEALTH_PYTHON") ?? await peerPython(ROOT);
  const texts = [...generateCorpus({ sentences: options.texts, seed: 11 })];
  const folder = await Deno.makeTempDir();
  try {
    const out = await exportedClassifier(folder, texts);
    if (python === undefined) counts.skipped += VARIANTS.length * (1 + Object.keys(HEADS).length);
    else {
      const model = await TaskModel.open(out);
      const rows = texts.flatMap((text) => model.rows(model.example(text)));
      await comparePython(python, out, { name: `${TASK} from texts`, rows, texts }, told);
      for (const [name, head] of Object.entries(HEADS)) {
        const heads = join(folder, "heads");
        await writeHead(heads, head);
        await comparePython(python, heads, { name, rows: randomRows([2, 7, 20, 64]) }, told);
      }
    }
    await compareTransformers(out, texts, told);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return counts;
}

/** A classifier in every format, with a vocabulary that knows the texts. */
async function exportedClassifier(folder: string, texts: readonly string[]): Promise<string> {
  const data = join(folder, "data"), out = join(folder, "export");
  await Deno.mkdir(data);
  await (await buildVocabulary(texts)).vocabulary.write(join(data, "vocab.txt"));
  const trained = await train(folder, TASK, MAX_LENGTH);
  for (const { format, packed } of VARIANTS) {
    await exportModel(trained, { format, packed, inputs: packed ? 2 : 3, out }, { print: () => {} });
  }
  return out;
}

/** A tiny model in every format. */
async function writeHead(folder: string, head: HeadConfig | undefined): Promise<void> {
  const { parameters } = tinyModel(head);
  await Deno.mkdir(join(folder, "onnx"), { recursive: true });
  for (const { format, packed } of VARIANTS) {
    const graph = modelGraph({ encoder: ENCODER, head }, parameters, {
      format,
      packed,
      inputs: packed ? 2 : 3,
    });
    await writeModel(modelPath(folder, format, packed), graph);
  }
}

type Told = (name: string, failure: string | undefined) => void;

/** What Python is given: rows of tokens, or texts that make these rows. */
interface Given {
  readonly name: string;
  readonly rows: readonly TokenRow[];
  readonly texts?: readonly string[];
}

async function comparePython(python: string, folder: string, { name, rows, texts }: Given, told: Told) {
  const paths = VARIANTS.map(({ format, packed }) => modelPath(folder, format, packed)),
    files = paths.map((path) => basename(path));
  const all = rows.map(({ ids, typeIds = [] }) => ({
    ids: Array.from(ids),
    types: Array.from(ids, (_, i) => typeIds[i] ?? 0),
  }));
  const script = fileURLToPath(import.meta.resolve("./onnx_answers.py"));
  const request = texts ? { texts, files } : { rows: all, files };
  const { answers, versions } = await ask<Answered>(python, [script, folder], request);
  for (const [i, file] of files.entries()) {
    await using session = await LocalSession.open(paths[i]!);
    let difference = 0;
    for (const [row, theirs] of answers[file]!.entries()) {
      const ours = await session.run(tokenBatch([rows[row]!], 0));
      ours.forEach(({ values }, n) =>
        difference = Math.max(difference, largestDifference(values, theirs[n]!))
      );
    }
    const failure = difference <= TOLERANCE ? undefined : `logits differ by ${difference}`;
    told(`${name}, ${file} by ${versions}, ${rows.length} rows`, failure);
  }
}

async function compareTransformers(out: string, texts: readonly string[], told: Told) {
  const script = fileURLToPath(import.meta.resolve("./transformers_answers.ts"));
  const { answers, version } = await ask<
    { answers: Record<string, { label: string; score: number }[]>; version: string }
  >(Deno.execPath(), ["run", "-A", "--no-config", "--no-lock", "--quiet", script, out], {
    texts,
    dtypes: Object.values(DTYPES),
  });
  for (const format of FORMATS) {
    await Deno.remove(modelPath(out, format, true)); // transformers.js takes the plain file
    await using predictor = await Predictor.open(out, { format });
    const ours = await predictor.predictTexts(texts) as ClassificationPrediction[];
    const theirs = answers[DTYPES[format]]!;
    const other = texts.filter((_, i) => theirs[i]!.label !== ours[i]!.label);
    const scores = ours.map(({ probabilities }) => Math.max(...probabilities));
    const difference = largestDifference(scores, theirs.map(({ score }) => score));
    const failure = other.length > 0
      ? `${other.length} other labels, such as of "${other[0]}"`
      : difference > TOLERANCE
      ? `confidences differ by ${difference}`
      : undefined;
    told(`${TASK}, ${format} in transformers.js ${version} on ${texts.length} texts`, failure);
  }
}
