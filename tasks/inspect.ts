/** `deno task inspect`: what preprocessing made, as text and as a picture. */
import { basename, join } from "node:path";
import {
  type OptionsOf,
  type OptionTable,
  ProgressBar,
  UserError,
  writeAtomically,
} from "../lib/config/mod.ts";
import { Corpus } from "../lib/packing/mod.ts";
import {
  type CorpusPlace,
  EXAMPLE_LEGEND,
  exampleSentences,
  exampleText,
  inspectCorpus,
  inspectionPicture,
  inspectionPicturePath,
  inspectionText,
  locateCorpus,
} from "../lib/inspection/mod.ts";
import { Lexicon, Vocabulary } from "../lib/text/mod.ts";
import { runTask } from "./flags.ts";

/** The options of the command; those of the masks are `pretrain`'s. */
export const INSPECT_OPTIONS = {
  corpus: {
    type: "path",
    required: true,
    help:
      "Path before _ids.npy and _idx.npz, or a folder for all corpora in it; the flag itself may be left out",
  },
  vocab_file: { type: "path", help: "Vocabulary of the corpus; without it vocab.txt beside the corpus" },
  examples: { type: "integer", default: 10, min: 0, unit: "sentences", help: "Random sentences to show" },
  seed: { type: "integer", default: 1000, help: "Fixes which sentences, and their masks" },
  mlm_prob: { type: "number", default: 0.15, min: 0, max: 1, help: "Probability that a word is masked" },
  max_seq_length: {
    type: "integer",
    default: 128,
    min: 3,
    unit: "tokens",
    help: "Length of a row with [CLS] and [SEP]; how many sentences are longer is told",
  },
  sample: {
    type: "integer",
    default: 200_000,
    min: 1,
    unit: "sentences",
    help: "Most sentences to read for the numbers of words and [UNK], evenly spaced",
  },
  lexicon: { type: "path", help: "Terms, one a line, of which to tell how many lie within one word" },
  picture: {
    type: "path",
    help: "Where to write the picture, or none; without it <corpus>_inspect.svg, with --json none",
  },
  json: { type: "boolean", default: false, help: "Print the numbers as one JSON object, without examples" },
} as const satisfies OptionTable;

type Options = OptionsOf<typeof INSPECT_OPTIONS>;

async function readVocabulary(path: string | undefined, place: CorpusPlace): Promise<Vocabulary> {
  if (path !== undefined) return await Vocabulary.read(path);
  const beside = join(place.folder, "vocab.txt");
  if (await Deno.stat(beside).then(() => true, () => false)) return await Vocabulary.read(beside);
  throw new UserError(
    `Cannot inspect corpus "${place.folder}": it has no "vocab.txt"; name its vocabulary with --vocab_file`,
  );
}

async function inspect(options: Options, { signal }: { signal: AbortSignal }): Promise<void> {
  const place = await locateCorpus(options.corpus);
  const vocabulary = await readVocabulary(options.vocab_file, place);
  const lexicon = options.lexicon === undefined ? undefined : await Lexicon.read(options.lexicon);
  const { mlm_prob: mlmProb, max_seq_length: maxSeqLength, seed, sample } = options;
  using corpus = await withProgress(
    "Checking",
    "ids",
    signal,
    (onProgress) => Corpus.open(place.folder, vocabulary, { ...place, onProgress }),
  );
  const inspection = await withProgress(
    "Counting",
    "sentences",
    signal,
    (onProgress) => inspectCorpus(corpus, { vocabulary, sample, maxSeqLength, lexicon, signal, onProgress }),
  );

  if (options.json) console.log(JSON.stringify(inspection, null, 2));
  else {
    console.log(inspectionText(inspection));
    const colour = Deno.stdout.isTerminal() && !Deno.noColor;
    const examples = exampleSentences(corpus, {
      vocabulary,
      count: options.examples,
      seed,
      maxSeqLength,
      mlmProb,
    });
    if (examples.length > 0) console.log(`\n${EXAMPLE_LEGEND}`);
    for (const example of examples) console.log(exampleText(example, colour));
  }
  const path = options.picture ?? (options.json ? "none" : inspectionPicturePath(place));
  if (path === "none") return;
  const title = basename(place.name ?? place.folder) || place.folder;
  await writeAtomically(path, [new TextEncoder().encode(inspectionPicture(inspection, title))]);
  if (!options.json) console.log(`\nPicture: ${path}`);
}

/** Runs with a progress bar; Ctrl-C ends it. */
async function withProgress<T>(
  label: string,
  unit: string,
  signal: AbortSignal,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let bar: ProgressBar | undefined;
  try {
    return await work((done, total) => {
      signal.throwIfAborted();
      bar ??= new ProgressBar({ label, unit, total });
      bar.update(done);
    });
  } finally {
    bar?.finish();
  }
}

await runTask(import.meta, {
  name: "inspect",
  summary:
    "Show what preprocessing made: lengths, words, unknown tokens and examples, as text and as a picture.",
  table: INSPECT_OPTIONS,
  positional: "corpus",
  examples: ["deno task inspect data/samples", "deno task inspect data --examples 3 --seed 7"],
  main: inspect,
});
