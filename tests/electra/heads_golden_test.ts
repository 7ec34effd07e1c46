/** Logits, losses and gradients of every head against the original's recorded numbers. */
import { strict as assert } from "node:assert";
import { fileURLToPath } from "node:url";
import type { Tensor } from "@tensorflow/tfjs-core";
import {
  finetuningForward,
  finetuningShapes,
  type HeadConfig,
  type Parameters,
  questionAnsweringLoss,
  relationsLoss,
  sequenceClassificationLoss,
  tokenClassificationLoss,
  twoChannelLoss,
} from "../../lib/electra/mod.ts";
import { compile, tf } from "../../lib/tensorflow/mod.ts";
import { readSafetensors, type TensorData } from "../../lib/weights/mod.ts";
import { int32, largest, maxDifference, readFixture } from "./golden.ts";

/** A head, how its loss is made of its outputs, and what was recorded. */
interface Case {
  readonly name: string;
  readonly head: HeadConfig;
  readonly logits: readonly string[];
  /** Recorded answers: tensors of the fixture. */
  readonly answers: readonly string[];
  /** The loss; `mask` (B, L) is 1 on tokens. */
  loss?(outputs: Tensor[], answers: Tensor[], mask: Tensor): Tensor;
}

const CASES: Case[] = [
  {
    name: "seqcls",
    head: { kind: "sequence-classification", classes: 3, activation: "gelu" }, // as PaddleNLP 2.8 has it
    logits: ["logits"],
    answers: ["labels"],
    loss: ([logits], [labels]) => sequenceClassificationLoss(logits, labels, tf.fill([3], 1 / 3)),
  },
  {
    name: "tokcls",
    head: { kind: "token-classification", classes: 5 },
    logits: ["logits"],
    answers: ["labels"],
    loss: ([logits], [labels], mask) =>
      // Paddle leaves the label -100 out of the sum, and in the count
      tokenClassificationLoss(logits, tf.maximum(labels, tf.scalar(0, "int32")), mask, tf.scalar(mask.size)),
  },
  {
    name: "qa",
    head: { kind: "question-answering" },
    logits: ["start_logits", "end_logits"],
    answers: ["start_positions", "end_positions"],
    loss: (outputs, answers) => questionAnsweringLoss(outputs, answers),
  },
  { name: "choice", head: { kind: "multiple-choice" }, logits: ["logits"], answers: [] },
  {
    name: "bintok",
    head: { kind: "two-channel-tokens", classes: [9, 5] },
    logits: ["logits_oth", "logits_sym"],
    answers: ["label_oth", "label_sym"],
    loss: (outputs, answers, mask) => twoChannelLoss(outputs, answers, mask, tf.scalar(mask.size)).total,
  },
  {
    name: "spo",
    head: { kind: "relations", predicates: 4 },
    logits: ["ent_logits", "rel_logits"],
    answers: ["ent_label", "spo_label"],
    loss: (outputs, [entities, relations], mask) => relationsLoss(outputs, entities, relations, mask).total,
  },
];

const folder = fileURLToPath(new URL("../fixtures/", import.meta.url));
const ENCODER = "discriminator.electra.";

for (const variant of ["tiny", "tiny_legacy", "tiny_proj"] as const) {
  const { config: { discriminator: encoder }, state } = await readFixture(variant);
  const golden = await readSafetensors(`${folder}${variant}/heads_golden.safetensors`);
  const { losses } = JSON.parse(await Deno.readTextFile(`${folder}${variant}/heads_golden.json`));
  const tensor = ({ data, shape }: TensorData) =>
    data instanceof BigInt64Array
      ? int32({ data, shape, dtype: "I64" })
      : tf.tensor(data as Float32Array, shape);
  const recorded = (name: string) => golden.get(name)!;

  for (const { name, head, logits, answers, loss } of CASES) {
    for (const mode of ["eager", "compiled"] as const) {
      Deno.test(`${variant}, ${name}, ${mode}: logits, loss and gradients equal the original's`, () => {
        tf.tidy(() => {
          const names = [...finetuningShapes({ encoder, head }).keys()];
          const values = names.map((key) =>
            tensor(
              key.startsWith("electra.")
                ? state.get(ENCODER + key.slice("electra.".length))!
                : recorded(`weights.${name}.${key}`),
            )
          );
          const [rows, width] = recorded("in.input_ids").shape as [number, number];
          const flat = (key: string) => tf.reshape(int32(recorded(key)), [rows * width]);
          const ids = flat("in.input_ids"), types = flat("in.token_type_ids");
          const right = answers.map((answer) => tensor(recorded(`${name}.${answer}`)));
          const mask = tf.cast(tf.notEqual(tf.reshape(ids, [rows, width]), encoder.pad_token_id), "float32");

          const compute = (...tensors: Tensor[]): Tensor[] => {
            const outputs = (values: Tensor[]) => {
              const p: Parameters = (key) => values[names.indexOf(key)];
              const inputs = { ids, tokenTypeIds: types, groups: [{ rows, width }] };
              return finetuningForward(p, { encoder, head }, inputs);
            };
            const found = outputs(tensors);
            if (!loss) return found;
            const { value, grads } = tf.valueAndGrads((...values: Tensor[]) =>
              loss(outputs(values), right, mask) as tf.Scalar
            )(tensors);
            return [...found, value, ...grads];
          };
          const results = mode === "eager"
            ? compute(...values)
            : compile(compute, { name: "head" })(...values);
          const data = results.map((result) => result.dataSync());

          logits.forEach((output, i) => {
            const difference = maxDifference(data[i], recorded(`${name}.${output}`).data as Float32Array);
            assert.ok(difference <= 1e-5, `${output}: off by ${difference}`);
          });
          if (!loss) return;
          const [value] = data[logits.length];
          assert.ok(Math.abs(value / losses[name] - 1) <= 1e-5, `loss ${value}, original ${losses[name]}`);
          const prefix = `${name}.grad.`, keys = [...golden.keys()].filter((key) => key.startsWith(prefix));
          assert.ok(keys.length >= 5);
          for (const key of keys) {
            const theirs = recorded(key).data as Float32Array;
            const ours = data[logits.length + 1 + names.indexOf(key.slice(prefix.length))];
            const difference = maxDifference(ours, theirs), scale = Math.max(largest(theirs), 1e-2);
            assert.ok(difference <= 1e-4 * scale, `gradient of ${key}: off by ${difference} of ${scale}`);
          }
        });
      });
    }
  }
}
