/**
 * Fields of JSON requests: those of the right type, or an error that names them.
 *
 * @module
 */
import { RequestError } from "./request_error.ts";

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Takes a value for an object.
 *
 * @param name How a message calls it.
 * @param known Its only fields; default: any.
 * @throws {RequestError} 400, if it is none or has others.
 *
 * @example
 * ```ts
 * import { fieldsOf } from "./fields.ts";
 * console.log(fieldsOf({ data: 1 }, "the body", ["data"]).data); // 1
 * ```
 */
export function fieldsOf(value: unknown, name: string, known?: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RequestError(400, `Cannot use ${name}: expected a JSON object, found ${typeName(value)}`);
  }
  const other = known && Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) {
    const shown = JSON.stringify(other.slice(0, 40));
    throw new RequestError(400, `Cannot use ${name}: it has ${shown}; its fields are ${known!.join(", ")}`);
  }
  return value as Fields;
}

/** Complains of a field. */
export function wrongField(name: string, expected: string, found: unknown): RequestError {
  const what = found === undefined ? "it is missing" : `found ${typeName(found)}`;
  return new RequestError(400, `Cannot use "${name}": expected ${expected}, ${what}`);
}

/** What a message calls a value: its type, never what it says. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
