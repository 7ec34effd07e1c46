/**
 * PyTorch's `.bin`, `.pt` and `.pth`: a pickle of what was saved, and the storages that its tensors are views of.
 *
 * Since 1.6 it is a zip archive: `data.pkl`, and each storage in `data/<key>`. Before, and with
 * `_use_new_zipfile_serialization=False`, five pickles one after the other (magic number, version, sizes of C's types, the
 * value, keys of the storages), then each storage: number of elements (8 bytes), elements.
 *
 * Source: `torch.save` and `torch.load` (torch/serialization.py), `torch._utils._rebuild_tensor_v2`.
 *
 * @module
 */
import { BinaryFile, invalid } from "../binary_file.ts";
import { type ElementSource, isListOfSizes, lazyView, viewFault } from "../strided.ts";
import { type DataType, ELEMENT_BYTES, type LazyTensorData } from "../tensor.ts";
import type { ZipEntry } from "../zip.ts";
import { type ByteSource, EndOfBytes } from "./byte_stream.ts";
import { elementsInFile } from "./elements.ts";
import { tensorsIn } from "./tree.ts";
import { type Callable, Name, PickleError, unpickle } from "./unpickler.ts";

const STORAGES: Readonly<Record<string, DataType>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};
const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn, LEGACY_PROTOCOL = 1001;
/** A pickle of protocol 2 that begins with the magic number, a whole number of ten bytes. */
export const LEGACY_START = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20];
const LARGEST_PICKLE = 1 << 26; // bytes of data.pkl, which holds names and shapes only
const COUNT_BYTES = 8;

/** Elements that tensors share. */
interface Storage {
  readonly key: string;
  readonly dtype: DataType;
  /** Number of elements. */
  readonly count: number;
}

