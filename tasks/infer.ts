/** `deno task infer`: answers of an exported model to texts, from a file or standard input, without TensorFlow. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileError, NUM_THREADS, type OptionTable, UserError } from "../lib/config/mod.ts";
import {
  type Answer,
  BATCH_TOKENS,
  type Format,
  FORMATS,
  Predictor,
  printedAnswer,
  reportAnswer,
} from "../lib/deploy/mod.ts";
import { runTask } from "./flags.ts";

export const INFER_OPTIONS = {
  model: {
    type: "path",
    required: true,
    aliases: ["model_path_prefix", "model_path"],
    help: "Folder of `deno task export`; the flag itself may be left out",
  },
  data_file: {
    type: "path",
    help:
      "Texts, one a line, a tab between those of a pair; default: standard input. Empty lines are passed over",
  },
  output: {
    type: "string",
    default: "text",
    choices: ["text", "json"],
    help: "What is printed of each text: lines as the original's, or one line of JSON",
  },
  format: {
    type: "string",
    choices: FORMATS,
    help: "Which of the folder's files; default fp32 if it is there, else fp16, else int8",
  },
  use_fp16: { type: "boolean", default: false, help: "The same as --format fp16" },
  use_quantize: { type: "boolean", default: false, help: "The same as --format int8" },
  dataset: {
    type: "string",
    aliases: ["task_name"],
    help: "Task, as the original needs it; a model knows its own",
  },
  model_name_or_path: { type: "string", help: "Not used: the folder has its vocabulary" },
  max_seq_length: { type: "integer", min: 3, unit: "tokens", help: "Longest row; default: as in training" },
  long: {
    type: "string",
    choices: ["truncate", "windows"],
    help:
      "Of texts that are longer, tagging tasks lose the end, or read several windows that overlap; default: as in training",
  },
  batch_size: { type: "integer", default: 200, min: 1, unit: "rows", help: "Most rows at once" },
  batch_tokens: {
    type: "integer",
    default: BATCH_TOKENS,
    min: 1,
    unit: "tokens",
    help: "Most tokens at once, padding included; more helps on a GPU alone",
  },
  device: { type: "string", default: "cpu", choices: ["cpu", "gpu"], help: "Where to compute; gpu is CUDA" },
  device_id: { type: "integer", default: 0, min: 0, help: "Which GPU" },
  num_threads: NUM_THREADS,
} as const satisfies OptionTable;

/** Lines that are answered together: enough to sort by length. */
const LINES = 2048;

await runTask(import.meta, {
  name: "infer",
  summary: "Answer texts with an exported model: labels, entities, relations or standard terms.",
  table: INFER_OPTIONS,
  positional: "model",
  examples: [
    "deno task infer export/qic --data_file questions.txt",
    "cat texts.txt | deno task infer export/cmeee --format int8 --output json > entities.jsonl",
  ],
  async main(options, { signal }) {
    const folder = folderOf(options.model);
    await using predictor = await Predictor.open(folder, {
      format: formatOf(options),
      ...(options.long && { long: options.long }),
      maxLength: options.max_seq_length,
      device: options.device,
      deviceId: options.device_id,
      threads: options.num_threads,
    });
    const { task } = predictor.model, { dataset = task.name } = options;
    if (dataset.toLowerCase() !== task.name.toLowerCase()) {
      throw new UserError(`Cannot use --dataset ${dataset}: the model of "${folder}" is for ${task.name}`);
    }
    const limits = { batchSize: options.batch_size, batchTokens: options.batch_tokens, signal };
    for await (const lines of together(linesOf(await open(options.data_file)))) {
      const texts = lines.map((line) => task.textFields.length === 1 ? [line] : line.split("\t"));
      const answers = await predictor.predictTexts(texts, limits);
      await print(answers.map((answer, i) => spell(texts[i]!, answer)).join("\n") + "\n");
    }

    function spell(texts: readonly string[], answer: Answer): string {
      if (options.output === "text") return printedAnswer(task, texts, answer);
      const asked = Object.fromEntries(task.textFields.map((field, i) => [field, texts[i]]));
      return JSON.stringify({ ...asked, ...reportAnswer(task, texts, answer) });
    }
  },
});

/** The original is given a prefix of files within the folder. */
function folderOf(path: string): string {
  const isPrefix = !existsSync(join(path, "config.json")) && existsSync(join(dirname(path), "config.json"));
  return isPrefix ? dirname(path) : path;
}

function formatOf({ format, use_fp16, use_quantize }: {
  format: string | undefined;
  use_fp16: boolean;
  use_quantize: boolean;
}): Format | undefined {
  const asked = new Set([format, use_fp16 && "fp16", use_quantize && "int8"].filter((one) => one));
  if (asked.size > 1) throw new UserError(`Cannot use several formats at once: ${[...asked].join(", ")}`);
  return [...asked][0] as Format | undefined;
}

async function open(path: string | undefined): Promise<ReadableStream<Uint8Array>> {
  if (path === undefined) return Deno.stdin.readable;
  try {
    return (await Deno.open(path)).readable;
  } catch (error) {
    throw fileError("read", path, error);
  }
}

/** Lines that say something. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const texts = stream.pipeThrough(
    new TextDecoderStream("utf-8", { fatal: true }) as TransformStream<Uint8Array, string>,
  );
  try {
    for await (const text of texts) {
      const lines = (rest + text).split(/\r\n|\n/);
      rest = lines.pop()!;
      yield* lines.filter((line) => line.trim() !== "");
    }
  } catch (error) {
    if (error instanceof TypeError) {
      throw new UserError("Cannot read the texts: they are not UTF-8", { cause: error });
    }
    throw error;
  }
  if (rest.trim() !== "") yield rest;
}

/** Whatever has come while the last ones were answered: one line of a person's, many of a file. */
async function* together(lines: AsyncIterable<string>): AsyncGenerator<string[]> {
  let waiting: string[] = [], ended = false, failure: unknown;
  let come = Promise.withResolvers<void>(), gone = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const line of lines) {
      waiting.push(line);
      come.resolve();
      if (waiting.length === LINES) await gone.promise;
    }
  })().catch((error) => failure = error).finally(() => {
    ended = true;
    come.resolve();
  });
  while (true) {
    await come.promise;
    const taken = waiting;
    [waiting, come] = [[], Promise.withResolvers<void>()];
    if (ended) come.resolve();
    gone.resolve();
    gone = Promise.withResolvers<void>();
    if (taken.length > 0) yield taken;
    else if (ended) break;
  }
  await reading;
  if (failure) throw failure;
}

async function print(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += await Deno.stdout.write(bytes.subarray(written));
}
