/**
 * What a corpus holds: how long its sentences and words are, how much of it the vocabulary does not know.
 *
 * Lengths are those of all sentences. What needs the ids is counted in a sample, spread evenly over the corpus, of all
 * sentences where there are not too many.
 */
import { basename, dirname, join } from "node:path";
import { UserError } from "../config/mod.ts";
import type { Lexicon, Vocabulary } from "../text/mod.ts";
import type { Corpus, Sentence } from "../packing/mod.ts";
import { readReports, type Report } from "./report.ts";
import { TermCounter, type TermCoverage } from "./term_coverage.ts";

/** How sentences are counted. */
export interface InspectOptions {
  readonly vocabulary: Vocabulary;
  /** Most sentences whose ids are read. */
  readonly sample: number;
  /** L of pretraining: sentences of more than L − 2 tokens are cut. */
  readonly maxSeqLength: number;
  /** Terms of which to tell how many lie within one word, and so are masked as a whole. */
  readonly lexicon?: Lexicon | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears how many sentences of the sample are read. */
  readonly onProgress?: (sentences: number, total: number) => void;
}

/** How many sentences there are of each length, in bins of one width. */
export interface LengthHistogram {
  /** Tokens a bin. */
  readonly width: number;
  /** Sentences of k·width + 1 to (k + 1)·width tokens, for bin k. */
  readonly bins: readonly number[];
  /** Sentences longer than the last bin. */
  readonly longer: number;
}

/** The numbers of a corpus; its names are those of `--json`. */
export interface Inspection {
  /** Paths before `_ids.npy`. */
  readonly corpora: readonly string[];
  readonly sentences: number;
  /** Questions with their answers, of which both are sentences; absent in a corpus that is not of pairs. */
  readonly pairs?: number;
  readonly tokens: number;
  /** Tokens a sentence; the median and the 95 % are the least length that at least this share does not exceed. */
  readonly lengths: {
    readonly mean: number;
    readonly median: number;
    readonly percentile_95: number;
    readonly max: number;
    readonly histogram: LengthHistogram;
  };
  /** Sentences too long for a row of pretraining. */
  readonly cut: { readonly max_seq_length: number; readonly sentences: number };
  /** Sentences whose ids were read for all numbers below. */
  readonly sampled: number;
  readonly unknown: { readonly tokens: number; readonly share: number };
  readonly words: {
    readonly total: number;
    /** Words of 1, 2, 3, … tokens, from the first on. */
    readonly by_length: readonly number[];
    /** Share of tokens that belong to a word of at least two. */
    readonly share_in_2_or_more: number;
    /** Share of tokens that belong to a word of more than the original's longest, four. */
    readonly share_in_more_than_4: number;
  };
  /** Occurrences of the lexicon's terms of two and more tokens, and of them within one word; `null` without a lexicon. */
  readonly terms: {
    readonly total: number;
    readonly whole: number;
    readonly tokens: number;
    readonly whole_tokens: number;
  } | null;
  /** What preprocessing reported; `null` where a report is missing or tells of another run. */
  readonly report: Report | null;
}

/** Where a corpus lies: all of a folder, or the one of a name. */
export interface CorpusPlace {
  readonly folder: string;
  readonly name?: string;
}

/**
 * Finds the corpus that a path means.
 *
 * @param path path before `_ids.npy`, path of one of its files, or a folder for all corpora in it
 * @returns the folder, and the name of the one corpus unless all are meant, for `Corpus.open`
 * @throws {UserError} if there is neither a folder nor a corpus
 *
 * @example
 * ```ts
 * import { locateCorpus } from "./inspect.ts";
 * console.log(await locateCorpus("tests/fixtures/text/c_ids.npy")); // { folder: "tests/fixtures/text", name: "c" }
 * ```
 */
export async function locateCorpus(path: string): Promise<CorpusPlace> {
  const prefix = path.replace(/_(ids\.npy|idx\.npz|marks\.npy|report\.json)$/, "");
  const exists = (path: string) => Deno.stat(path).then(() => true, () => false);
  if (await exists(`${prefix}_ids.npy`) || await exists(`${prefix}_idx.npz`)) {
    return { folder: dirname(prefix), name: basename(prefix) };
  }
  if (await Deno.stat(path).then((info) => info.isDirectory, () => false)) return { folder: path };
  throw new UserError(
    `Cannot read corpus "${path}": there is neither such a folder nor "${prefix}_ids.npy"; make it with ` +
      "`deno task preprocess`",
  );
}

/**
 * Counts a corpus.
 *
 * @param corpus the open corpus
 * @param options vocabulary, size of the sample
 * @returns its numbers
 * @throws {UserError} if a report beside the corpus cannot be read
 *
 * @example
 * ```ts
 * import { Corpus } from "../packing/mod.ts";
 * import { inspectCorpus } from "./inspect.ts";
 * import { Vocabulary } from "../text/mod.ts";
 * const vocabulary = await Vocabulary.read("tests/fixtures/text/vocab.txt");
 * using corpus = await Corpus.open("tests/fixtures/text", vocabulary);
 * const { sentences, lengths } = await inspectCorpus(corpus, { vocabulary, sample: 1000, maxSeqLength: 128 });
 * console.log(sentences, lengths.max);
 * ```
 */
