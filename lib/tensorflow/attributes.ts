/**
 * Operation attributes, set alike on an eager operation and on a node of a graph under construction.
 *
 * @module
 */
import { dims } from "./host_tensor.ts";
import { cName, type Pointer, type Runtime } from "./runtime.ts";

/** Kinds of attribute, as tfjs-node numbers them (`TFJSBinding.TF_ATTR_*`); names of functions are our own. */
export const ATTR = {
  string: 0,
  int: 1,
  float: 2,
  bool: 3,
  type: 4,
  shape: 5,
  resource: 6,
  function: 7,
} as const;

/** One attribute; an array value makes it a list of that kind, but for a shape, which is an array itself. */
export interface Attribute {
  name: string;
  type: number;
  value: unknown;
}

/** `{ T: … }`-style shorthand for the attributes our own operations need. */
export const attr = {
  type: (name: string, value: number): Attribute => ({ name, type: ATTR.type, value }),
  int: (name: string, value: number): Attribute => ({ name, type: ATTR.int, value }),
  float: (name: string, value: number): Attribute => ({ name, type: ATTR.float, value }),
  bool: (name: string, value: boolean): Attribute => ({ name, type: ATTR.bool, value }),
  shape: (name: string, value: readonly number[]): Attribute => ({ name, type: ATTR.shape, value }),
  string: (name: string, value: string | Uint8Array): Attribute => ({ name, type: ATTR.string, value }),
  types: (name: string, value: readonly number[]): Attribute => ({ name, type: ATTR.type, value }),
  function: (name: string, value: string): Attribute => ({ name, type: ATTR.function, value }),
};

/** Arrays whose addresses TensorFlow is being given: an address alone keeps nothing alive. */
const addressed: Uint8Array[] = [];

/**
 * Sets `attribute` on `target`, which is a TFE_Op ("TFE_Op") or a TF_OperationDescription ("TF_").
 *
 * @throws {TypeError} For a kind that the C interface does not have.
 */
export function setAttribute(rt: Runtime, kind: "TFE_Op" | "TF_", target: Pointer, attribute: Attribute) {
  const s = rt.symbols, eager = kind === "TFE_Op";
  const name = cName(attribute.name), { value } = attribute;
  const list = Array.isArray(value) ? value : undefined;
  switch (attribute.type) {
    case ATTR.string: {
      if (list) {
        const items = list.map(stringBytes);
        const pointers = BigUint64Array.from(
          items,
          (item) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(item)),
        );
        const lengths = BigUint64Array.from(items, (item) => BigInt(item.length));
        const set = eager ? s.TFE_OpSetAttrStringList : s.TF_SetAttrStringList;
        addressed.push(...items);
        set(target, name, pointers, lengths, items.length);
        addressed.length = 0;
        return;
      }
      const bytes = stringBytes(value);
      return (eager ? s.TFE_OpSetAttrString : s.TF_SetAttrString)(target, name, bytes, BigInt(bytes.length));
    }
    case ATTR.int:
      if (list) {
        const set = eager ? s.TFE_OpSetAttrIntList : s.TF_SetAttrIntList;
        return set(target, name, dims(list), list.length);
      }
      return (eager ? s.TFE_OpSetAttrInt : s.TF_SetAttrInt)(target, name, BigInt(value as number));
    case ATTR.float:
      if (list) {
        const set = eager ? s.TFE_OpSetAttrFloatList : s.TF_SetAttrFloatList;
        return set(target, name, Float32Array.from(list), list.length);
      }
      return (eager ? s.TFE_OpSetAttrFloat : s.TF_SetAttrFloat)(target, name, value as number);
    case ATTR.bool:
      if (list) {
        const set = eager ? s.TFE_OpSetAttrBoolList : s.TF_SetAttrBoolList;
        return set(target, name, Uint8Array.from(list, Number), list.length);
      }
      return (eager ? s.TFE_OpSetAttrBool : s.TF_SetAttrBool)(target, name, value ? 1 : 0);
    case ATTR.type:
      if (list) {
        const set = eager ? s.TFE_OpSetAttrTypeList : s.TF_SetAttrTypeList;
        return set(target, name, Int32Array.from(list), list.length);
      }
      return (eager ? s.TFE_OpSetAttrType : s.TF_SetAttrType)(target, name, value as number);
    case ATTR.shape: {
      const shape = dims(value as number[]);
      if (!eager) return s.TF_SetAttrShape(target, name, shape, shape.length);
      return rt.call(
        attribute.name,
        (status) => s.TFE_OpSetAttrShape(target, name, shape, shape.length, status),
      );
    }
    case ATTR.function: {
      const bytes = stringBytes(value);
      const set = eager ? s.TFE_OpSetAttrFunctionName : s.TF_SetAttrFuncName;
      return set(target, name, bytes, BigInt(bytes.length));
    }
    default:
      throw new TypeError(`Cannot set attribute "${attribute.name}": unknown kind ${attribute.type}`);
  }
}

function stringBytes(value: unknown): Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array ? Uint8Array.from(value) : new TextEncoder().encode(String(value));
}
