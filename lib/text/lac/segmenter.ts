/** The segmenters `lac` and `seg`: Baidu's LAC 2.1.2, cut for cut as its Python package. */
import type { Segmenter } from "../segmenter.ts";
import { LacFrontEnd } from "./front_end.ts";
import { findLacModels, type LacKind, readLacModel } from "./model.ts";
import { LacNetwork, MAX_TOKENS } from "./network.ts";

/** LAC without its tags. */
export class LacSegmenter implements Segmenter {
  /** Longest line that it takes, in UTF-16 code units: no line has more tokens. */
  static readonly longestLine = MAX_TOKENS;

  readonly name: LacKind;
  readonly #frontEnd: LacFrontEnd;
  readonly #network: LacNetwork;

  private constructor(kind: LacKind, frontEnd: LacFrontEnd, network: LacNetwork) {
    this.name = kind;
    this.#frontEnd = frontEnd;
    this.#network = network;
  }

  /**
   * Loads a model.
   *
   * @param kind `"lac"` or `"seg"`.
   * @param folder Holds `lac_model` and `seg_model`. Default: where set-up installs them.
   * @returns The segmenter.
   * @throws {UserError} If the model is missing or not the one that LAC 2.1.2 ships.
   */
  static async load(kind: LacKind, folder = findLacModels()): Promise<LacSegmenter> {
    const { weights, dictionaries } = await readLacModel(kind, folder);
    return new LacSegmenter(kind, new LacFrontEnd(dictionaries), await LacNetwork.create(weights));
  }

  cut(texts: readonly string[]): Promise<string[][]> {
    const sentences = texts.map((text) => this.#frontEnd.encode(text));
    const labels = this.#network.label(sentences.map(({ ids }) => ids));
    return Promise.resolve(
      texts.map((text, index) => this.#frontEnd.words(text, sentences[index]!.ends, labels[index]!)),
    );
  }
}
