/**
 * Whether the offsets of entities mean what a reader takes them for: records spell each entity beside its offsets.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";
import type { Span } from "../examples.ts";

/** Share of entities that may be spelled otherwise than their text; more of them are no slips. */
const TOLERANCE = 0.01;

/** Compares entities with their spelling and judges when all have been seen. */
export class SpellingCheck {
  #checked = 0;
  #wrong = 0;
  /** Of the wrong ones, those that are right if ends count otherwise. */
  #otherwise = 0;
  #first = "";
  readonly #file: string;
  readonly #ends: "inclusive" | "exclusive";

  /**
   * @param file As errors name it.
   * @param ends What the reader takes ends for.
   */
  constructor(file: string, ends: "inclusive" | "exclusive" = "inclusive") {
    this.#file = file;
    this.#ends = ends;
  }

  /**
   * Looks at an entity.
   *
   * @param characters The text's code points.
   * @param span Where the entity is, as read.
   * @param spelling What the record says it is.
   * @param place Where that is said, for errors.
   */
  add(characters: readonly string[], { start, end }: Span, spelling: string, place: string) {
    const upTo = (end: number) => characters.slice(start, end).join("");
    this.#checked++;
    const found = upTo(end);
    if (found === spelling) return;
    this.#wrong++;
    if (upTo(this.#ends === "inclusive" ? end - 1 : end + 1) === spelling) this.#otherwise++;
    this.#first ||= `${place}: it says "${spelling}", but "${found}" is there`;
  }

  /**
   * Judges.
   *
   * @param warn Told of a few slips.
   * @throws {UserError} If offsets are wrong throughout.
   */
  judge(warn: (line: string) => void = () => {}) {
    if (this.#wrong === 0) return;
    if (this.#otherwise > this.#checked / 2) {
      const other = this.#ends === "inclusive" ? "exclusive" : "inclusive";
      throw new UserError(
        `Cannot read "${this.#file}": its entities have ${other} ends; describe the task in a JSON file with "ends": "${other}"`,
      );
    }
    if (this.#wrong > this.#checked * TOLERANCE) {
      const more = this.#wrong > 1 ? `; so are ${this.#wrong - 1} more` : "";
      throw new UserError(`Cannot read ${this.#first}${more}`);
    }
    const share = `${this.#wrong} of ${this.#checked} entities`;
    warn(`${share} are not what their offsets say, the first in ${this.#first}`);
  }
}
