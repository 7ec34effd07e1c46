/**
 * The models of Baidu's LAC 2.1.2 (Apache-2.0), read straight from the files that its Python package ships.
 *
 * `lac` cuts and tags over words and characters, `seg` cuts over characters; both are the same network in two sizes:
 * Zhenyu Jiao, Shuqi Sun, Ke Sun: Chinese Lexical Analysis with Deep Bi-GRU-CRF Network, 2018, arXiv:1807.01882.
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { fileError, UserError } from "../../config/mod.ts";
import { findLac } from "../../install/mod.ts";
import { type Parameter, readLodTensor } from "./lod_tensor.ts";

/** Which of the two models. */
export type LacKind = "lac" | "seg";

/** One direction of one layer. I: inputs, H: hidden size. */
export interface GruWeights {
  readonly input: Float32Array; // (I, 3H): update, reset, candidate
  readonly bias: Float32Array; // (3H): both of Paddle's, added
  readonly gates: Float32Array; // (H, 2H): update, reset
  readonly candidate: Float32Array; // (H, H)
}

/** All weights. V: ids, D: embedding size, H: hidden size, L: labels. */
export interface LacWeights {
  readonly embeddingSize: number;
  readonly hiddenSize: number;
  readonly labelCount: number;
  readonly embedding: Float32Array; // (V, D)
  readonly layers: readonly { readonly forward: GruWeights; readonly backward: GruWeights }[];
  readonly output: Float32Array; // (2H, L)
  readonly outputBias: Float32Array; // (L)
  readonly starts: Float32Array; // (L)
  readonly stops: Float32Array; // (L)
  readonly transitions: Float32Array; // (L, L), from the row's label to the column's
}

/** The model's dictionaries. */
export interface LacDictionaries {
  readonly ids: ReadonlyMap<string, number>; // of words and characters
  readonly replacements: ReadonlyMap<string, string>; // full width and traditional characters to what ids has
  readonly labels: readonly string[];
  readonly counts: ReadonlyMap<string, number>; // of the words that lac first cuts text into; empty for seg
}

/** A model. */
export interface LacModel {
  readonly weights: LacWeights;
  readonly dictionaries: LacDictionaries;
}

const SHA256: Record<LacKind, string> = {
  lac: "dd6be485d1d586fb7bb7b5f3bb8e0d2235a281a4e5458b92238c04a32224d89b",
  seg: "f5228582ad6273218669c9065b573de2dd3dd7e90750f4e1f2a03cfbfc4ee3cb",
};

const SET_UP = "deno task setup --only lac";
const ROOT = new URL("../../../", import.meta.url);

/**
 * Finds LAC's models: in the folder of `$ERNIE_HEALTH_LAC`, else in the project's `.venv`.
 *
 * @returns The folder that holds `lac_model` and `seg_model`.
 * @throws {UserError} If there is none.
 */
export function findLacModels(): string {
  const root = ROOT.protocol === "file:" ? fileURLToPath(ROOT) : "."; // a package from a registry has no folder
  const folder = findLac(root);
  if (folder !== undefined) return folder;
  throw new UserError(`Cannot find LAC's models: they are not installed; run \`${SET_UP}\``);
}

/**
 * Reads a model and makes sure that it is the one that LAC 2.1.2 ships.
 *
 * @param kind Which one.
 * @param folder Holds `lac_model` and `seg_model`.
 * @returns Weights and dictionaries.
 * @throws {UserError} If a file cannot be read, or the files are not those of LAC 2.1.2.
 *
 * @example
 * ```ts ignore
 * import { findLacModels, readLacModel } from "./model.ts";
 * const { weights } = await readLacModel("seg", findLacModels());
 * console.log(weights.hiddenSize); // 96
 * ```
 */
