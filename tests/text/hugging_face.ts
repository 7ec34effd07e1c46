/**
 * Hugging Face's Python libraries as an oracle of the tokenizer's files, where a Python has them.
 *
 *   deno run -A tests/text/hugging_face.ts    writes the golden table again
 *
 * The Python is `$ERNIE_HEALTH_PYTHON`, or `python3`.
 */
import { versions } from "node:process";
import { buildVocabulary, tokenizerFiles, Vocabulary, writeTokenizerFiles } from "../../lib/text/mod.ts";
import { HARD_STRINGS } from "./hard_strings.ts";
import { withFolder } from "./temp_folder.ts";

/** One or two sentences. */
export type Input = readonly [text: string, pair: string | null];
/** What `tokenizers` makes of an input; offsets count code points. */
export type Row = readonly [ids: number[], typeIds: number[], offsets: [number, number][]];

/** What the libraries make of the inputs. */
export interface Result {
  /** Version of the library. */
  readonly tokenizers: string;
  readonly rows: Row[];
  /** What `AutoTokenizer` of `transformers` gives; `null` if that was not asked for or is not there. */
  readonly ids: number[][] | null;
  readonly max_length?: number;
}

/** The table that is always tested. */
export interface Golden {
  readonly tokenizers: string;
  /** The Unicode of the machine that wrote it: it decides which characters are assigned. */
  readonly unicode: string;
  readonly vocabulary: string[];
  readonly settings: {
    readonly lowerCase: boolean;
    /** SHA-256 of tokenizer.json. */
    readonly sha256: string;
    readonly inputs: Input[];
    readonly rows: Row[];
  }[];
}

const PYTHON = Deno.env.get("ERNIE_HEALTH_PYTHON") ?? "python3";
const GOLDEN = `${import.meta.dirname}/../fixtures/text/tokenizer_hf_golden.json`;

/** Version of Unicode that this Deno knows. */
export const UNICODE = versions.unicode ?? "";

/** Tells whether the Python has `tokenizers`. */
export async function hasTokenizers(): Promise<boolean> {
  const command = new Deno.Command(PYTHON, {
    args: ["-c", "import tokenizers"],
    stdout: "null",
    stderr: "null",
  });
  return await command.output().then(({ success }) => success, () => false);
}

/**
 * Encodes texts in Python with the files that we make of a vocabulary.
 *
 * @param vocabulary The vocabulary.
 * @param lowerCase Whether to lower-case.
 * @param inputs Texts without lone surrogates.
 * @param libraries `transformers`, to ask that one too.
 * @returns What the libraries give.
 */
export async function encodeInPython(
  vocabulary: Vocabulary,
  lowerCase: boolean,
  inputs: readonly Input[],
  ...libraries: "transformers"[]
): Promise<Result> {
  let result: Result | undefined;
  await withFolder(async (folder) => {
    await vocabulary.write(`${folder}/vocab.txt`);
    await writeTokenizerFiles(folder, vocabulary, { lowerCase });
    await Deno.writeTextFile(`${folder}/inputs.json`, JSON.stringify(inputs));
    const { success, stdout, stderr } = await new Deno.Command(PYTHON, {
      args: [`${import.meta.dirname}/hugging_face.py`, folder, `${folder}/inputs.json`, ...libraries],
      env: { HF_HUB_OFFLINE: "1" },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    result = JSON.parse(new TextDecoder().decode(stdout));
  });
  return result!;
}

/**
 * Fingerprints tokenizer.json.
 *
 * @param vocabulary The vocabulary.
 * @param lowerCase Whether to lower-case.
 * @returns SHA-256 in hexadecimal.
 */
export async function tokenizerHash(vocabulary: Vocabulary, lowerCase: boolean): Promise<string> {
  const text = tokenizerFiles(vocabulary, { lowerCase })["tokenizer.json"]!;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toHex();
}

/** Every hard string alone, and some in pairs. */
export const HARD_INPUTS: readonly Input[] = [
  ...HARD_STRINGS.map((text): Input => [text, null]),
  ...HARD_STRINGS.filter((_, i) => i % 16 === 0).map((text, i): Input => [text, HARD_STRINGS[i * 5]!]),
];

/**
 * Makes a vocabulary that lacks a fifth of the characters and words of texts, its special tokens where Google has them.
 *
 * @param texts What to spell.
 * @returns The vocabulary, lower-case and capital letters in it.
 */
export async function hardVocabulary(texts: readonly string[]): Promise<Vocabulary> {
  const tokens = new Set<string>();
  for (const lowerCase of [true, false]) {
    const { vocabulary } = await buildVocabulary(texts, { minCount: 1, maxSize: 200_000, lowerCase });
    vocabulary.tokens.slice(5).forEach((token) => tokens.add(token));
  }
  const known = [...tokens].filter((_, i) => i % 5 !== 3);
  return Vocabulary.fromTokens(
    ["[PAD]", ...known.slice(0, 99), "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...known.slice(99)],
  );
}

/** JSON with the items of long arrays a line each. */
function goldenText({ settings, ...head }: Golden): string {
  const lines = (items: readonly unknown[]) =>
    `[\n${items.map((item) => JSON.stringify(item)).join(",\n")}\n]`;
  const tables = settings.map(({ inputs, rows, ...setting }) =>
    `${JSON.stringify(setting).slice(0, -1)},"inputs":${lines(inputs)},"rows":${lines(rows)}}`
  );
  return `${JSON.stringify(head).slice(0, -1)},"settings":[\n${tables.join(",\n")}\n]}\n`;
}

if (import.meta.main) {
  const vocabulary = await hardVocabulary(HARD_STRINGS);
  const settings: Golden["settings"] = [];
  let tokenizers = "";
  for (const lowerCase of [true, false]) {
    const inputs = HARD_INPUTS.filter((_, i) => lowerCase || i % 4 === 0);
    const result = await encodeInPython(vocabulary, lowerCase, inputs);
    const sha256 = await tokenizerHash(vocabulary, lowerCase);
    settings.push({ lowerCase, sha256, inputs, rows: result.rows });
    tokenizers = result.tokenizers;
  }
  const golden = { tokenizers, unicode: UNICODE, vocabulary: [...vocabulary.tokens], settings };
  await Deno.writeTextFile(GOLDEN, goldenText(golden));
}
