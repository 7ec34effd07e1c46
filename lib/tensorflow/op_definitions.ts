/**
 * What the loaded library says about its own operations: which inputs are lists, which have side effects.
 *
 * @module
 */
import { decode } from "./proto.ts";
import { bufferBytes, runtime } from "./runtime.ts";

/** One input argument: a list when its length or its types are attributes. */
export interface ArgumentDefinition {
  name: string;
  number_attr: string;
  type_list_attr: string;
}

/** The part of an OpDef that tracing needs. */
export interface OpDefinition {
  name: string;
  input_arg: ArgumentDefinition[];
  is_stateful: boolean;
}

let definitions: Map<string, OpDefinition> | undefined;

/**
 * The definition of operation `name`.
 *
 * @throws {RangeError} If the loaded library has no such operation.
 */
export function opDefinition(name: string): OpDefinition {
  definitions ??= readDefinitions();
  const definition = definitions.get(name);
  if (!definition) {
    throw new RangeError(`Cannot find operation "${name}": TensorFlow ${runtime().version} does not have it`);
  }
  return definition;
}

/**
 * Splits a flat list of inputs by argument: a single input stays single, a list argument gets an array.
 * A list takes the length its attribute says, or all that the other arguments leave over.
 *
 * @throws {RangeError} If the number of inputs does not fit the definition.
 */
export function groupInputs<T>(
  definition: OpDefinition,
  inputs: readonly T[],
  lengthOf: (attribute: string) => number | undefined,
): (T | T[])[] {
  const isList = (arg: ArgumentDefinition) => arg.number_attr !== "" || arg.type_list_attr !== "";
  const lists = definition.input_arg.filter(isList);
  const spare = inputs.length - (definition.input_arg.length - lists.length);
  let next = 0;
  const groups = definition.input_arg.map((arg) => {
    if (!isList(arg)) return inputs[next++];
    const length = lists.length === 1 ? spare : lengthOf(arg.number_attr || arg.type_list_attr) ?? NaN;
    return inputs.slice(next, next += length);
  });
  if (next !== inputs.length || spare < 0) {
    throw new RangeError(`Cannot call ${definition.name}: ${inputs.length} inputs do not fit its arguments`);
  }
  return groups;
}

function readDefinitions(): Map<string, OpDefinition> {
  const { symbols } = runtime();
  const buffer = symbols.TF_GetAllOpList();
  const { op } = decode<{ op: OpDefinition[] }>("OpList", bufferBytes(buffer));
  symbols.TF_DeleteBuffer(buffer);
  return new Map(op.map((definition) => [definition.name, definition]));
}