export async function readLacModel(kind: LacKind, folder: string): Promise<LacModel> {
  const model = `${folder}/${kind}_model`;
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const hash = createHash("sha256");
  for (const name of fileNames(kind)) {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = await Deno.readFile(`${model}/${name}`);
    } catch (error) {
      throw fileError("read LAC's model", `${model}/${name}`, error);
    }
    files.set(name, bytes);
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  if (hash.digest("hex") !== SHA256[kind]) {
    throw new UserError(
      `Cannot use LAC's model in "${model}": its files are not those of LAC 2.1.2 (their sha256 differs); ` +
        `run \`${SET_UP} --force\``,
    );
  }
  const parameter = (name: string) => readLodTensor(files.get(`model/${name}`)!);
  const dictionary = (name: string) => new TextDecoder().decode(files.get(`conf/${name}.dic`)!);
  return {
    weights: readWeights(parameter),
    dictionaries: {
      ids: new Map(readPairs(dictionary("word")).map(([id, word]) => [word, Number(id)])),
      replacements: new Map(readPairs(dictionary("q2b"))),
      labels: readLabels(dictionary("tag")),
      counts: new Map(kind === "lac" ? readCounts(dictionary("small_seg")) : []),
    },
  };
}

/** The files that make a model, in the order that the hash is made in. */
function fileNames(kind: LacKind): string[] {
  const layers = [0, 1, 2, 3].flatMap((i) => [`fc_${i}.b_0`, `fc_${i}.w_0`, `gru_${i}.b_0`, `gru_${i}.w_0`]);
  const dictionaries = ["q2b", "tag", "word", ...kind === "lac" ? ["small_seg"] : []];
  return [
    ...dictionaries.map((name) => `conf/${name}.dic`),
    ...["crfw", "fc_4.b_0", "fc_4.w_0", "word_emb", ...layers].map((name) => `model/${name}`),
  ].sort();
}

function readWeights(parameter: (name: string) => Parameter): LacWeights {
  const embedding = parameter("word_emb");
  const crf = parameter("crfw"); // (2 + L, L): starts, stops, transitions
  const [embeddingSize, hiddenSize, labelCount] = [
    embedding.shape[1]!,
    parameter("gru_0.w_0").shape[0]!,
    crf.shape[1]!,
  ];
  const direction = (index: number): GruWeights => {
    const biases = [`fc_${index}.b_0`, `gru_${index}.b_0`].map((name) => parameter(name).values);
    // The file has a shape of (H, 3H), yet the two matrices lie one after the other.
    const recurrent = parameter(`gru_${index}.w_0`).values;
    const gateSize = 2 * hiddenSize * hiddenSize;
    return {
      input: parameter(`fc_${index}.w_0`).values,
      bias: biases[0]!.map((value, i) => value + biases[1]![i]!),
      gates: recurrent.subarray(0, gateSize),
      candidate: recurrent.subarray(gateSize),
    };
  };
  return {
    embeddingSize,
    hiddenSize,
    labelCount,
    embedding: embedding.values,
    layers: [
      { forward: direction(0), backward: direction(1) },
      { forward: direction(2), backward: direction(3) },
    ],
    output: parameter("fc_4.w_0").values,
    outputBias: parameter("fc_4.b_0").values,
    starts: crf.values.subarray(0, labelCount),
    stops: crf.values.subarray(labelCount, 2 * labelCount),
    transitions: crf.values.subarray(2 * labelCount),
  };
}

/** Lines of two fields; others are passed over. Fields are not trimmed: the first word of word.dic is a space. */
function readPairs(text: string): [string, string][] {
  return text.split("\n").map((line) => line.split("\t")).filter((pair) => pair.length === 2) as [
    string,
    string,
  ][];
}

/** Names of labels by number; where a number has two, the later one is meant. */
function readLabels(text: string): string[] {
  const labels: string[] = [];
  for (const [number, name] of readPairs(text)) labels[Number(number)] = name;
  return labels;
}

/** Lines of a word, a space and its count. */
function readCounts(text: string): [string, number][] {
  return text.trimEnd().split("\n").map((line) => {
    const [word, count] = line.split(" ");
    return [word!, Number(count)];
  });
}
