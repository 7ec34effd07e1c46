/**
 * Reading raw text: which files a path stands for, and their lines.
 *
 * The rules are those of the original's preprocessing: every file of a folder counts, whatever its extension, in the order
 * of the full paths; a line ends at `\n`, `\r\n` or a lone `\r`. Unlike the original, what file managers leave behind is
 * passed over, and text is UTF-8 or it is refused, whatever the machine's locale. Files named `*.gz` are decompressed, in
 * files named `*.jsonl` the text is a field of each line.
 */
import { resolve, sep } from "node:path";
import { UserError } from "../config/mod.ts";
import { type BlockPairs, blockPairs, type BlockTexts, blockTexts, type PairFields } from "./block_texts.ts";
import { attempt, readBlocks, textFormatOf } from "./blocks.ts";

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

/** How to read lines. */
export interface LineOptions {
  /** Field of `*.jsonl` files that holds the text. Default: `text`. */
  readonly field?: string;
  /** Each line is a question and its answer, two columns or these fields of `*.jsonl` files. Default: one text. */
  readonly pairFields?: PairFields;
  /** Hears of bad lines, which are then passed over. By default the first one is an error. */
  readonly onBadLine?: (file: string, line: number, reason: string) => void;
}

/**
 * Reads the lines of a text file, or of every file of a folder, in constant memory.
 *
 * A byte order mark at the start of a file is dropped.
 *
 * @param path A file or a folder, as for {@linkcode listTextFiles}.
 * @param options What to do with bad lines, and where JSON Lines have their text.
 * @returns The lines in file order, empty ones included; of JSON Lines the lines of their texts, of pairs both halves.
 * @throws {UserError} If the path cannot be read, or a line is not UTF-8, too long, no JSON with the field or no pair.
 *
 * @example
 * ```ts
 * import { readLines } from "./files.ts";
 * const file = await Deno.makeTempFile();
 * await Deno.writeTextFile(file, "发热\r\n咳嗽\n");
 * for await (const { line, text } of readLines(file)) console.log(line, text); // 1 发热, 2 咳嗽
 * ```
 */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<TextLine> {
  const { field, pairFields, onBadLine = refuseLine } = options;
  for (const file of await listTextFiles(path)) {
    const format = textFormatOf(file);
    let line = 0;
    for await (const block of readBlocks(file)) {
      const { texts, origins, lines, bad } = pairFields === undefined
        ? blockTexts(block, format, field)
        : halves(blockPairs(block, format, pairFields));
      for (const { index, reason } of bad) onBadLine(file, line + index + 1, reason);
      for (let i = 0; i < texts.length; i++) yield { file, line: line + origins[i]! + 1, text: texts[i]! };
      line += lines;
    }
  }
}

/** Pairs as twice as many texts. */
function halves({ pairs, origins, ...rest }: BlockPairs): BlockTexts {
  return { texts: pairs.flat(), origins: origins.flatMap((line) => [line, line]), ...rest };
}

function refuseLine(file: string, line: number, reason: string): never {
  throw new UserError(`Cannot read text "${file}": line ${line} is ${reason}`);
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