export async function inspectCorpus(corpus: Corpus, options: InspectOptions): Promise<Inspection> {
  const report = await readReports(corpus.prefixes);
  const counts = [...corpus.lengthCounts()].sort(([a], [b]) => a - b);
  const sentences = corpus.length * sentencesEach(corpus);
  const isOfThisRun = report?.sentences === sentences && report.tokens === corpus.tokens;
  const room = options.maxSeqLength - 2; // [CLS] and [SEP]
  return {
    corpora: corpus.prefixes,
    sentences,
    ...(corpus.pairs ? { pairs: corpus.length } : {}),
    tokens: corpus.tokens,
    lengths: {
      mean: corpus.tokens / sentences,
      median: quantile(counts, 0.5),
      percentile_95: quantile(counts, 0.95),
      max: counts.at(-1)![0],
      histogram: lengthHistogram(counts),
    },
    cut: {
      max_seq_length: options.maxSeqLength,
      sentences: counts.reduce((sum, [length, count]) => length > room ? sum + count : sum, 0),
    },
    ...await countTokens(corpus, options),
    report: isOfThisRun ? report : null,
  };
}

/** Sentences of one place in the corpus: a question and its answer in one of pairs. */
function sentencesEach(corpus: Corpus): 1 | 2 {
  return corpus.pairs ? 2 : 1;
}

/** Sentences by length, shortest first. */
type LengthCounts = readonly (readonly [length: number, sentences: number])[];

/** The least length that at least this share of the sentences does not exceed: the nearest-rank quantile. */
function quantile(counts: LengthCounts, share: number): number {
  const wanted = share * counts.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [length, count] of counts) {
    seen += count;
    if (seen >= wanted) return length;
  }
  return counts.at(-1)![0];
}

const FEWEST_BINS = 12;
const MOST_BINS = 24;

/** Bins of 1, 2, 5, 10, … tokens: to the longest sentence if that takes few, else to the 99 % and the rest as one. */
function lengthHistogram(counts: LengthCounts): LengthHistogram {
  const longest = counts.at(-1)![0];
  const common = quantile(counts, 0.99);
  const width = binWidth(common);
  const size = Math.ceil((longest <= MOST_BINS * width ? longest : common) / width);
  const bins = new Array<number>(size).fill(0);
  let longer = 0;
  for (const [length, count] of counts) {
    const bin = Math.ceil(length / width) - 1;
    if (bin < size) bins[bin]! += count;
    else longer += count;
  }
  return { width, bins, longer };
}

/** The greatest of 1, 2, 5, 10, 20, 50, … of which a length takes not too few, or 1. */
function binWidth(length: number): number {
  let width = 1;
  for (let power = 1; power <= length; power *= 10) {
    for (const step of [power, 2 * power, 5 * power]) {
      if (length / step >= FEWEST_BINS) width = step;
    }
  }
  return width;
}

const SENTENCES_A_TURN = 1024;

/** Reads the ids of sentences spread evenly over the corpus; of pairs, both halves. */
async function countTokens(
  corpus: Corpus,
  { vocabulary, sample, lexicon, signal, onProgress }: InspectOptions,
): Promise<Pick<Inspection, "sampled" | "unknown" | "words" | "terms">> {
  const each = sentencesEach(corpus);
  const places = Math.min(Math.ceil(sample / each), corpus.length);
  const sampled = places * each;
  const byLength: number[] = [];
  const counter = lexicon && new TermCounter(vocabulary, lexicon);
  let tokens = 0, unknown = 0;
  const addWord = (length: number) => {
    while (byLength.length < length) byLength.push(0);
    byLength[length - 1]!++;
  };
  const addSentence = (sentence: Sentence) => {
    counter?.add(sentence);
    const { ids, isSuffix } = sentence;
    tokens += ids.length;
    let start = 0;
    for (let at = 0; at < ids.length; at++) {
      if (ids[at] === vocabulary.unkId) unknown++;
      if (at === 0 || isSuffix[at] === 1) continue;
      addWord(at - start);
      start = at;
    }
    addWord(ids.length - start);
  };
  for (let i = 0; i < places; i++) {
    const sentence = corpus.sentence(Math.floor(i * corpus.length / places));
    addSentence(sentence);
    if (sentence.partner !== undefined) addSentence(sentence.partner);
    if ((i + 1) % SENTENCES_A_TURN !== 0) continue;
    onProgress?.((i + 1) * each, sampled);
    await new Promise((resolve) => setTimeout(resolve)); // Ctrl-C gets its turn
    signal?.throwIfAborted();
  }
  onProgress?.(sampled, sampled);
  const shareOfWords = (least: number) =>
    byLength.reduce((sum, words, i) => i + 1 < least ? sum : sum + words * (i + 1), 0) / tokens;
  return {
    sampled,
    unknown: { tokens: unknown, share: unknown / tokens },
    words: {
      total: byLength.reduce((sum, words) => sum + words, 0),
      by_length: byLength,
      share_in_2_or_more: shareOfWords(2),
      share_in_more_than_4: shareOfWords(5),
    },
    terms: counter ? namedTerms(counter.coverage) : null,
  };
}

function namedTerms({ terms, wholeTerms, tokens, wholeTokens }: TermCoverage): Inspection["terms"] {
  return { total: terms, whole: wholeTerms, tokens, whole_tokens: wholeTokens };
}

/**
 * Tells where the picture of a corpus goes.
 *
 * @param place from {@linkcode locateCorpus}
 * @returns `<prefix>_inspect.svg`, or `inspect.svg` for a whole folder
 */
export function inspectionPicturePath({ folder, name }: CorpusPlace): string {
  return join(folder, name === undefined ? "inspect.svg" : `${name}_inspect.svg`);
}
