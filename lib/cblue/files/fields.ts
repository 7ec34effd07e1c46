/**
 * Records with their fields checked: whatever is wrong is said with file, record and field.
 *
 * @module
 */
import { UserError } from "../../config/mod.ts";

/**
 * The fields of a JSON object that was read from a file.
 *
 * @example
 * ```ts
 * import { Fields } from "./fields.ts";
 * const fields = new Fields({ id: 7, label: null }, `"dev.json": record 1`);
 * console.log(fields.word("id"), fields.has("label")); // 7 false
 * console.log(fields.error("query", "it is missing").message); // Cannot read "dev.json": record 1, field "query": …
 * ```
 */
export class Fields {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #place: string;
  readonly #path: string;

  /**
   * @param record The object.
   * @param place Where it stands, as errors say it.
   * @param path Which field of the whole record it is; empty for the record itself.
   * @throws {UserError} If it is no object.
   */
  constructor(record: unknown, place: string, path = "") {
    this.#place = place;
    this.#path = path;
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      const where = path === "" ? "" : `, field "${path}"`;
      throw new UserError(`Cannot read ${place}${where}: ${spell(record)} is no JSON object`);
    }
    this.#record = record as Record<string, unknown>;
  }

  /** Whether a field is there and not null. */
  has(name: string): boolean {
    return Object.hasOwn(this.#record, name) && this.#record[name] !== null;
  }

  /** Whether a field is a string. */
  isText(name: string): boolean {
    return this.has(name) && typeof this.#record[name] === "string";
  }

  /** A field that is a string. */
  text(name: string): string {
    const value = this.#value(name);
    if (typeof value !== "string") throw this.error(name, `${spell(value)} is no text`);
    return value;
  }

  /** A field that is a string, or a number that stands for one, as in ids and labels. */
  word(name: string): string {
    const value = this.#value(name);
    return typeof value === "number" ? String(value) : this.text(name);
  }

  /** A field that is a whole number, of at least `least`. */
  count(name: string, least = 0): number {
    const value = this.#value(name);
    if (!Number.isSafeInteger(value) || value as number < least) {
      throw this.error(name, `${spell(value)} is no whole number from ${least}`);
    }
    return value as number;
  }

  /** A field that is a number above 0. */
  positive(name: string): number {
    const value = this.#value(name);
    if (typeof value !== "number" || !(value > 0)) {
      throw this.error(name, `${spell(value)} is no number above 0`);
    }
    return value;
  }

  /** A field that is one of several words. */
  choice<const C extends string>(name: string, choices: readonly C[]): C {
    const value = this.text(name), found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.error(name, `"${value}" is not one of ${choices.join(", ")}`);
    return found;
  }

  /** A field that is a list. */
  list(name: string): readonly unknown[] {
    const value = this.#value(name);
    if (!Array.isArray(value)) throw this.error(name, `${spell(value)} is no list`);
    return value;
  }

  /** A field that is an object, or a list whose item `i` is one. */
  object(name: string, i?: number): Fields {
    return i === undefined
      ? new Fields(this.#value(name), this.#place, this.#inside(name))
      : new Fields(this.list(name)[i], this.#place, `${this.#inside(name)}[${i}]`);
  }

  /** A field that is a list of objects. */
  objects(name: string): Fields[] {
    return this.list(name).map((_, i) => this.object(name, i));
  }

  /** The names of all fields. */
  names(): string[] {
    return Object.keys(this.#record);
  }

  /** What is wrong with a field, to be thrown. */
  error(name: string, reason: string): UserError {
    return new UserError(`Cannot read ${this.place(name)}: ${reason}`);
  }

  /** Where a field stands, as errors say it. */
  place(name: string): string {
    return `${this.#place}, field "${this.#inside(name)}"`;
  }

  #value(name: string): unknown {
    if (!this.has(name)) throw this.error(name, "it is missing");
    return this.#record[name];
  }

  #inside(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
}

/** A value as errors show it: short, whatever it is. */
function spell(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value), characters = Array.from(text);
  return characters.length <= 40 ? text : characters.slice(0, 40).join("") + "…";
}
