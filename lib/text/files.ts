/**
 * Reading raw text: which files a path stands for, and their lines.
 *
 * The rules are those of the original's preprocessing: every file of a folder counts, whatever its extension, in the order
 * of the full paths; a line ends at `\n`, `\r\n` or a lone `\r`. Unlike the original, what file managers leave behind is
 * passed over, and text is UTF-8 or it is refused, whatever the machine's locale.
 */
import { resolve, sep } from "node:path";
import { UserError } from "../config/mod.ts";

/** One line of a text file, without its line ending. */
export interface TextLine {
  /** Path of the file. */
  readonly file: string;
  /** Line number, from 1. */
  readonly line: number;
  readonly text: string;
}

/** What macOS and Windows leave in folders by themselves; nobody's text. */
const SYSTEM_FILE = /^(\.DS_Store|\._.*|Thumbs\.db|desktop\.ini)$/;
const CHUNK_BYTES = 1 << 18;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Lists the text files that a path stands for.
 *
 * @param path A file, or a folder that is searched recursively (links to files are followed, links to folders are not).
 * @returns Paths in string order; `[path]` for a file.
 * @throws {UserError} If the path is missing or unreadable, or the folder holds no file.
 *
 * @example
 * ```ts
 * import { listTextFiles } from "./files.ts";
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/a.txt`, "患者发热三天。\n");
 * console.log(await listTextFiles(folder)); // [ "/tmp/…/a.txt" ]
 * ```
 */
export async function listTextFiles(path: string): Promise<string[]> {
  const info = await attempt(path, () => Deno.stat(path));
  if (!info.isDirectory) return [path];
  const files: string[] = [];
  await collectFiles(path.replace(/(?<=.)\/+$/, ""), files);
  if (files.length === 0) throw new UserError(`Cannot read text folder "${path}": it holds no file`);
  return files.sort();
}

async function collectFiles(folder: string, files: string[]): Promise<void> {
  const entries = await attempt(folder, () => Array.fromAsync(Deno.readDir(folder)));
  for (const entry of entries) {
    if (SYSTEM_FILE.test(entry.name)) continue;
    const path = folder === "/" ? `/${entry.name}` : `${folder}/${entry.name}`;
    if (entry.isDirectory) await collectFiles(path, files);
    else if (entry.isFile || (await attempt(path, () => Deno.stat(path))).isFile) files.push(path);
  }
}

/**
 * Reads the lines of a text file, or of every file of a folder, in constant memory.
 *
 * A byte order mark at the start of a file is dropped.
 *
 * @param path A file or a folder, as for {@linkcode listTextFiles}.
 * @returns The lines in file order, empty ones included.
 * @throws {UserError} If the path cannot be read, or a line is not UTF-8.
 *
 * @example
 * ```ts
 * import { readLines } from "./files.ts";
 * const file = await Deno.makeTempFile();
 * await Deno.writeTextFile(file, "发热\r\n咳嗽\n");
 * for await (const { line, text } of readLines(file)) console.log(line, text); // 1 发热, 2 咳嗽
 * ```
 */
export async function* readLines(path: string): AsyncGenerator<TextLine> {
  for (const file of await listTextFiles(path)) {
    let line = 0;
    for await (const block of readBlocks(file)) {
      for (const text of decodeLines(block, file, line)) yield { file, line: ++line, text };
    }
  }
}

/**
 * Refuses to write among the text that is read: a file there would be taken for text, or the text be lost.
 *
 * @param what What would be written: "corpus", "vocabulary".
 * @param outputFile Path of what would be written.
 * @param inputPath The text, a file or a folder.
 * @throws {UserError} If the output is the input, or lies in it.
 *
 * @example
 * ```ts
 * import { refuseInsideText } from "./files.ts";
 * refuseInsideText("vocabulary", "data/vocab.txt", "raw_text"); // all is well
 * ```
 */
export function refuseInsideText(what: string, outputFile: string, inputPath: string): void {
  const [input, output] = [resolve(inputPath), resolve(outputFile)];
  if (output === input) {
    throw new UserError(`Cannot write ${what} "${outputFile}": it is the input; write to another file`);
  }
  if (!output.startsWith(input + sep)) return;
  throw new UserError(
    `Cannot write ${what} "${outputFile}": it would lie in the input folder "${inputPath}" and be read as text; ` +
      "write to another folder",
  );
}

/** Yields a file's bytes in blocks of whole lines; only the last block may lack its line ending. */
async function* readBlocks(path: string): AsyncGenerator<Uint8Array> {
  using file = await attempt(path, () => Deno.open(path));
  const parts: Uint8Array[] = []; // the line that is still open
  for (;;) {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const count = await attempt(path, () => file.read(buffer));
    if (count === null) break;
    const chunk = buffer.subarray(0, count);
    const end = lastLineEnd(chunk);
    if (end === 0) {
      parts.push(chunk);
      continue;
    }
    yield concatenate([...parts, chunk.subarray(0, end)]);
    parts.length = 0;
    if (end < count) parts.push(chunk.subarray(end));
  }
  if (parts.length > 0) yield concatenate(parts);
}

/** Position after the last line ending; a final `\r` is left open, because a `\n` may follow it. */
function lastLineEnd(chunk: Uint8Array): number {
  const end = chunk.lastIndexOf(LF) + 1;
  return end > 0 ? end : chunk.subarray(0, -1).lastIndexOf(CR) + 1;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Decodes a block of whole lines; `linesBefore` only serves the error message and the byte order mark. */
function decodeLines(block: Uint8Array, file: string, linesBefore: number): string[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: linesBefore > 0 }).decode(block);
  } catch {
    const line = linesBefore + firstBadLine(block);
    throw new UserError(
      `Cannot read text "${file}": line ${line} is not UTF-8; convert the file, for example with ` +
        "`iconv -f GB18030 -t UTF-8`",
    );
  }
  const lines = text.includes("\r") ? text.split(/\r\n|\n|\r/) : text.split("\n");
  if (lines.at(-1) === "") lines.pop(); // a line ending ends a line, it does not open another
  return lines;
}

/** Number, from 1, of the first line of a block that is not UTF-8. */
function firstBadLine(block: Uint8Array): number {
  const strict = new TextDecoder("utf-8", { fatal: true });
  for (let line = 1, start = 0;; line++) {
    let end = start;
    while (end < block.length && block[end] !== LF && block[end] !== CR) end++;
    try {
      strict.decode(block.subarray(start, end));
    } catch {
      return line;
    }
    if (end >= block.length) return line;
    start = end + (block[end] === CR && block[end + 1] === LF ? 2 : 1);
  }
}

/** Runs a file operation and turns the system's refusals into one-line messages. */
async function attempt<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new UserError(`Cannot read text "${path}": no such file or folder`);
    }
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
      throw new UserError(`Cannot read text "${path}": permission denied; make it readable for this user`);
    }
    throw error;
  }
}
