/**
 * A model with its head as an ONNX graph.
 *
 * B = texts, L = slots of a text, N = tokens of the encoder's list, H = hidden size, C = classes, P = predicates.
 *
 * @module
 */
import type { ElectraConfig, HeadConfig } from "../../electra/mod.ts";
import { encoder, FIRSTS } from "./encoder.ts";
import { Graph, type Value } from "./graph.ts";
import { type Format, layersOf, type ParameterLookup } from "./layers.ts";
import { packedLayout, paddedLayout } from "./layout.ts";
import { FOLDED, foldedProjection } from "./relations.ts";

/** An encoder, and its head unless it is exported alone. */
export interface DeployedConfig {
  readonly encoder: ElectraConfig;
  readonly head: HeadConfig | undefined;
}

/** How a graph is made. */
export interface GraphOptions {
  readonly format: Format;
  /** Whether the work on padding is left out, by a few operators more; for servers. */
  readonly packed: boolean;
  /** Three: input_ids, attention_mask, token_type_ids. Two, as Paddle's: no mask, padding is what has the pad id. */
  readonly inputs: 2 | 3;
}

/** Names of the outputs, in the order of {@linkcode finetuningForward}'s. */
export function outputNames(head: HeadConfig | undefined): string[] {
  switch (head?.kind) {
    case undefined:
      return ["last_hidden_state"];
    case "question-answering":
      return ["start_logits", "end_logits"];
    case "two-channel-tokens":
    case "relations":
      return ["logits", "logits_1"];
    default:
      return ["logits"];
  }
}

/**
 * Makes the graph.
 *
 * @param parameters Under the original's names; read when the graph is written.
 * @throws {RangeError} If relations are asked of an encoder with one layer.
 */
export function modelGraph(
  config: DeployedConfig,
  parameters: ParameterLookup,
  { format, packed, inputs }: GraphOptions,
): Graph {
  const { encoder: { hidden_size: H, num_hidden_layers: depth, pad_token_id: pad }, head } = config;
  if (head?.kind === "relations" && depth < 2) {
    throw new RangeError("Cannot extract relations with an encoder of one layer: two are needed");
  }
  const g = new Graph("electra"), axes = ["batch", "sequence"];
  const ids = g.input("input_ids", "int64", axes);
  const mask = inputs === 3
    ? g.input("attention_mask", "int64", axes)
    : g.cast(g.not(g.equal(ids, g.integer(pad))), "int64");
  const types = g.input("token_type_ids", "int64", axes);

  const folded = head?.kind === "relations" ? foldedProjection(parameters, H, head.predicates) : parameters;
  const layers = layersOf(g, format, folded);
  const layout = (packed ? packedLayout : paddedLayout)(g, { ids, mask, types });
  const firstsOnly = head?.kind === "sequence-classification" || head?.kind === "multiple-choice";
  const { hidden, before } = encoder(g, layers, layout, config.encoder, { firstsOnly });

  const [first, second] = outputNames(head) as [string, string];
  const byToken = (name: string, C: number) => layout.rows(layers.linear(hidden, name), [C]); // (B, L, C)
  const ofTexts = (x: Value, C: number) => g.gather(g.reshape(x, [-1, FIRSTS, C]), g.integer(0), 1); // (B, C)
  const output = (name: string, value: Value, ...more: (string | number)[]) =>
    g.output(name, value, "float32", ["batch", ...more]);

  switch (head?.kind) {
    case undefined:
      output(first, layout.rows(hidden, [H]), "sequence", H);
      break;
    case "sequence-classification": {
      const dense = layers.linear(hidden, "classifier.dense"); // (B · 2, H)
      const active = head.activation === "tanh" ? g.tanh(dense) : layers.gelu(dense);
      output(first, ofTexts(layers.linear(active, "classifier.out_proj"), head.classes), head.classes);
      break;
    }
    case "multiple-choice": {
      const summary = layers.gelu(layers.linear(hidden, "sequence_summary.dense")); // (B · 2, H)
      output(first, ofTexts(layers.linear(summary, "classifier"), 1), 1);
      break;
    }
    case "token-classification":
      output(first, byToken("classifier", head.classes), "sequence", head.classes);
      break;
    case "question-answering": {
      const ends = byToken("classifier", 2); // (B, L, 2)
      output(first, g.gather(ends, g.integer(0), 2), "sequence");
      output(second, g.gather(ends, g.integer(1), 2), "sequence");
      break;
    }
    case "two-channel-tokens": {
      const [others, symptoms] = head.classes;
      output(first, byToken("classifier_oth", others), "sequence", others);
      output(second, byToken("classifier_sym", symptoms), "sequence", symptoms);
      break;
    }
    case "relations": {
      const P = head.predicates;
      const cls = g.unsqueeze(layout.firsts(hidden, 1), 1); // (B, 1, H)
      const objects = g.add(layout.rows(before, [H]), cls); // (B, L, H)
      const subjects = layout.rows(layers.linear(hidden, FOLDED.product), [P * H]); // (B, L, P · H)
      const pairs = g.matMul(
        g.reshape(subjects, g.concat(g.sizes(ids, 0, 1), g.integers(-1, H))), // (B, L · P, H)
        g.transpose(objects, [0, 2, 1]),
      ); // (B, L · P, L)
      const size = g.concat(g.shape(ids), g.integers(P), g.sizes(ids, 1, 2));
      const own = layout.rows(layers.linear(hidden, FOLDED.subject), [P, 1]); // (B, L, P, 1)
      const scores = g.transpose(g.add(g.reshape(pairs, size), own), [0, 2, 1, 3]); // (B, P, L, L)
      output(first, byToken("classifier", 2), "sequence", 2);
      output(second, scores, P, "sequence", "sequence");
      break;
    }
  }
  return g;
}
