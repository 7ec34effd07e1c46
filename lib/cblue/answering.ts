/**
 * From the outputs of rows, in whatever order they come, to the answers of their examples.
 *
 * @module
 */
import type { AnsweredRow, Approach } from "./approach.ts";
import type { Row } from "./batches.ts";
import type { Logits } from "./decoding/logits.ts";
import type { Example } from "./examples.ts";

/** Gathers the outputs of each example's rows, and answers it when it has them all. */
export class AnswerCollector<E extends Example = Example, P = unknown> {
  /** All rows of all examples, one example after another. */
  readonly rows: readonly Row[];
  /** One for each example, as far as its rows are answered. */
  readonly answers: P[];
  readonly #examples: readonly E[];
  readonly #approach: Pick<Approach<E, Row, P>, "rows" | "predict">;
  /** Of each row the number of its example; of each example that of its first row. */
  readonly #owners: readonly number[];
  readonly #firsts: readonly number[];
  readonly #outputs: (readonly Logits[] | undefined)[];
  readonly #missing: number[];

  constructor(examples: readonly E[], approach: Pick<Approach<E, Row, P>, "rows" | "predict">) {
    const rowsOf = examples.map((example) => approach.rows(example));
    let first = 0;
    this.#firsts = rowsOf.map(({ length }) => (first += length) - length);
    this.#owners = rowsOf.flatMap((rows, example) => rows.map(() => example));
    this.#missing = rowsOf.map(({ length }) => length);
    this.#examples = examples;
    this.#approach = approach;
    this.rows = rowsOf.flat();
    this.#outputs = this.rows.map(() => undefined);
    this.answers = new Array<P>(examples.length);
  }

  /**
   * Takes what the head gives for a row.
   *
   * @param row Its place among `rows`.
   */
  give(row: number, outputs: readonly Logits[]): void {
    const owner = this.#owners[row]!, first = this.#firsts[owner]!;
    this.#outputs[row] = outputs;
    if (--this.#missing[owner]! > 0) return;
    const answered: AnsweredRow<Row>[] = [];
    for (let i = first; this.#owners[i] === owner; i++) {
      answered.push({ row: this.rows[i]!, outputs: this.#outputs[i]! });
      this.#outputs[i] = undefined; // outputs are large
    }
    this.answers[owner] = this.#approach.predict(this.#examples[owner]!, answered);
  }
}
