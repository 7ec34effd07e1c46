/** Which rows of a table hold which ids. */

/** What {@linkcode RowCache.add} tells. */
export interface AddedRows {
  /** Row of each id. */
  readonly rows: Int32Array;
  /** Ids that have come in, in the order of their rows. */
  readonly added: readonly number[];
  /** Row of the first of them. */
  readonly firstAdded: number;
}

/** Gives ids rows of a table of bounded size; when it is full, everything goes and it fills again. */
export class RowCache {
  readonly #rowOf: Int32Array; // by id; -1: none
  readonly #capacity: number;
  #used = 0;

  /** @param idCount Ids are less. @param capacity Rows of the table: as many ids as can come at once, or more. */
  constructor(idCount: number, capacity: number) {
    this.#rowOf = new Int32Array(idCount).fill(-1);
    this.#capacity = capacity;
  }

  /**
   * Gives ids rows, if they have none.
   *
   * @param ids Any number of ids, of which at most `capacity` differ.
   * @returns Their rows, and which are new: the caller has to fill those.
   */
  add(ids: Int32Array): AddedRows {
    let added = this.#addMissing(ids);
    if (this.#used > this.#capacity) {
      this.#rowOf.fill(-1);
      this.#used = 0;
      added = this.#addMissing(ids);
    }
    return { rows: ids.map((id) => this.#rowOf[id]!), added, firstAdded: this.#used - added.length };
  }

  #addMissing(ids: Int32Array): number[] {
    const added: number[] = [];
    for (const id of ids) {
      if (this.#rowOf[id] !== -1) continue;
      this.#rowOf[id] = this.#used++;
      added.push(id);
    }
    return added;
  }
}
