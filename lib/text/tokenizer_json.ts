/**
 * The tokenizer as files that Hugging Face's libraries load: `tokenizer.json`, `tokenizer_config.json` and
 * `special_tokens_map.json`, for a model folder that has `vocab.txt`.
 *
 * BERT's stock normaliser and pre-tokenizer there clean other characters than the original does and leave symbols in
 * their words, so `tokenizer.json` spells the original's steps out: drop, lower-case, decompose, drop accents; split at
 * white space, isolate. Characters are listed as ranges, not as `\p{…}`, because each regular expression engine has
 * tables of a Unicode version of its own: so written, the same characters are dropped and isolated everywhere, those
 * of the tables that {@linkcode Tokenizer} uses.
 *
 * Ids and offsets are those of {@linkcode Tokenizer}; Python counts offsets in code points, we in UTF-16 code units.
 * Lower-casing and decomposing are the loading library's own, so that letters which joined Unicode after its tables stay
 * as they are there. With `tokenizers` 0.19 to 0.23 that is thirteen letters of Todhri, Tulu-Tigalari, Dives Akuru and
 * Kirat Rai (U+105C9, 105E4, 11383–113C8, 11938, 16D68–16D6A); up to 0.19 also capitals of Garay (U+10D50–10D65) and
 * U+1C89, A7CB, A7CC, A7DA, A7DC. Every other character of Unicode was compared.
 */
import { join } from "node:path";
import { writeAtomically } from "../config/mod.ts";
import {
  isCjk,
  isDropped,
  isPunctuationOrSymbol,
  normalizeChars,
  tokenizeSpecialChars,
} from "./normalise.ts";
import { MAX_WORD_CHARACTERS } from "./tokenizer.ts";
import { SPECIAL_TOKENS, type Vocabulary } from "./vocabulary.ts";

/** Options of {@linkcode tokenizerFiles}. */
export interface TokenizerFilesOptions {
  /** Lower-case and strip accents; default: as the vocabulary's model. */
  readonly lowerCase?: boolean;
  /** Most tokens that the model takes, special tokens included. */
  readonly maxLength?: number;
  /** Whether texts get {@linkcode normalizeChars} and {@linkcode tokenizeSpecialChars} first, as classifiers' do; default: no. */
  readonly normalizeChars?: boolean;
}

/**
 * Makes the files that Hugging Face's `tokenizers`, `transformers` and transformers.js load.
 *
 * @param vocabulary The model's vocabulary.
 * @param options Lower-casing (the vocabulary's) and the model's length (512).
 * @returns The text of each file, by name.
 *
 * @example
 * ```ts
 * import { tokenizerFiles } from "./tokenizer_json.ts";
 * import { Vocabulary } from "./vocabulary.ts";
 * const vocabulary = Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "热"]);
 * const files = tokenizerFiles(vocabulary);
 * console.log(JSON.parse(files["tokenizer.json"]!).model.vocab["热"]); // 5
 * ```
 */
export function tokenizerFiles(
  vocabulary: Vocabulary,
  { lowerCase = vocabulary.lowerCase, maxLength = 512, normalizeChars = false }: TokenizerFilesOptions = {},
): Record<string, string> {
  return {
    "tokenizer.json": tokenizerJson(vocabulary, lowerCase, normalizeChars),
    "tokenizer_config.json": toText({
      // The class that takes tokenizer.json as it is: those named after models put their own steps in its place.
      tokenizer_class: "PreTrainedTokenizerFast",
      model_max_length: maxLength,
      model_input_names: ["input_ids", "token_type_ids", "attention_mask"],
      do_lower_case: lowerCase,
      clean_up_tokenization_spaces: true,
      ...(vocabulary.addedTokens.length > 0 && { added_tokens_decoder: addedTokensDecoder(vocabulary) }),
      ...SPECIAL_ROLES,
    }),
    "special_tokens_map.json": toText(SPECIAL_ROLES),
  };
}

/**
 * Writes {@linkcode tokenizerFiles} into a folder, each file whole or not at all.
 *
 * @param folder A folder that exists; the one of `vocab.txt`.
 * @param vocabulary The model's vocabulary.
 * @param options Lower-casing (the vocabulary's) and the model's length (512).
 * @throws {UserError} If the folder is missing or cannot be written.
 *
 * @example
 * ```ts
 * import { writeTokenizerFiles } from "./tokenizer_json.ts";
 * import { Vocabulary } from "./vocabulary.ts";
 * const folder = await Deno.makeTempDir();
 * await writeTokenizerFiles(folder, Vocabulary.fromTokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]));
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeTokenizerFiles(
  folder: string,
  vocabulary: Vocabulary,
  options?: TokenizerFilesOptions,
): Promise<void> {
  for (const [name, text] of Object.entries(tokenizerFiles(vocabulary, options))) {
    await writeAtomically(join(folder, name), [new TextEncoder().encode(text)]);
  }
}

const SPECIAL_ROLES = {
  unk_token: "[UNK]",
  sep_token: "[SEP]",
  pad_token: "[PAD]",
  cls_token: "[CLS]",
  mask_token: "[MASK]",
} as const;

/** Keeps libraries that lower-case whole strings, as transformers.js does, from making ς of a Σ at the end of a word. */
const LOWER_SIGMA = { type: "Replace", pattern: { String: "Σ" }, content: "σ" };

