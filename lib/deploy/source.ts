/**
 * A model folder as export takes it: an encoder, its head, and parameters that are read when they are written.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import { readSavedModel, type SavedModel } from "../cblue/mod.ts";
import { finetuningShapes, type HeadConfig } from "../electra/mod.ts";
import { toFloat32 } from "../weights/mod.ts";
import type { DeployedConfig, Parameter, ParameterLookup } from "./onnx/mod.ts";

/** A model to export. */
export interface ModelSource {
  readonly saved: SavedModel;
  readonly config: DeployedConfig;
  readonly parameters: ParameterLookup;
}

/**
 * Reads a model that pretraining or fine-tuning saved, or PaddleNLP's classes.
 *
 * @throws {UserError} If it is none, or a parameter is missing or has another shape.
 */
export async function readModelSource(path: string): Promise<ModelSource> {
  const saved = await readSavedModel(path), { encoder } = saved;
  const head = headOf(saved), config = { encoder, head };
  // without a head any head's shapes tell those of the encoder
  const shapes = finetuningShapes({ encoder, head: head ?? { kind: "question-answering" } });
  const parameters = new Map<string, Parameter>();
  for (const [name, shape] of shapes) {
    if (!head && !name.startsWith("electra.")) continue;
    const found = saved.tensors.get(name);
    if (`${found?.shape}` !== `${shape}`) {
      const what = found ? `has shape [${found.shape}], the model needs [${shape}]` : "is missing";
      throw new UserError(`Cannot export "${path}": parameter "${name}" ${what}`);
    }
    parameters.set(name, { shape, read: () => toFloat32(found!) as Float32Array<ArrayBuffer> });
  }
  return {
    saved,
    config,
    parameters(name) {
      const parameter = parameters.get(name);
      if (!parameter) throw new RangeError(`Cannot find parameter "${name}" in the model`);
      return parameter;
    },
  };
}

/** The head that a folder's config.json tells of; of PaddleNLP's folders the class and the weights tell. */
function headOf({ config, encoder, tensors }: SavedModel): HeadConfig | undefined {
  if (config.head) return config.head as HeadConfig;
  const classes = (layer: string) => tensors.get(`${layer}.bias`)?.shape[0] ?? 0;
  const [architecture] = config.architectures as (string | null)[] | undefined ?? [];
  switch (architecture) {
    case "ElectraForSequenceClassification": {
      const activation = config.hidden_act === "gelu" ? "gelu" : "tanh"; // as PaddleNLP from 2.6 on, or before
      return { kind: "sequence-classification", classes: classes("classifier.out_proj"), activation };
    }
    case "ElectraForTokenClassification":
      return { kind: "token-classification", classes: classes("classifier") };
    case "ElectraForQuestionAnswering":
      return { kind: "question-answering" };
    case "ElectraForMultipleChoice":
      return { kind: "multiple-choice" };
    case "ElectraForBinaryTokenClassification":
      return { kind: "two-channel-tokens", classes: [classes("classifier_oth"), classes("classifier_sym")] };
    case "ElectraForSPO":
      return { kind: "relations", predicates: classes("span_attention.q_proj") / encoder.hidden_size };
    default:
      return undefined;
  }
}
