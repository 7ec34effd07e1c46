/**
 * One file from a server to the disk: broken downloads go on where they broke, and only what is whole gets its name.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { diskErrorReason, fileError, syncFolder, UserError } from "../config/mod.ts";
import { checkAnswer, HttpError, type Patience, persist, Watchdog } from "./requests.ts";

/** A file on a server. */
export interface RemoteFile {
  readonly url: string;
  /** Sent along, such as the token; not to another server that the first one points to. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes, where they are known. */
  readonly size?: number | undefined;
  /** SHA-256 in 64 hexadecimal digits, or git's id of the content in 40, where it is known. */
  readonly digest?: string | undefined;
}

/** How a download is watched and stopped. */
export interface DownloadOptions {
  readonly patience: Patience;
  readonly signal?: AbortSignal | undefined;
  /** Hears how many bytes of the file are there. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Downloads a file; what an earlier try left beside it, `<path>.incomplete`, is not asked for again.
 *
 * @param file What to download.
 * @param path Where to; it appears whole and checked, or not at all.
 * @throws {HttpError} If the server refuses.
 * @throws {UserError} If the disk refuses, or twice other bytes came than the digest tells.
 */
export async function download(file: RemoteFile, path: string, options: DownloadOptions): Promise<void> {
  const partial = `${path}.incomplete`;
  for (const isLast of [false, true]) {
    let held = await sizeOf(partial);
    const receive = async () => {
      held = await receiveRest(file, partial, {
        ...options,
        onBytes: (bytes) => options.onBytes?.(held = bytes),
      });
    };
    await persist(receive, { ...options, progress: () => held });
    const found = file.digest === undefined ? undefined : await digestOf(partial, file.digest.length);
    if (found === file.digest) return await giveName(partial, path);
    await Deno.remove(partial);
    if (isLast) {
      throw new UserError(
        `Cannot trust "${file.url}": its checksum is ${found}, the hub tells ${file.digest}; ` +
          "nothing of it was kept: try again, or another HF_ENDPOINT",
      );
    }
  }
}

/** Appends what is missing; without a word of the server's on the whole size, its end is taken for the file's. */
async function receiveRest(
  { url, headers, size }: RemoteFile,
  partial: string,
  { patience, signal, onBytes }: DownloadOptions,
): Promise<number> {
  let held = await sizeOf(partial);
  if (size !== undefined && held > size) await truncate(partial, held = 0); // of no file that the hub has
  if (held === size && held > 0) return held;
  using watchdog = new Watchdog(patience.stall);
  const answer = await fetch(url, {
    headers: {
      ...headers,
      "accept-encoding": "identity", // ranges are of the bytes as they are
      ...(held > 0 && { range: `bytes=${held}-` }),
    },
    signal: signal ? AbortSignal.any([signal, watchdog.signal]) : watchdog.signal,
  });
  const { start, total = size } = await placeOf(answer, held, partial);
  if (total !== undefined && size !== undefined && total !== size) {
    await answer.body?.cancel();
    throw new UserError(`Cannot download "${url}": it has ${total} bytes, the hub tells ${size}`);
  }
  held = start;
  using out = await openAt(partial, start);
  for await (const chunk of answer.body ?? []) {
    watchdog.feed();
    await write(out, chunk, partial);
    onBytes?.(held += chunk.length);
  }
  if (total !== undefined && held !== total) {
    throw new TypeError(`the connection ended after ${held} of ${total} bytes`);
  }
  await out.sync();
  return held;
}

/** Where the bytes of an answer belong, and how long the whole file is. */
async function placeOf(
  answer: Response,
  held: number,
  partial: string,
): Promise<{ start: number; total: number | undefined }> {
  if (answer.status === 416) { // what we hold is longer than the file
    await answer.body?.cancel();
    await truncate(partial, 0);
    if (held > 0) throw new TypeError("the server has no such range"); // begins anew
  }
  await checkAnswer(answer);
  const number = (text: string | null | undefined) => text ? Number(text) : undefined;
  if (answer.status !== 206) return { start: 0, total: number(answer.headers.get("content-length")) }; // all of it
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers.get("content-range") ?? "") ?? [];
  if (number(start) !== held) {
    await answer.body?.cancel();
    await truncate(partial, 0);
    throw new HttpError(answer.status, undefined, `the bytes from ${start} on, not from ${held}`);
  }
  return { start: held, total: number(total) };
}

async function openAt(path: string, start: number): Promise<Deno.FsFile> {
  try {
    const file = await Deno.open(path, { write: true, create: true });
    await file.truncate(start);
    await file.seek(start, Deno.SeekMode.Start);
    return file;
  } catch (error) {
    throw fileError("write", path, error);
  }
}

async function write(file: Deno.FsFile, bytes: Uint8Array, path: string): Promise<void> {
  try {
    for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
  } catch (error) {
    const reason = diskErrorReason(error);
    if (reason === undefined) throw error;
    throw new UserError(
      `Cannot write "${path}": ${reason}; make room, then the same command goes on from there`,
      { cause: error },
    );
  }
}

async function truncate(path: string, size: number): Promise<void> {
  await Deno.truncate(path, size).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw fileError("write", path, error);
  });
}

/** 0 where there is no such file. */
async function sizeOf(path: string): Promise<number> {
  return await Deno.stat(path).then(({ size }) => size, (error) => {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw fileError("read", path, error);
  });
}

async function giveName(partial: string, path: string): Promise<void> {
  try {
    await Deno.rename(partial, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileError("write", path, error);
  }
}

/** SHA-256 of a file, or git's id of it: SHA-1 of `blob <size>`, a zero and the content. */
async function digestOf(path: string, digits: number): Promise<string> {
  const hash = createHash(digits === 64 ? "sha256" : "sha1");
  if (digits === 40) hash.update(`blob ${await sizeOf(path)}\0`);
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}
