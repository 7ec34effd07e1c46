/**
 * Names of models: those of the hub, and those that PaddleNLP published.
 *
 * @module
 */

/** A model on the hub. */
export interface HubName {
  /** `org/name`. */
  readonly repository: string;
  /** A branch, a tag or a commit; default `main`. */
  readonly revision: string;
}

/** Organisation and model: letters, digits, `_`, `-` and `.`, no leading dot or dash. */
const HUB_NAME = /^(\w[\w.-]*\/\w[\w.-]*)(?:@([\w][\w./-]*))?$/;
/** What no repository ends in: a path to a file that is not there. */
const WEIGHTS_FILE = /\.(safetensors|bin|pt|pth|pdparams|npz|json|txt)$/;

/**
 * Reads a name as that of a model on the hub.
 *
 * @param name `org/name` or `org/name@revision`.
 * @returns `undefined` if no model can have it.
 *
 * @example
 * ```ts
 * import { parseHubName } from "./names.ts";
 * console.log(parseHubName("nghuyong/ernie-health-zh@v1")); // { repository: "nghuyong/ernie-health-zh", revision: "v1" }
 * console.log(parseHubName("output/base/checkpoint-100")); // undefined
 * ```
 */
export function parseHubName(name: string): HubName | undefined {
  const [, repository, revision = "main"] = HUB_NAME.exec(name) ?? [];
  if (!repository || WEIGHTS_FILE.test(name) || revision.includes("..") || repository.includes("..")) {
    return undefined;
  }
  return { repository, revision };
}

/** Files of a model that PaddleNLP published, by what they are called in its cache. */
export interface PublishedModel {
  readonly files: Readonly<Record<string, string>>;
}

/** Where PaddleNLP keeps what it published. */
const PADDLE_MODELS = "https://paddlenlp.bj.bcebos.com/models/transformers";

/**
 * PaddleNLP's names of models. Its `ernie-health-chinese` is the encoder of the discriminator alone: generator and heads were
 * never published.
 */
export const PUBLISHED: Readonly<Record<string, PublishedModel>> = {
  "ernie-health-chinese": {
    files: {
      "vocab.txt": `${PADDLE_MODELS}/ernie-health-chinese/vocab.txt`,
      "model_state.pdparams": `${PADDLE_MODELS}/ernie-health-chinese/ernie-health-chinese.pdparams`,
    },
  },
};