function tokenizerJson(vocabulary: Vocabulary, lowerCase: boolean, normalizes: boolean): string {
  const { dropped, accents, alone } = characterClasses();
  const isolate = (pattern: string) => ({
    type: "Split",
    pattern: { Regex: pattern },
    behavior: "Isolated",
    invert: false,
  });
  const drop = (pattern: string) => ({ type: "Replace", pattern: { Regex: pattern }, content: "" });
  // Accents are dropped before decomposing too: where it reorders them, the library loses track of offsets.
  const json = toText({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    normalizer: {
      type: "Sequence",
      normalizers: [
        ...(normalizes ? characterReplacements() : []),
        drop(dropped),
        ...(lowerCase
          ? [drop(accents), LOWER_SIGMA, { type: "Lowercase" }, { type: "NFD" }, drop(accents)]
          : []),
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "WhitespaceSplit" },
        isolate(alone),
        ...(normalizes ? [isolate(SPECIAL_LETTERS)] : []),
      ],
    },
    post_processor: postProcessor(vocabulary),
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: MAX_WORD_CHARACTERS,
      vocab: {},
    },
  });
  // By hand, because an object would bring the tokens that are numbers forward.
  const entries = vocabulary.tokens.map((token, id) => `      ${JSON.stringify(token)}: ${id}`);
  return json.replace('"vocab": {}', () => `"vocab": {\n${entries.join(",\n")}\n    }`);
}

/** What {@linkcode tokenizeSpecialChars} isolates that is no symbol. */
const SPECIAL_LETTERS = "[\u00b2\u00b5\u00ba\u014b\u01b1\u0250-\u02af\u0370-\u04ff\u3007\u3040-\u30ff]";

/**
 * What {@linkcode normalizeChars} makes of single characters, one replacement each, and the spaces about special characters
 * that would be others, or gone, when words are split.
 */
function characterReplacements() {
  const special = new RegExp(SPECIAL_LETTERS), replacements = [];
  for (let codePoint = 0; codePoint < 0x10000; codePoint++) {
    if (codePoint === 0xd800) codePoint = 0xe000; // surrogates are no characters
    const char = String.fromCharCode(codePoint), content = tokenizeSpecialChars(normalizeChars(char));
    if (content === char) continue;
    const isSymbol = /\p{S}/u.test(char) && normalizeChars(char) === char;
    const left = char.toLowerCase().normalize("NFD").replace(/\p{Mn}|\u00ad/gu, "");
    if (content.trim() !== char || !isSymbol && !special.test(left)) {
      replacements.push({ type: "Replace", pattern: { String: char }, content });
    }
  }
  return replacements;
}

/** The special tokens, kept whole wherever they stand in raw text. */
function addedTokens(vocabulary: Vocabulary) {
  const special: ReadonlySet<string> = new Set(SPECIAL_TOKENS);
  return [...SPECIAL_TOKENS, ...vocabulary.addedTokens].map((content) => ({
    id: vocabulary.idOf(content)!,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: special.has(content),
  })).sort((a, b) => a.id - b.id);
}

/** As `tokenizer_config.json` has them. */
function addedTokensDecoder(vocabulary: Vocabulary) {
  return Object.fromEntries(addedTokens(vocabulary).map(({ id, ...token }) => [id, token]));
}

/** `[CLS] A [SEP]` of type 0, then `B [SEP]` of type 1. */
function postProcessor(vocabulary: Vocabulary) {
  const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  const single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)];
  const entry = (token: string) => ({ id: token, ids: [vocabulary.idOf(token)!], tokens: [token] });
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, sequence("B", 1), special("[SEP]", 1)],
    special_tokens: { "[CLS]": entry("[CLS]"), "[SEP]": entry("[SEP]") },
  };
}

/** Regular expressions for one character of each kind. */
interface CharacterClasses {
  /** Control and format characters, unassigned code points, U+FFFD. */
  readonly dropped: string;
  /** Category Mn. */
  readonly accents: string;
  /** CJK, punctuation and symbols. */
  readonly alone: string;
}

let classes: CharacterClasses | undefined;

/** Lists the characters of each kind; once, for it looks at all of Unicode. */
function characterClasses(): CharacterClasses {
  classes ??= {
    dropped: characterClass((char) => isDropped(char)),
    accents: characterClass((char) => /\p{Mn}/u.test(char)),
    alone: characterClass((char, codePoint) => isCjk(codePoint) || isPunctuationOrSymbol(char)),
  };
  return classes;
}

/** Writes a set of characters as a class that Oniguruma, Rust and JavaScript read alike: ranges of plain characters. */
function characterClass(has: (char: string, codePoint: number) => boolean): string {
  let ranges = "";
  let first = -1;
  for (let codePoint = 0; codePoint <= 0x110000; codePoint++) {
    if (codePoint === 0xd800) codePoint = 0xe000; // surrogates are no characters; ranges may span them
    const inside = codePoint < 0x110000 && has(String.fromCodePoint(codePoint), codePoint);
    if (inside && first < 0) first = codePoint;
    if (inside || first < 0) continue;
    const last = codePoint === 0xe000 ? 0xd7ff : codePoint - 1;
    ranges += literal(first) + (last > first + 1 ? "-" : "") + (last > first ? literal(last) : "");
    first = -1;
  }
  return `[${ranges}]`;
}

/** A character in a class, escaped if it means something there. */
function literal(codePoint: number): string {
  const char = String.fromCodePoint(codePoint);
  return /[[\]\\^-]/.test(char) ? `\\${char}` : char;
}

/** JSON in ASCII where `JSON.stringify` would write characters that no editor shows. */
function toText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[^\n -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  ) + "\n";
}
