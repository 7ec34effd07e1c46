/** What preprocessing tells about a corpus: counts, bad lines, what the vocabulary cannot spell. */
import type { WordMarks } from "./line_encoder.ts";

/** Counts that add up over blocks, and over shards; in a corpus of pairs, what is left out counts by pairs. */
export interface Counts {
  /** Bytes of text, decompressed. */
  bytes: number;
  lines: number;
  sentences: number;
  tokens: number;
  /** Texts that give no token. */
  empty_lines: number;
  /** Texts shorter than `min_chars`. */
  short_lines: number;
  /** Texts that were there before; only looked for with `dedup`. */
  duplicate_lines: number;
  bad_lines: number;
  unknown_tokens: number;
}

/** A line that was skipped. */
export interface BadLineExample {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** What a corpus was made with. */
export interface CorpusSettings {
  readonly tokenize_tool: string;
  readonly word_marks: WordMarks;
  readonly lexicon: { readonly file: string; readonly terms: number; readonly sha256: string } | null;
  readonly vocabulary_sha256: string;
  /** In a corpus of pairs the two fields, as `question,answer`. */
  readonly field: string;
  /** Whether sentence 2i is a question and 2i + 1 its answer; absent otherwise. */
  readonly pairs?: true;
  readonly min_chars: number;
  readonly dedup: boolean;
  readonly input_path: string;
  /** Digest of names and sizes of all input files: shards of one corpus have the same. */
  readonly input_sha256: string;
  /** Files of the whole input, whatever the shard. */
  readonly files: number;
}

/** Content of `<prefix>_report.json`; nothing in it depends on when or how fast the corpus was made. */
export interface CorpusReport extends CorpusSettings, Readonly<Counts> {
  readonly version: 1;
  readonly bad_line_examples: readonly BadLineExample[];
  /**
   * Spellings that became `[UNK]` and how often, the most frequent first; at most 200 in a whole corpus, all in a shard, so
   * that shards add up.
   */
  readonly unknown: readonly (readonly [spelling: string, count: number])[];
  /** `i/n`; `0/1` is a whole corpus. */
  readonly shard: string;
}

/** What is counted while a corpus is made: part of a work folder's state. */
export interface Tally {
  readonly counts: Counts;
  readonly badLines: BadLineExample[];
  readonly unknown: Record<string, number>;
}

/** Bad lines that are shown and kept. */
export const MAX_EXAMPLES = 20;
/** Spellings in a whole corpus's report. */
const MAX_UNKNOWN = 200;
/** Different spellings that are told apart, the first ones met; others count in the sum only, so that memory stays bounded. */
const MAX_SPELLINGS = 100_000;

/**
 * A tally before anything is counted.
 *
 * @returns zeros
 */
export function emptyTally(): Tally {
  const counts: Counts = {
    bytes: 0,
    lines: 0,
    sentences: 0,
    tokens: 0,
    empty_lines: 0,
    short_lines: 0,
    duplicate_lines: 0,
    bad_lines: 0,
    unknown_tokens: 0,
  };
  return { counts, badLines: [], unknown: Object.create(null) };
}

/**
 * Adds counts.
 *
 * @param tally what is counted so far; changed
 * @param counts of a block or a shard
 * @param unknown spellings and how often they became `[UNK]`
 */
export function addCounts(
  tally: Tally,
  counts: Readonly<Counts>,
  unknown: Iterable<readonly [string, number]>,
): void {
  for (const key of Object.keys(tally.counts) as (keyof Counts)[]) tally.counts[key] += counts[key];
  let spellings: number | undefined; // counted only when a new one comes
  for (const [spelling, count] of unknown) {
    const before = tally.unknown[spelling];
    if (before === undefined) {
      spellings ??= Object.keys(tally.unknown).length;
      if (spellings++ >= MAX_SPELLINGS) continue;
    }
    tally.unknown[spelling] = (before ?? 0) + count;
  }
}

/**
 * Makes the report of a corpus.
 *
 * @param settings what it was made with
 * @param tally what was counted
 * @param shard `i/n`
 * @returns the report
 */
export function corpusReport(settings: CorpusSettings, tally: Tally, shard: string): CorpusReport {
  const unknown = Object.entries(tally.unknown).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return {
    version: 1,
    tokenize_tool: settings.tokenize_tool,
    word_marks: settings.word_marks,
    lexicon: settings.lexicon,
    vocabulary_sha256: settings.vocabulary_sha256,
    field: settings.field,
    ...(settings.pairs === undefined ? {} : { pairs: settings.pairs }),
    min_chars: settings.min_chars,
    dedup: settings.dedup,
    input_path: settings.input_path,
    input_sha256: settings.input_sha256,
    files: settings.files,
    ...tally.counts,
    bad_line_examples: tally.badLines.slice(0, MAX_EXAMPLES),
    unknown: shard === "0/1" ? unknown.slice(0, MAX_UNKNOWN) : unknown,
    shard,
  };
}

/**
 * Writes a report down.
 *
 * @param report the report
 * @returns content of `<prefix>_report.json`
 */
export function encodeReport(report: CorpusReport): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(report, null, 2) + "\n");
}