/** A view of a storage. */
class TorchTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`. */
const tensor: Callable = (storage, offset, shape, strides) => {
  const isView = isListOfSizes([offset]) && isListOfSizes(shape) && isListOfSizes(strides);
  if (!isStorage(storage) || !isView) {
    throw new PickleError("the pickle is damaged: a tensor without storage, shape or strides");
  }
  return new TorchTensor(storage, offset as number, shape, strides);
};

const storageType: Callable = () => {
  throw new PickleError("the pickle is damaged: it makes a storage of no file");
};

const NAMES: Readonly<Record<string, Callable>> = {
  "torch._utils._rebuild_tensor_v2": tensor,
  "torch._utils._rebuild_tensor": tensor, // before 0.4
  "torch._utils._rebuild_parameter": (data) => data,
  "torch.Size": (shape) => shape,
  "collections.OrderedDict": () => new Map(),
  ...Object.fromEntries(Object.keys(STORAGES).map((name) => [`torch.${name}`, storageType])),
};

/** Collects the storages that a pickle refers to. */
class Storages {
  readonly byKey = new Map<string, Storage>();

  /** What `("storage", type, key, location, count)` means. */
  readonly reference = (id: unknown): Storage => {
    const [kind, type, key, , count, view = null] = Array.isArray(id) ? id : [];
    const dtype = type instanceof Name ? STORAGES[type.name.slice("torch.".length)] : undefined;
    if (kind !== "storage" || !dtype || typeof key !== "string" || !isListOfSizes([count]) || view !== null) {
      throw new PickleError("the pickle is damaged: it refers to something that is no storage");
    }
    const known = this.byKey.get(key);
    if (known && (known.dtype !== dtype || known.count !== count)) {
      throw new PickleError(`the pickle is damaged: storage "${key}" has two sizes or types`);
    }
    const storage = known ?? { key, dtype, count };
    this.byKey.set(key, storage);
    return storage;
  };

  /** The tensors of a value, with elements from the sources of their storages. */
  tensors(value: unknown, sourceOf: (storage: Storage) => ElementSource): Map<string, LazyTensorData> {
    return tensorsIn(value, (item) => {
      if (!(item instanceof TorchTensor)) return undefined;
      const { storage, shape, strides, offset } = item, source = sourceOf(storage);
      const view = { dtype: storage.dtype, shape, strides, offset }, fault = viewFault(view, source.size);
      if (fault) throw new PickleError(`a tensor of storage "${storage.key}" is no view of it: ${fault}`);
      return lazyView(view, source);
    });
  }
}

function isStorage(value: unknown): value is Storage {
  return typeof value === "object" && value !== null && "key" in value && "dtype" in value;
}

/**
 * Opens an archive of `torch.save`.
 *
 * @param entries Of the archive.
 * @param folder The name before `/data.pkl`.
 * @returns The tensors by name; those of nested dicts under names joined by dots.
 * @throws {UserError} If it is damaged, or names anything but tensors and plain containers.
 */
export async function openTorch(
  path: string,
  entries: ReadonlyMap<string, ZipEntry>,
  folder: string,
): Promise<Map<string, LazyTensorData>> {
  const pickle = entries.get(`${folder}/data.pkl`)!, order = entries.get(`${folder}/byteorder`);
  if (order && new TextDecoder().decode(await order.head(10)) !== "little") {
    throw invalid(path, "its elements are big-endian; save it anew on a little-endian machine");
  }
  if (pickle.size > LARGEST_PICKLE) throw invalid(path, `its data.pkl would be ${pickle.size} bytes`);
  const bytes = await pickle.bytes(), storages = new Storages();
  const source: ByteSource = { size: bytes.length, read: (at, count) => bytes.subarray(at, at + count) };
  return asUserErrors(path, () => {
    const { value } = unpickle(source, 0, { names: NAMES, reference: storages.reference });
    return storages.tensors(value, ({ key, dtype, count }) => {
      const entry = entries.get(`${folder}/data/${key}`), size = count * ELEMENT_BYTES[dtype];
      if (entry?.size !== size) {
        throw new PickleError(
          `storage "${key}" has ${entry?.size ?? "no"} bytes, its ${count} elements take ${size}`,
        );
      }
      return { size, hasPieces: entry.isStored, fill: (bytes, start) => entry.fill(bytes, start) };
    });
  });
}

/**
 * Opens a file of `torch.save` from before 1.6.
 *
 * @returns The tensors by name; those of nested dicts under names joined by dots.
 * @throws {UserError} If it is damaged, or names anything but tensors and plain containers.
 */
export function openLegacyTorch(path: string): Map<string, LazyTensorData> {
  using file = BinaryFile.open(path);
  return asUserErrors(path, () => {
    const storages = new Storages(), vocabulary = { names: NAMES, reference: storages.reference };
    let end = 0;
    const next = () => {
      const read = unpickle(file, end, vocabulary);
      end = read.end;
      return read.value;
    };
    const magic = next(), protocol = next(), system = next();
    if (magic !== MAGIC_NUMBER || protocol !== LEGACY_PROTOCOL || !(system instanceof Map)) {
      throw new PickleError("its beginning is damaged");
    }
    if (system.get("little_endian") !== true) {
      throw new PickleError("its elements are big-endian; save it anew on a little-endian machine");
    }
    const value = next(), keys = next();
    if (!Array.isArray(keys)) throw new PickleError("it does not tell the order of its storages");
    const places = new Map<Storage, number>();
    for (const key of keys) {
      const storage = storages.byKey.get(key);
      if (!storage) throw new PickleError(`it has no tensor of its storage ${JSON.stringify(key)}`);
      const count = new DataView(file.read(end, COUNT_BYTES).buffer).getBigInt64(0, true);
      if (count !== BigInt(storage.count)) {
        throw new PickleError(`storage "${key}" has ${count} elements, its tensors need ${storage.count}`);
      }
      places.set(storage, end + COUNT_BYTES);
      end += COUNT_BYTES + storage.count * ELEMENT_BYTES[storage.dtype];
    }
    if (end !== file.size) {
      const fault = end > file.size ? "it is cut short" : "bytes follow its last storage";
      throw new PickleError(`${fault}: the storages end at byte ${end}, the file at ${file.size}`);
    }
    return storages.tensors(value, (storage) => {
      const place = places.get(storage), size = storage.count * ELEMENT_BYTES[storage.dtype];
      if (place === undefined) throw new PickleError(`storage "${storage.key}" is missing`);
      return elementsInFile(path, place, size);
    });
  });
}

function asUserErrors<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PickleError || error instanceof EndOfBytes) {
      throw invalid(path, error.message, { cause: error });
    }
    throw error;
  }
}
