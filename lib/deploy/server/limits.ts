/**
 * How much a request may ask for, and its body, read within that.
 *
 * @module
 */
import { RequestError } from "./request_error.ts";

/** Bounds of requests and of how many there are at a time. */
export interface Limits {
  /** Longest body in bytes. */
  readonly bodyBytes: number;
  /** Most texts of a request; those of a pair count once. */
  readonly texts: number;
  /** Longest text in characters (code points). */
  readonly characters: number;
  /** Rows of a model that wait; with so many, requests are refused. */
  readonly queue: number;
  /** Seconds from a request's coming to its answer. */
  readonly seconds: number;
  /** Seconds of these that a body may take to come. */
  readonly bodySeconds: number;
  /** Requests that are open at a time, whatever they do. */
  readonly openRequests: number;
}

/** What a server on a desk or behind a proxy gets along with. */
export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 1 << 20,
  texts: 128,
  characters: 10_000,
  queue: 256,
  seconds: 30,
  bodySeconds: 10,
  openRequests: 1024,
};

/** Of a body that is too long so much more is read and dropped: a sender that is cut off sees no answer. */
const DROPPED_BYTES = 16 << 20;
/** What is left of a body is not read. */
const CLOSE = { connection: "close" };

/**
 * Reads a request's body as JSON.
 *
 * @throws {RequestError} If it is too long (413), too slow (408), cut, not UTF-8 or not JSON (400).
 */
export async function readJson(
  request: Request,
  limits: Pick<Limits, "bodyBytes" | "bodySeconds">,
): Promise<unknown> {
  const bytes = await readBytes(request, limits);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new RequestError(400, "Cannot read the body: it is not UTF-8; encode the JSON as UTF-8");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = text.trim() === "" ? "it is empty; send a JSON object" : (error as Error).message;
    throw new RequestError(400, `Cannot read the body as JSON: ${reason}`);
  }
}

async function readBytes(
  { body }: Request,
  { bodyBytes, bodySeconds }: Pick<Limits, "bodyBytes" | "bodySeconds">,
): Promise<Uint8Array> {
  if (!body) return new Uint8Array();
  const reader = body.getReader(), chunks: Uint8Array[] = [];
  let length = 0, isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void reader.cancel().catch(() => {});
  }, 1000 * bodySeconds);
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      length += read.value.length;
      if (length <= bodyBytes) chunks.push(read.value);
      else chunks.length = 0;
      if (length > bodyBytes + DROPPED_BYTES) break;
    }
  } catch {
    throw new RequestError(
      400,
      "Cannot read the body: it ended early; send as many bytes as announced",
      CLOSE,
    );
  } finally {
    clearTimeout(timer);
  }
  if (isLate) {
    throw new RequestError(408, `Cannot read the body: it took more than ${bodySeconds} s to come`, CLOSE);
  }
  if (length > bodyBytes) {
    throw new RequestError(
      413,
      `Cannot take a body of more than ${bodyBytes} bytes: send fewer texts`,
      CLOSE,
    );
  }
  return joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * Checks texts that are to be answered.
 *
 * @param texts Those of each example, one or two.
 * @param field How a message names the field of the first texts and of the second ones.
 * @throws {RequestError} If there are none (400), too many or too long ones (413), or one is empty (400).
 */
export function checkTexts(
  texts: readonly (readonly string[])[],
  field: readonly string[],
  limits: Pick<Limits, "texts" | "characters">,
): void {
  if (texts.length === 0) throw new RequestError(400, `Cannot answer no texts: "${field[0]}" is empty`);
  if (texts.length > limits.texts) {
    throw new RequestError(
      413,
      `Cannot take ${texts.length} texts in "${field[0]}": at most ${limits.texts} in a request`,
    );
  }
  for (const [i, one] of texts.entries()) {
    for (const [n, text] of one.entries()) {
      if (text.trim() === "") {
        throw new RequestError(400, `Cannot answer "${field[n]}" ${i}: it is empty; leave such texts out`);
      }
      // every code point has one or two units
      if (text.length <= limits.characters) continue;
      const length = text.length > 2 * limits.characters ? text.length : Array.from(text).length;
      if (length > limits.characters) {
        throw new RequestError(
          413,
          `Cannot take "${
            field[n]
          }" ${i}: it has more than ${limits.characters} characters; send it in parts`,
        );
      }
    }
  }
}
