/**
 * KServe's protocol V2, also called Open Inference Protocol: metadata and inference.
 *
 * Texts come as `BYTES`; answers are named and typed by the kind of task. Source: the protocol's REST specification.
 *
 * @module
 */
import { chineseName, type Task, type TaskKind } from "../../cblue/mod.ts";
import { reportAnswer } from "../report.ts";
import type { Answer, Answers, TaskModel } from "../task_model.ts";
import { type Fields, fieldsOf, wrongField } from "./fields.ts";
import { RequestError } from "./request_error.ts";

/** A tensor as JSON has it; data in row-major order. */
export interface TensorJson {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
}

/** What is asked. */
export interface InferRequest {
  /** Given back with the answer. */
  readonly id: string | undefined;
  /** Those of each example, one or two. */
  readonly texts: readonly (readonly string[])[];
  /** Names of the outputs to give; undefined: all. */
  readonly outputs: readonly string[] | undefined;
}

/** The inputs that hold texts, in the order of a task's fields. */
export const TEXT_INPUTS: readonly string[] = ["text", "text_pair"];
const VERSION = "1";

type OutputSpec = { readonly name: string; readonly datatype: "BYTES" | "FP32" };

/** What each kind of task says of texts; lists are JSON, a text's on a line of its own. */
const OUTPUTS: Readonly<Record<TaskKind, readonly OutputSpec[]>> = {
  classification: [
    { name: "label", datatype: "BYTES" },
    { name: "confidence", datatype: "FP32" },
    { name: "probabilities", datatype: "FP32" },
  ],
  entities: [{ name: "entities", datatype: "BYTES" }],
  relations: [{ name: "entities", datatype: "BYTES" }, { name: "triples", datatype: "BYTES" }],
  normalization: [{ name: "terms", datatype: "BYTES" }],
};

/** What `GET /v2` says. */
export const SERVER_METADATA = { name: "ernie-health", version: "2", extensions: [] };

/**
 * What `GET /v2/models/NAME` says; `parameters` tell people's programs what the task is.
 *
 * @param name The model's.
 */
export function modelMetadata(name: string, { task, maxLength }: Pick<TaskModel, "task" | "maxLength">) {
  const outputs = OUTPUTS[task.kind].map((output) => ({
    ...output,
    shape: output.name === "probabilities" ? [-1, task.labels.length] : [-1],
  }));
  return {
    name,
    versions: [VERSION],
    platform: "onnxruntime_onnx",
    inputs: task.textFields.map((_, i) => ({ name: TEXT_INPUTS[i]!, datatype: "BYTES", shape: [-1] })),
    outputs,
    parameters: {
      task: task.name,
      kind: task.kind,
      max_seq_length: maxLength,
      labels: task.labels.map(({ name }) => ({ name, chinese: chineseName(task, name) })),
    },
  };
}

/**
 * Reads a request for inference.
 *
 * @throws {RequestError} If it is not as the protocol and the model's metadata have it.
 */
export function parseInferRequest(body: unknown, task: Pick<Task, "kind" | "textFields">): InferRequest {
  const { id, inputs, outputs } = fieldsOf(body, "the body", ["id", "parameters", "inputs", "outputs"]);
  if (id !== undefined && typeof id !== "string") throw wrongField("id", "a text", id);
  if (!Array.isArray(inputs) || inputs.length === 0) throw wrongField("inputs", "a list of tensors", inputs);
  const tensors = new Map<string, TensorJson>();
  for (const [i, input] of inputs.entries()) {
    const tensor = tensorOf(input, `inputs[${i}]`);
    if (tensors.has(tensor.name)) {
      throw new RequestError(400, `Cannot use "inputs": two are called ${quoted(tensor.name)}`);
    }
    tensors.set(tensor.name, tensor);
  }
  const names = TEXT_INPUTS.slice(0, task.textFields.length);
  const other = [...tensors.keys()].find((name) => !names.includes(name));
  if (other !== undefined) {
    throw new RequestError(400, `Cannot use input ${quoted(other)}: expected ${names.join(" and ")}`);
  }
  const columns = names.map((name) => textsOf(tensors.get(name), name));
  const [first] = columns as [string[]];
  if (columns.some(({ length }) => length !== first.length)) {
    throw new RequestError(400, 'Cannot use "text_pair": send as many as of "text"');
  }
  return {
    id,
    texts: first.map((_, i) => columns.map((column) => column[i]!)),
    outputs: outputs === undefined ? undefined : outputNames(outputs, task.kind),
  };
}

