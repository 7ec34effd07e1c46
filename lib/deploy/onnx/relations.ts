/**
 * The two projections of the relations' head as one.
 *
 * The score of subject s and object o is (s·Q + q)·(o·K + k) / √768, for each predicate. Multiplied out that is
 * (s·M + m)·o + s·n + c, where M = Q·Kᵀ, m = K·q, n = Q·k and c = q·k, all over √768: one matrix of H × H a predicate for two,
 * and the objects need no projection at all. Nothing is approximated.
 *
 * H = hidden size, P = predicates.
 *
 * @module
 */
import { tf } from "../../tensorflow/mod.ts";
import type { Parameter, ParameterLookup } from "./layers.ts";

/** Names of the folded layers. */
export const FOLDED = {
  /** s·M + m: H → P · H. */
  product: "span_attention.product",
  /** s·n + c: H → P. */
  subject: "span_attention.subject",
} as const;

/** Of the scores, the published model's whatever H is. */
const SCALE = 1 / Math.sqrt(768);

/** Parameters with those of the folded layers beside them, computed when they are read. */
export function foldedProjection(parameters: ParameterLookup, H: number, P: number): ParameterLookup {
  const [Q, q, K, k] = ["q_proj.weight", "q_proj.bias", "k_proj.weight", "k_proj.bias"].map((name) =>
    parameters(`span_attention.${name}`)
  ) as [Parameter, Parameter, Parameter, Parameter];
  const folded = (shape: number[], left: Parameter, right: Parameter): Parameter => ({
    shape,
    read: () => productsByPredicate(left, right, P, H),
  });
  const layers = new Map([
    [`${FOLDED.product}.weight`, folded([H, P * H], Q, K)],
    [`${FOLDED.product}.bias`, folded([P * H], q, K)],
    [`${FOLDED.subject}.weight`, folded([H, P], Q, k)],
    [`${FOLDED.subject}.bias`, folded([P], q, k)],
  ]);
  return (name) => layers.get(name) ?? parameters(name);
}

/** left · rightᵀ of each predicate, scaled: (rows of left, P, rows of right), a bias being one row. */
function productsByPredicate(left: Parameter, right: Parameter, P: number, H: number) {
  const product = tf.tidy(() => {
    const parts = ({ read }: Parameter) =>
      tf.transpose(tf.reshape(tf.tensor1d(read()), [-1, P, H]), [1, 0, 2]);
    const products = tf.matMul(parts(left), parts(right), false, true); // (P, rows of left, rows of right)
    return tf.transpose(tf.mul(products, SCALE), [1, 0, 2]);
  });
  const values = product.dataSync() as Float32Array<ArrayBuffer>;
  product.dispose();
  return values;
}
