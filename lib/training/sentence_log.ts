/**
 * Which sentences each step was given: `sentences-<rank>.jsonl`, a line a step, so that none can be lost or repeated unseen.
 *
 * @module
 */
import { join } from "node:path";
import { fileError } from "../config/mod.ts";
import type { PlacedBatch } from "../packing/mod.ts";
import { AppendedFile } from "./appended_file.ts";
import { stepOfRecord } from "./records.ts";

const NAME = /^sentences-\d+\.jsonl$/;

/** The log of one process; a run that goes on continues it. */
export class SentenceLog implements Disposable {
  readonly #file: AppendedFile;

  /**
   * Opens the log of a process, without the lines after a step; rank 0 cuts those of all, also of processes that are no more.
   *
   * @param outputDir - Folder of the run; created when missing.
   * @param rank - Which process it is.
   * @param step - The step that the run goes on from, 0 for a new one.
   * @throws {UserError} When the disk refuses.
   */
  constructor(outputDir: string, rank: number, step: number) {
    const isWanted = (line: string) => stepOfRecord(line) <= step;
    try {
      Deno.mkdirSync(outputDir, { recursive: true });
    } catch (error) {
      throw fileError("make", outputDir, error);
    }
    if (rank === 0) {
      for (const { name } of Deno.readDirSync(outputDir)) {
        if (NAME.test(name)) new AppendedFile(join(outputDir, name), isWanted)[Symbol.dispose]();
      }
    }
    this.#file = new AppendedFile(join(outputDir, `sentences-${rank}.jsonl`), isWanted);
  }

  /**
   * Writes down one step.
   *
   * @param step - Counted as in the log.
   * @param batches - What it was given.
   */
  add(step: number, batches: readonly PlacedBatch[]): void {
    const sentences = batches.flatMap(({ contents }) =>
      contents.map(({ epoch, sentence }) => [epoch, sentence])
    );
    this.#file.append(JSON.stringify({ step, sentences }));
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}
