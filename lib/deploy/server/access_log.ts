/**
 * A line of JSON for each request, without what its texts say: they are about patients.
 *
 * @module
 */

/** What is known of a request when it is over. */
export interface AccessRecord {
  /** Of the request, in its response's `x-request-id` too. */
  readonly id: string;
  readonly remote: string;
  readonly method: string;
  /** As the routes have it, such as `/v2/models/:model/infer`; null for unknown paths, which may say anything. */
  readonly route: string | null;
  readonly model?: string;
  /** 499: its sender went away before it was answered. */
  readonly status: number;
  readonly milliseconds: number;
  /** How many texts, and how long they are together. */
  readonly texts?: number;
  readonly characters?: number;
}

/** Takes the record of a request, and its texts. */
export type AccessLog = (record: AccessRecord, texts: readonly (readonly string[])[] | undefined) => void;

/**
 * Writes a log.
 *
 * @param write Takes a line with its end.
 * @param options.texts Whether texts are written.
 *
 * @example
 * ```ts
 * import { accessLog } from "./access_log.ts";
 * const log = accessLog((line) => console.log(line));
 * log({ id: "1", remote: "127.0.0.1", method: "GET", route: "/v2", status: 200, milliseconds: 1 }, undefined);
 * ```
 */
export function accessLog(
  write: (line: string) => void = writeToStderr,
  { texts: withTexts = false }: { readonly texts?: boolean } = {},
): AccessLog {
  return (record, texts) => {
    const line = { time: new Date().toISOString(), ...record, ...(withTexts && texts && { text: texts }) };
    write(JSON.stringify(line) + "\n");
  };
}

function writeToStderr(line: string): void {
  const bytes = new TextEncoder().encode(line);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // nobody reads it any more: that is no reason to answer nothing
  }
}
