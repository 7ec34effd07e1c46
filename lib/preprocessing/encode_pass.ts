/** The pass that makes the corpus: blocks of text to sentences in the work folder, in order. */
import { UserError } from "../config/mod.ts";
import { countLines } from "../text/mod.ts";
import { addCounts, type BadLineExample, MAX_EXAMPLES, type Tally } from "./corpus_report.ts";
import type { CorpusState, CorpusWriter } from "./corpus_writer.ts";
import type { Duplicates, DuplicatesState } from "./duplicates.ts";
import type { EncoderPool } from "./encoder_pool.ts";
import { type PlacedBlock, type Position, readSegments, type Segment } from "./input_plan.ts";
import type { PreprocessOptions } from "./preprocess.ts";
import type { WorkFolder } from "./work_folder.ts";

/** State of the work folder of a corpus. */
export interface PreprocessState {
  readonly corpus: CorpusState;
  readonly tally: Tally;
  readonly duplicates: DuplicatesState;
  position: Position;
  /** Blocks written. */
  blocks: number;
}

const MEBIBYTE = 1 << 20;

/** Encodes the segments of a shard from where the work folder's state is. */
export class EncodePass {
  readonly #work: WorkFolder<PreprocessState>;
  readonly #writer: CorpusWriter;
  readonly #segments: readonly Segment[];
  readonly #totalBytes: number;
  readonly #options: PreprocessOptions;
  readonly #log: (line: string) => void;
  readonly #start = performance.now();
  /** What an interrupted run had done: it does not count for the speed. */
  readonly #resumed: { readonly lines: number; readonly bytes: number; readonly fileBytes: number };

  /**
   * @param work where the corpus grows
   * @param writer writes it
   * @param segments what to read
   * @param totalBytes their size on disk
   * @param options whom to tell, and how strict to be
   */
  constructor(
    work: WorkFolder<PreprocessState>,
    writer: CorpusWriter,
    segments: readonly Segment[],
    totalBytes: number,
    options: PreprocessOptions,
  ) {
    [this.#work, this.#writer, this.#segments, this.#totalBytes] = [work, writer, segments, totalBytes];
    this.#options = options;
    this.#log = options.onLog ?? (() => {});
    const { tally: { counts }, position } = work.state;
    this.#resumed = { lines: counts.lines, bytes: counts.bytes, fileBytes: position.fileBytes };
  }

  /**
   * Encodes to the end.
   *
   * @param pool encodes blocks
   * @param duplicates which texts to leave out, if any
   * @throws {UserError} if the input cannot be read or changes, the disk refuses, or a line is bad and `strict` is set
   */
  async run(pool: EncoderPool, duplicates: Duplicates | undefined): Promise<void> {
    const state = this.#work.state;
    duplicates?.skip(state.blocks);
    const from = { ...state.position };
    const segments = this.#segments;
    const log = this.#log;
    async function* jobs() {
      for await (const placed of readSegments(segments, from, ({ file }) => log(`Processing ${file.path}`))) {
        const { block, segment: { format } } = placed;
        const only = duplicates === undefined ? {} : { duplicates: duplicates.next() };
        yield { request: { kind: "encode", block, format, ...only } as const, placed };
      }
    }
    this.#reportProgress();
    for await (const [{ placed }, response] of pool.run(jobs())) {
      this.#options.signal?.throwIfAborted();
      if (response.kind !== "encoded") throw new Error(`Unexpected answer "${response.kind}" of a worker`);
      const { encoded } = response;
      const { block, index, fileBytes } = placed;
      const line = index === state.position.segment ? state.position.line : 0;
      const bad = await this.#badLines(placed, line, encoded.bad);
      await this.#writer.append(encoded);
      const before = state.tally.counts.lines;
      addCounts(state.tally, { ...encoded.counts, bytes: block.end - block.start }, encoded.unknown);
      state.tally.badLines.push(...bad);
      state.position = { segment: index, offset: block.end, line: line + encoded.counts.lines, fileBytes };
      state.blocks++;
      await this.#work.commit();
      this.#logSpeed(before);
      this.#reportProgress();
    }
  }

  /** Prints bad lines, or refuses the first one; gives those that the report shall show. */
  async #badLines(
    { segment }: PlacedBlock,
    linesBefore: number,
    bad: readonly { readonly index: number; readonly reason: string }[],
  ): Promise<BadLineExample[]> {
    if (bad.length === 0) return [];
    const examples: BadLineExample[] = [];
    const { counts, badLines } = this.#work.state.tally;
    if (badLines.length === MAX_EXAMPLES && !this.#options.strict) return [];
    const before = segment.start === 0 ? 0 : await countLines(segment.file.path, segment.start);
    for (const { index, reason } of bad) {
      const example = { file: segment.file.path, line: before + linesBefore + index + 1, reason };
      if (this.#options.strict) {
        throw new UserError(`Cannot preprocess "${example.file}": line ${example.line} is ${reason}`);
      }
      if (badLines.length + examples.length === MAX_EXAMPLES) break;
      this.#log(`Skipped line ${example.line} of ${example.file}: it is ${reason}`);
      examples.push(example);
    }
    if (counts.bad_lines + bad.length > MAX_EXAMPLES) {
      this.#log("More bad lines are skipped and counted, but not shown");
    }
    return examples;
  }

  /** The original's line of speed, for every multiple of the logging steps that the last block passed. */
  #logSpeed(before: number): void {
    const { loggingSteps = 10_000 } = this.#options;
    const { lines, bytes } = this.#work.state.tally.counts;
    const seconds = (performance.now() - this.#start) / 1000;
    const speed = ((lines - this.#resumed.lines) / seconds).toFixed(2);
    const throughput = ((bytes - this.#resumed.bytes) / MEBIBYTE / seconds).toFixed(4);
    for (
      let step = (Math.floor(before / loggingSteps) + 1) * loggingSteps;
      step <= lines;
      step += loggingSteps
    ) {
      this.#log(`Processed ${step} sentences (${speed} sentences/s, ${throughput} MB/s).`);
    }
  }

  #reportProgress(): void {
    const { position, corpus: { sentences } } = this.#work.state;
    this.#options.onProgress?.({
      phase: "encode",
      bytes: position.fileBytes,
      totalBytes: this.#totalBytes,
      resumedBytes: this.#resumed.fileBytes,
      sentences,
    });
  }
}
