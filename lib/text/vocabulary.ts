import { dirname, join } from "node:path";
import { fileError, UserError, writeAtomically } from "../config/mod.ts";

/** Tokens that every vocabulary must hold, in the order that {@linkcode buildVocabulary} gives them. */
export const SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;

/** How texts are cut into a vocabulary's tokens. */
export interface TokenizerSettings {
  /** Lower-case texts and strip their accents; default `true`, as ERNIE-Health. */
  readonly lowerCase?: boolean;
  /** Tokens that stay whole wherever they occur, besides the special ones; default: none. */
  readonly addedTokens?: readonly string[];
}

/** Finds the special tokens in text. */
export const SPECIAL_PATTERN: RegExp = /\[(?:PAD|UNK|CLS|SEP|MASK)\]/g;

/**
 * The tokens of a model, each with its id.
 *
 * The file format is the one of BERT: one token a line, the id is the line number from 0. `token<TAB>id` lines, as some
 * published models have them, are read too. `[PAD]` must have id 0, for the model masks padding by that id.
 *
 * @example
 * ```ts
 * import { Vocabulary } from "./vocabulary.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "热"]);
 * console.log(vocabulary.idOf("热"), vocabulary.tokenOf(0)); // 5 "[PAD]"
 * ```
 */
export class Vocabulary {
  /** Every token, at the index that is its id. */
  readonly tokens: readonly string[];
  readonly padId: number;
  readonly unkId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly maskId: number;
  /** Whether its model reads texts lower-cased and without accents. */
  readonly lowerCase: boolean;
  /** Tokens that stay whole wherever they occur, besides the special ones. */
  readonly addedTokens: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;

  private constructor(
    tokens: readonly string[],
    source: string,
    { lowerCase = true, addedTokens = [] }: TokenizerSettings = {},
  ) {
    const ids = new Map<string, number>();
    tokens.forEach((token, id) => {
      const first = ids.get(token);
      if (first !== undefined) {
        throw new UserError(`Cannot ${source}: ids ${first} and ${id} are the same token "${token}"`);
      }
      if (token === "" || /[\r\n]/.test(token)) {
        throw new UserError(
          `Cannot ${source}: token ${id} is ${JSON.stringify(token)}, which no line can hold`,
        );
      }
      ids.set(token, id);
    });
    const missing = SPECIAL_TOKENS.filter((token) => !ids.has(token));
    if (missing.length > 0) {
      throw new UserError(
        `Cannot ${source}: ${missing.join(", ")} missing among its ${tokens.length} lines; ` +
          "add what is missing, or build a vocabulary with `deno task vocab`",
      );
    }
    const id = (token: typeof SPECIAL_TOKENS[number]) => ids.get(token)!;
    [this.padId, this.unkId, this.clsId] = [id("[PAD]"), id("[UNK]"), id("[CLS]")];
    [this.sepId, this.maskId] = [id("[SEP]"), id("[MASK]")];
    if (this.padId !== 0) {
      throw new UserError(
        `Cannot ${source}: [PAD] has id ${this.padId}, but the model masks padding by id 0; ` +
          "make [PAD] the first token",
      );
    }
    this.tokens = tokens;
    this.lowerCase = lowerCase;
    this.addedTokens = addedTokens;
    this.#ids = ids;
  }

  /**
   * Makes a vocabulary from its tokens in id order.
   *
   * @param tokens Distinct tokens, all of {@linkcode SPECIAL_TOKENS} among them, `[PAD]` first.
   * @param settings How texts are cut into them.
   * @returns The vocabulary.
   * @throws {UserError} If a token is repeated, empty or has a line break, a special token is missing, or `[PAD]` is
   * not first.
   */
  static fromTokens(tokens: Iterable<string>, settings?: TokenizerSettings): Vocabulary {
    return new Vocabulary([...tokens], "make vocabulary", settings);
  }

  /**
   * Reads a vocabulary file.
   *
   * A byte order mark, `\r\n` line endings and empty lines at the end are tolerated.
   *
   * @param path A file with one token a line, or `token<TAB>id` on every line, ids 0 … n−1 in any order.
   * @returns The vocabulary.
   * @throws {UserError} If the file is missing or not such a file; the message names the line.
   */
  static async read(path: string): Promise<Vocabulary> {
    const source = `read vocabulary "${path}"`;
    const lines = splitLines(await readBytes(path, source), source);
    if (lines.length === 0) {
      throw new UserError(`Cannot ${source}: the file is empty; build one with \`deno task vocab\``);
    }
    const seen = new Map<string, number>();
    const entries = lines.map((text, index) => {
      const line = index + 1;
      if (text === "") throw new UserError(`Cannot ${source}: line ${line} is empty; remove the line`);
      const entry = lines[0]!.includes("\t") ? parseEntry(text, line, source) : { token: text, id: index };
      const first = seen.get(entry.token);
      if (first !== undefined) {
        throw new UserError(
          `Cannot ${source}: line ${line} repeats token "${entry.token}" of line ${first}; remove one of them`,
        );
      }
      seen.set(entry.token, line);
      return entry;
    });
    return new Vocabulary(orderById(entries, source), source);
  }