function outputNames(outputs: unknown, kind: TaskKind): string[] {
  if (!Array.isArray(outputs)) throw wrongField("outputs", "a list of objects with a name", outputs);
  const known = OUTPUTS[kind].map(({ name }) => name);
  return outputs.map((output, i) => {
    const { name } = fieldsOf(output, `"outputs[${i}]"`);
    if (typeof name !== "string") throw wrongField(`outputs[${i}].name`, "a text", name);
    if (known.includes(name)) return name;
    throw new RequestError(400, `Cannot give output ${quoted(name)}: there are ${known.join(", ")}`);
  });
}

/** What somebody called something, cut. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

function tensorOf(value: unknown, place: string): TensorJson {
  const fields: Fields = fieldsOf(value, `"${place}"`, ["name", "shape", "datatype", "parameters", "data"]);
  const { name, datatype, shape, data } = fields;
  if (typeof name !== "string") throw wrongField(`${place}.name`, "a text", name);
  if (typeof datatype !== "string") throw wrongField(`${place}.datatype`, "a text as INT64", datatype);
  const isShape = Array.isArray(shape) && shape.length > 0 && shape.length <= 2 &&
    shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isShape) throw wrongField(`${place}.shape`, "one or two whole numbers", shape);
  if (!Array.isArray(data)) throw wrongField(`${place}.data`, "a list", data);
  const flat = data.flat(), size = shape.reduce((product, length) => product * length, 1);
  if (flat.length !== size) {
    throw new RequestError(
      400,
      `Cannot use "${place}.data": it has ${flat.length} values, shape [${shape}] means ${size}`,
    );
  }
  return { name, datatype, shape, data: flat };
}

function textsOf(tensor: TensorJson | undefined, name: string): string[] {
  if (!tensor) throw new RequestError(400, `Cannot go on without input "${name}": a BYTES tensor of texts`);
  if (tensor.datatype !== "BYTES") {
    throw new RequestError(400, `Cannot use input "${name}" of this datatype: expected BYTES`);
  }
  if (tensor.shape.length === 2 && tensor.shape[1] !== 1) {
    throw new RequestError(
      400,
      `Cannot use input "${name}" of shape [${tensor.shape}]: expected [N] or [N, 1]`,
    );
  }
  const wrong = tensor.data.find((text) => typeof text !== "string");
  if (wrong !== undefined) throw wrongField(name, "texts", wrong);
  return tensor.data as string[];
}

/** Writes a response with the outputs that were asked for, or all. */
export function inferResponse(
  model: string,
  { id, outputs }: Pick<InferRequest, "id" | "outputs">,
  tensors: readonly TensorJson[],
) {
  return {
    model_name: model,
    model_version: VERSION,
    ...(id !== undefined && { id }),
    outputs: outputs ? outputs.map((name) => tensors.find((tensor) => tensor.name === name)!) : tensors,
  };
}

/** What a task says of texts, as tensors. */
export function answerTensors(
  task: Task,
  texts: readonly (readonly string[])[],
  answers: readonly Answer[],
): TensorJson[] {
  const reports = answers.map((answer, i) => reportAnswer(task, texts[i]!, answer) as unknown as Fields);
  return OUTPUTS[task.kind].map(({ name, datatype }) => {
    if (name === "probabilities") {
      const rows = (answers as readonly Answers["classification"][]).map((
        { probabilities },
      ) => [...probabilities]);
      return { name, datatype, shape: [rows.length, task.labels.length], data: rows.flat() };
    }
    const values = reports.map((report) => report[name]);
    const data = values.map((value) => typeof value === "object" ? JSON.stringify(value) : value);
    return { name, datatype, shape: [data.length], data };
  });
}
