/**
 * ONNX files: a graph with its weights, streamed to the disk tensor by tensor.
 *
 * @module
 */
import { basename } from "node:path";
import { writeAtomically } from "../../config/mod.ts";
import { type Constant, encodeEntry, encodeTensor, type Graph } from "./graph.ts";
import { Message } from "./protobuf.ts";

/** ONNX's own version of the format, that of operator set 20. */
const IR_VERSION = 9;
/** Protocol buffers end at 2 GB; weights beyond that lie in a file of their own, beside the model. */
const LARGEST_FILE = 2 ** 31 - 2 ** 24;
/** Of those files: tensors begin at multiples of this, and small ones stay in the model. */
const ALIGNMENT = 4096, LEAST_OUTSIDE = 1024;

/** How a file is written. */
export interface WriteOptions {
  /** Weights lie in a file of their own if the model would have more bytes than this; default: just below 2 GB. */
  readonly largest?: number;
  /** Name of that file; default: the model's with `_data` at its end, where Hugging Face's libraries look. */
  readonly dataName?: string;
}

/**
 * Writes a model.
 *
 * @param path Of the file, which is replaced whole or not at all.
 * @returns Paths of the files written: one or two.
 * @throws {UserError} If the disk refuses.
 */
export async function writeModel(
  path: string,
  graph: Graph,
  { largest = LARGEST_FILE, dataName = `${basename(path)}_data` }: WriteOptions = {},
): Promise<string[]> {
  const whole = encodeModel(graph, (constant) => encodeTensor(constant));
  if (whole.byteLength <= largest) {
    await writeAtomically(path, whole.chunks());
    return [path];
  }
  const places = placeOutside(graph.constants);
  const offsetOf = new Map(places.map(({ constant, offset }) => [constant.name, offset]));
  const model = encodeModel(graph, (constant) => {
    const offset = offsetOf.get(constant.name);
    return encodeTensor(constant, offset === undefined ? undefined : { file: dataName, offset });
  });
  const dataPath = path.slice(0, path.length - basename(path).length) + dataName;
  await writeAtomically(dataPath, dataChunks(places));
  await writeAtomically(path, model.chunks());
  return [path, dataPath];
}

/**
 * Adds facts to a written model, under which programs that show models list them: `metadata_props`.
 *
 * Fields of a message may stand in any order, so these are put at the file's end.
 */
export async function addMetadata(path: string, facts: Readonly<Record<string, string>>): Promise<void> {
  const message = new Message();
  for (const [key, value] of Object.entries(facts)) message.message(14, encodeEntry(key, value));
  using file = await Deno.open(path, { append: true });
  for (const chunk of message.chunks()) {
    for (let written = 0; written < chunk.length;) written += await file.write(chunk.subarray(written));
  }
  await file.sync();
}

/** ModelProto. */
function encodeModel(graph: Graph, encode: (constant: Constant) => Message): Message {
  const model = new Message().integer(1, IR_VERSION).text(2, "ernie-health").message(7, graph.encode(encode));
  for (const [domain, version] of graph.opsets()) {
    model.message(8, new Message().text(1, domain).integer(2, version));
  }
  return model;
}

interface Place {
  readonly constant: Constant;
  readonly offset: number;
}

function placeOutside(constants: readonly Constant[]): Place[] {
  let end = 0;
  return constants.filter(({ data }) => data.byteLength >= LEAST_OUTSIDE).map((constant) => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + constant.data.byteLength;
    return { constant, offset };
  });
}

function* dataChunks(places: readonly Place[]): Generator<Uint8Array> {
  let end = 0;
  for (const { constant: { data }, offset } of places) {
    if (offset > end) yield new Uint8Array(offset - end);
    yield data.read();
    end = offset + data.byteLength;
  }
}
