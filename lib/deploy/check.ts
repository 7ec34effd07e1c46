/**
 * Whether an exported file says what the toolkit's own forward does.
 *
 * B = rows, L = slots of a row, H = hidden size.
 *
 * @module
 */
import { type ElectraConfig, encode, finetuningForward, type HeadInputs, under } from "../electra/mod.ts";
import { RandomStream } from "../packing/mod.ts";
import { tf } from "../tensorflow/mod.ts";
import type { DeployedConfig, ParameterLookup } from "./onnx/mod.ts";
import type { Output, Session, TokenBatch } from "./session.ts";
import { largestDifference, tokenBatch, type TokenRow, valuesOfRow } from "./token_batch.ts";

/** How far a file is from the model that it was made of. */
export interface Agreement {
  /** The largest difference between logits. */
  readonly difference: number;
  /** The largest logit, by size. */
  readonly largest: number;
}

/** Tokens of the rows that are compared, as far as the model takes as many: short and long ones, some in two parts. */
const LENGTHS = [2, 5, 17, 33, 64, 128];

/**
 * Compares a file with the toolkit.
 *
 * @param session The file's.
 * @param parameters What the file was made of.
 */
export async function compareWithToolkit(
  session: Session,
  config: DeployedConfig,
  parameters: ParameterLookup,
): Promise<Agreement> {
  const { encoder } = config, rows = randomRows(encoder), batch = tokenBatch(rows, encoder.pad_token_id);
  const { width } = batch, expected = ownForward(config, parameters, batch), found = await session.run(batch);
  let difference = 0, largest = 0;
  for (const [n, output] of expected.entries()) {
    for (const [row, { ids: { length } }] of rows.entries()) {
      const own = valuesOfRow(output, row, { length, width });
      const theirs = valuesOfRow(found[n]!, row, { length, width });
      difference = Math.max(difference, largestDifference(theirs, own));
      largest = Math.max(largest, largestDifference(own, own.map(() => 0)));
    }
  }
  return { difference, largest };
}

/** What our own forward says, in float32. */
export function ownForward(
  { encoder, head }: DeployedConfig,
  parameters: ParameterLookup,
  { ids, types, rows, width }: TokenBatch,
): Output[] {
  return tf.tidy(() => {
    const p = (name: string) => tf.tensor(parameters(name).read(), [...parameters(name).shape]);
    const inputs: HeadInputs = {
      ids: tf.tensor1d(Int32Array.from(ids, Number), "int32"),
      tokenTypeIds: tf.tensor1d(Int32Array.from(types, Number), "int32"),
      groups: [{ rows, width }],
    };
    const outputs = head
      ? finetuningForward(p, { encoder, head }, inputs)
      : [tf.reshape(encode(under(p, "electra."), encoder, inputs), [rows, width, encoder.hidden_size])];
    return outputs.map((output) => ({ values: output.dataSync() as Float32Array, shape: output.shape }));
  });
}

/** None of their tokens is padding. */
function randomRows(
  { vocab_size: V, pad_token_id: pad, max_position_embeddings: positions }: ElectraConfig,
): TokenRow[] {
  const random = new RandomStream({ seed: 1, purpose: "held", epoch: 0 });
  return LENGTHS.filter((length) => length <= positions).map((length, i) => ({
    ids: Array.from({ length }, () => (pad + 1 + random.below(V - 1)) % V),
    typeIds: Array.from({ length }, (_, place) => Number(i % 2 === 1 && 2 * place > length)),
  }));
}
