/**
 * What the start/end and biaffine head shall say of a row of tokens.
 *
 * L = slots of the row, `[CLS]` first; P = predicates.
 *
 * @module
 */

/** The ones among the targets; all others are zeros. */
export interface PairTargets {
  /** Tokens at which entities start: first column of (L, 2). */
  readonly starts: readonly number[];
  /** Last tokens of entities: second column of (L, 2). */
  readonly ends: readonly number[];
  /** Predicate, token of the subject, token of the object: (P, L, L). */
  readonly pairs: readonly (readonly [predicate: number, subject: number, object: number])[];
}

/**
 * Writes targets into arrays of zeros.
 *
 * @param targets A row's.
 * @param width L.
 * @param entities (L, 2).
 * @param relations (P, L, L).
 */
export function writeTargets(
  targets: PairTargets,
  width: number,
  entities: Float32Array,
  relations: Float32Array,
): void {
  writeEnds(targets, entities);
  for (const [predicate, subject, object] of targets.pairs) {
    relations[(predicate * width + subject) * width + object] = 1;
  }
}

/**
 * Writes the starts and ends alone.
 *
 * @param entities (L, 2), zeros.
 */
export function writeEnds({ starts, ends }: PairTargets, entities: Float32Array): void {
  for (const token of starts) entities[2 * token] = 1;
  for (const token of ends) entities[2 * token + 1] = 1;
}