  /**
   * Reads a model's vocabulary, and what the files of its tokenizer say beyond: `do_lower_case`, and tokens that were added, in
   * `tokenizer_config.json`, as transformers from 4.34 on has them, or in the older `added_tokens.json`.
   *
   * @param path The vocabulary, beside which the others are looked for.
   * @throws {UserError} As {@linkcode Vocabulary.read}; or if the others are malformed, or their ids leave gaps.
   */
  static async ofModel(path: string): Promise<Vocabulary> {
    const { tokens } = await Vocabulary.read(path), folder = dirname(path);
    const place = join(folder, "tokenizer_config.json"), older = join(folder, "added_tokens.json");
    const config = await readObject(place) as {
      do_lower_case?: boolean;
      added_tokens_decoder?: Readonly<Record<string, { readonly content: string }>>;
    };
    const added = new Map(Object.entries(await readObject(older)).map(([token, id]) => [Number(id), token]));
    for (const [id, { content }] of Object.entries(config.added_tokens_decoder ?? {})) {
      added.set(Number(id), content);
    }
    const all = [...tokens];
    for (const [id, token] of [...added].sort(([a], [b]) => a - b)) {
      if (id === all.length) all.push(token);
      else if (all[id] !== token) {
        const fault = id < all.length
          ? `the vocabulary has "${all[id]}" there`
          : `there is none with id ${all.length}`;
        throw new UserError(
          `Cannot read tokenizer of "${folder}": added token "${token}" has id ${id}, but ${fault}`,
        );
      }
    }
    const special: ReadonlySet<string> = new Set(SPECIAL_TOKENS);
    return new Vocabulary(all, `read vocabulary "${path}"`, {
      lowerCase: config.do_lower_case ?? true,
      addedTokens: [...added.values()].filter((token) => !special.has(token)),
    });
  }

  /** Number of tokens, V. */
  get size(): number {
    return this.tokens.length;
  }

  /**
   * Looks a token up.
   *
   * @param token The exact spelling, continuation prefix `##` included.
   * @returns Its id, or `undefined` if the vocabulary lacks it.
   */
  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /**
   * Looks an id up.
   *
   * @param id From 0 to size − 1.
   * @returns The token's spelling.
   * @throws {RangeError} If no token has this id.
   */
  tokenOf(id: number): string {
    const token = this.tokens[id];
    if (token === undefined) {
      throw new RangeError(`Cannot look up token id ${id}: the vocabulary has ids 0 to ${this.size - 1}`);
    }
    return token;
  }

  /**
   * Writes the vocabulary, one token a line; a reader never sees half a file.
   *
   * @param path Where to write; its folder must exist.
   * @throws {UserError} If the folder is missing or cannot be written.
   */
  async write(path: string): Promise<void> {
    await writeAtomically(path, [new TextEncoder().encode(this.tokens.join("\n") + "\n")]);
  }

  /**
   * Fingerprints the vocabulary, so that a corpus can tell which one made its ids.
   *
   * @returns SHA-256, in hexadecimal, of the tokens joined by newlines.
   */
  async hash(): Promise<string> {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(this.tokens.join("\n")));
    return new Uint8Array(digest).toHex();
  }
}

/** A JSON object; an empty one, where there is no such file. */
async function readObject(path: string): Promise<Record<string, unknown>> {
  try {
    const value = JSON.parse(await Deno.readTextFile(path));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    throw new UserError(`Cannot read "${path}": expected a JSON object`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    if (error instanceof SyntaxError) throw new UserError(`Cannot read "${path}": ${error.message}`);
    throw fileError("read", path, error);
  }
}

async function readBytes(path: string, source: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new UserError(`Cannot ${source}: no such file; build one with \`deno task vocab\``);
    }
    throw fileError("read vocabulary", path, error);
  }
}

/** Splits at `\n` and `\r\n`; drops the byte order mark and the empty lines at the end. */
export function splitLines(bytes: Uint8Array, source: string): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: start > 0 });
      lines.push(decoder.decode(bytes.subarray(start, end)).replace(/\r$/, ""));
    } catch {
      throw new UserError(
        `Cannot ${source}: line ${lines.length + 1} is not UTF-8; convert the file, for example with ` +
          "`iconv -f GB18030 -t UTF-8`",
      );
    }
    start = end + 1;
  }
  while (lines.at(-1) === "") lines.pop();
  return lines;
}

interface Entry {
  readonly token: string;
  readonly id: number;
}

function parseEntry(text: string, line: number, source: string): Entry {
  const match = /^([^\t]+)\t(0|[1-9][0-9]*)$/.exec(text);
  if (match === null) {
    throw new UserError(
      `Cannot ${source}: line ${line} is "${text}", not a token, one tab and an id as on the first line`,
    );
  }
  return { token: match[1]!, id: Number(match[2]) };
}

function orderById(entries: readonly Entry[], source: string): string[] {
  const tokens = new Array<string>(entries.length);
  const lineOf = new Map<number, number>();
  entries.forEach(({ token, id }, index) => {
    const line = index + 1;
    const first = lineOf.get(id);
    if (first !== undefined) {
      throw new UserError(`Cannot ${source}: line ${line} repeats id ${id} of line ${first}`);
    }
    if (id >= entries.length) {
      throw new UserError(
        `Cannot ${source}: line ${line} has id ${id}, but ${entries.length} tokens need the ids 0 to ` +
          `${entries.length - 1} without gaps`,
      );
    }
    lineOf.set(id, line);
    tokens[id] = token;
  });
  return tokens;
}
