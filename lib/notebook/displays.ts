/**
 * What instances of our classes look like as the last value of a cell. Their rooms know nothing of notebooks: the kernel asks
 * an object for a method, and this room gives it to their prototypes.
 *
 * @module
 */
import { formatCount } from "../chart/mod.ts";
import { FinetunedModel, PretrainedModel } from "../cblue/mod.ts";
import { Corpus } from "../packing/mod.ts";
import { tf, Variable } from "../tensorflow/mod.ts";
import { Vocabulary } from "../text/mod.ts";
import { DISPLAY, type MediaBundle } from "./media.ts";
import { PretrainingModel } from "./models/pretraining_model.ts";
import { parameterTable } from "./views/parameters.ts";
import { table } from "./views/table.ts";
import { tensorView } from "./views/tensor.ts";
import type { View } from "./views/view.ts";

/** A class and what its instances look like. */
type Look<T> = readonly [prototype: T, view: (value: T) => View | Promise<View>];

const LOOKS = [
  look(tf.Tensor.prototype, tensorView),
  look(Variable.prototype, async (variable) => {
    const value = variable.read();
    try {
      return await tensorView(value, "Variable");
    } finally {
      value.dispose();
    }
  }),
  look(Vocabulary.prototype, ({ size, tokens }) => {
    const examples = { first: tokens.slice(0, 8).join(" "), last: tokens.slice(-8).join(" ") };
    return properties(`Vocabulary of ${formatCount(size)} tokens`, examples);
  }),
  look(
    Corpus.prototype,
    ({ length, pairs, tokens, prefixes, fingerprint }) =>
      properties(`Corpus of ${formatCount(length)} ${pairs ? "pairs" : "sentences"}`, {
        tokens,
        "tokens a sentence": tokens / length / (pairs ? 2 : 1),
        files: prefixes.map((prefix) => `${prefix}_ids.npy`),
        fingerprint: fingerprint.slice(0, 16),
      }),
  ),
  look(
    PretrainingModel.prototype,
    ({ shapes, step }) =>
      parameterTable(shapes, `Generator and discriminator after ${formatCount(step)} steps`),
  ),
  look(PretrainedModel.prototype, ({ config: { head }, variables }) =>
    parameterTable(
      new Map([...variables].map(([name, { shape }]) => [name, shape])),
      `Model with a head for ${head.kind}`,
    )),
  look(FinetunedModel.prototype, ({ task }) =>
    properties(`Model fine-tuned on ${task.name}`, {
      answers: task.kind,
      labels: task.labels.map(({ name }) => name),
      metric: task.metric,
    })),
];

/** Gives our classes their looks; a second time does nothing. */
export function registerDisplays(): void {
  for (const [prototype, view] of LOOKS) {
    Object.defineProperty(prototype, DISPLAY, {
      configurable: true,
      value: async function (this: unknown): Promise<MediaBundle> {
        return (await view(this as never))[DISPLAY]();
      },
    });
  }
}

function look<T>(prototype: T, view: Look<T>[1]): Look<never> {
  return [prototype, view] as unknown as Look<never>;
}

function properties(caption: string, values: Readonly<Record<string, unknown>>): View {
  return table(Object.entries(values).map(([property, value]) => ({ property, value })), { caption });
}
