/**
 * Opens what fine-tuning saved in Python, as users do: transformers the folder itself, PaddleNLP what `deno task convert` makes of
 * it, each with its own tokenizer and classes; they must give our tokens, logits and hidden states.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TaskModel, tokenBatch } from "../../lib/deploy/mod.ts";
import { ownForward } from "../../lib/deploy/check.ts";
import { largestDifference } from "../../lib/deploy/token_batch.ts";
import type { HeadConfig } from "../../lib/electra/mod.ts";
import { buildVocabulary, generateCorpus, normalizeChars, tokenizeSpecialChars } from "../../lib/text/mod.ts";
import { encoderConfig } from "../../lib/training/mod.ts";
import { convertModel, loadTensor, readModel, toFloat32 } from "../../lib/weights/mod.ts";
import { train } from "../deploy/trained.ts";
import { ask } from "./ask.ts";
import type { Counts } from "./counts.ts";
import { peerPython } from "./python.ts";

/** How many texts, and with which Pythons. */
export interface ModelFoldersOptions {
  readonly texts: number;
  /** A Python that has torch and transformers. Default: one made in `.venv-peers-torch`. */
  readonly transformers?: string | undefined;
  /** A Python that has paddlenlp; without it that library is skipped. */
  readonly paddle?: string | undefined;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const TASK = "KUAKE-QIC";
const TOLERANCE = 1e-5;

interface Answered {
  readonly version: string;
  readonly classes: readonly string[];
  readonly labels: readonly string[] | null;
  readonly answers: readonly {
    readonly ids: number[];
    readonly logits: number[];
    readonly hidden: number[];
  }[];
}

type Own = Pick<Answered, "labels" | "answers">;

/** Runs the comparison: a test for each library. */
export async function compareModelFolders(
  { texts: count, ...given }: ModelFoldersOptions,
): Promise<Counts> {
  const pythons = { ...given, transformers: given.transformers ?? await peerPython(ROOT, "torch") };
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const folder = await Deno.makeTempDir();
  try {
    const texts = [...generateCorpus({ sentences: count, seed: 12 })];
    const trained = await classifier(folder, texts), ours = await ownAnswers(trained, texts);
    for (const library of ["transformers", "paddle"] as const) {
      const python = pythons[library];
      if (python === undefined) {
        console.log(`${library}: skipped; --${library} PYTHON names a Python that has it`);
        counts.skipped++;
        continue;
      }
      const out = library === "paddle" ? join(folder, library) : trained;
      if (library === "paddle") await convertModel(trained, library, out);
      const script = fileURLToPath(import.meta.resolve("./model_folders.py"));
      const given = library === "paddle" ? texts.map(asPaddleIsGiven) : texts;
      const theirs = await ask<Answered>(python, [script, library, out], given);
      const failure = differenceOf(ours, theirs);
      console.log(
        `${theirs.classes.join(", ")} of ${theirs.version} on ${count} texts: ${failure ?? "equal"}`,
      );
      counts[failure === undefined ? "passed" : "failed"]++;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return counts;
}

/** PaddleNLP's scripts replace characters before its tokenizer sees them; ours and `tokenizer.json` do so themselves. */
function asPaddleIsGiven(text: string): string {
  return tokenizeSpecialChars(normalizeChars(text));
}

/** A classifier with the activation that transformers has. */
async function classifier(folder: string, texts: readonly string[]): Promise<string> {
  const data = join(folder, "data");
  await Deno.mkdir(data);
  await (await buildVocabulary(texts)).vocabulary.write(join(data, "vocab.txt"));
  return await train(folder, TASK, 64, { activation: "gelu" });
}

async function ownAnswers(trained: string, texts: readonly string[]): Promise<Own> {
  const { tensors, config } = await readModel(trained), values = new Map<string, number[] | Float32Array>();
  for (const [name, tensor] of tensors) values.set(name, toFloat32(await loadTensor(tensor)));
  const parameters = (name: string) => ({
    shape: tensors.get(name)!.shape,
    read: () => values.get(name) as Float32Array<ArrayBuffer>,
  });
  const encoder = encoderConfig(config!, trained), head = config!.head as HeadConfig;
  const model = await TaskModel.open(trained);
  const labels = model.task.labels.map(({ name }) => name);
  const answers = texts.map((text) => {
    const rows = model.rows(model.example(text));
    const [logits] = ownForward({ encoder, head }, parameters, tokenBatch(rows, model.padId));
    const [hidden] = ownForward({ encoder, head: undefined }, parameters, tokenBatch(rows, model.padId));
    return { ids: Array.from(rows[0]!.ids), logits: [...logits!.values], hidden: [...hidden!.values] };
  });
  return { labels, answers };
}

function differenceOf(ours: Own, { answers, labels }: Answered): string | undefined {
  if (labels && `${labels}` !== `${ours.labels}`) return `its labels are ${labels}`;
  for (const [i, { ids, logits, hidden }] of answers.entries()) {
    const own = ours.answers[i]!;
    if (`${ids}` !== `${own.ids}`) return `text ${i} has other tokens, ${ids} instead of ${own.ids}`;
    const difference = Math.max(largestDifference(logits, own.logits), largestDifference(hidden, own.hidden));
    if (!(difference <= TOLERANCE)) return `text ${i} differs by ${difference}`;
  }
  return undefined;
}
