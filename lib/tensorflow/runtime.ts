/**
 * One TensorFlow runtime per process: the loaded library and its eager context, opened on first use.
 *
 * @module
 */
import { UserError } from "../config/errors.ts";
import { findLibrary, type TensorFlowLibrary } from "./library.ts";
import { encode } from "./proto.ts";
import { SYMBOLS } from "./symbols.ts";

/** A pointer into TensorFlow's memory. */
export type Pointer = Deno.PointerValue;
type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** What can be chosen before the first operation runs. */
export interface RuntimeOptions {
  /** `cpu` hides every GPU; `gpu` fails when there is none; `auto` (default) takes a GPU if there is one. */
  device?: "auto" | "cpu" | "gpu";
  /** Threads to compute with, within operations and across them; 0 (default) lets TensorFlow take all cores. */
  threads?: number;
  /** Threads that start operations, if not more of them compute: 2 lets operations communicate while others compute. Default 0. */
  operationThreads?: number;
}

/** An error reported by TensorFlow: its own message, after the name of the operation that failed. */
export class TensorFlowError extends Error {
  override name = "TensorFlowError";
  constructor(
    /** TensorFlow's status code (3 invalid argument, 5 not found, 8 resource exhausted, …). */
    readonly code: number,
    /** The operation or C function that failed. */
    readonly op: string,
    reason: string,
  ) {
    super(`${op}: ${reason}`);
  }
}

/** The loaded library, its symbols and one eager context. */
export class Runtime {
  readonly symbols: Symbols;
  readonly library: TensorFlowLibrary;
  readonly version: string;
  readonly context: Pointer;
  readonly #status: Pointer;

  constructor(options: Required<RuntimeOptions>) {
    if (options.device === "cpu") Deno.env.set("CUDA_VISIBLE_DEVICES", "-1");
    this.library = findLibrary();
    try {
      this.symbols = load(this.library);
    } catch (error) {
      throw new UserError(
        `Cannot load TensorFlow from "${this.library.cc}": ${(error as Error).message}; ` +
          "run `deno task setup --force` or set ERNIE_HEALTH_TF to another installation",
      );
    }
    this.#status = this.symbols.TF_NewStatus();
    this.version = cString(this.symbols.TF_Version());
    this.context = this.#openContext(options);
    if (options.device === "gpu" && !this.devices().some((device) => device.type === "GPU")) {
      throw new UserError(
        "Cannot use --device gpu: TensorFlow sees no GPU; run `deno task setup --gpu`, check the driver with " +
          "`nvidia-smi`, or use --device cpu",
      );
    }
  }

  #openContext({ threads, operationThreads }: Required<RuntimeOptions>): Pointer {
    const { symbols } = this;
    const options = symbols.TFE_NewContextOptions();
    const config = encode("ConfigProto", {
      intra_op_parallelism_threads: threads,
      inter_op_parallelism_threads: operationThreads > 0
        ? Math.max(operationThreads, threads || navigator.hardwareConcurrency)
        : threads,
      gpu_options: { allow_growth: true },
    });
    this.call(
      "TFE_ContextOptionsSetConfig",
      (status) => symbols.TFE_ContextOptionsSetConfig(options, config, BigInt(config.length), status),
    );
    const context = this.call("TFE_NewContext", (status) => symbols.TFE_NewContext(options, status));
    symbols.TFE_DeleteContextOptions(options);
    return context;
  }

  /**
   * Runs one C call that reports through a status, and turns a failure into an exception.
   *
   * @param op Name for the error message.
   * @throws {TensorFlowError} With TensorFlow's message.
   */
  call<T>(op: string, body: (status: Pointer) => T): T {
    const result = body(this.#status);
    this.check(this.#status, op);
    return result;
  }

  /** Throws a {@linkcode TensorFlowError} unless `status` is OK. */
  check(status: Pointer, op: string) {
    const code = this.symbols.TF_GetCode(status);
    if (code === 0) return;
    const reason = cString(this.symbols.TF_Message(status));
    this.symbols.TF_SetStatus(status, 0, cName("")); // several calls set it on failure only
    throw new TensorFlowError(code, op, reason);
  }

  /** Copies the bytes of a TF_Buffer that `fill` writes or returns, and frees it. */
  bytes(op: string, fill: (buffer: Pointer, status: Pointer) => void): Uint8Array<ArrayBuffer> {
    const buffer = this.symbols.TF_NewBuffer();
    try {
      this.call(op, (status) => fill(buffer, status));
      return bufferBytes(buffer);
    } finally {
      this.symbols.TF_DeleteBuffer(buffer);
    }
  }

  /** Devices that operations can run on. */
  devices(): { name: string; type: string; memoryBytes: number }[] {
    const { symbols } = this;
    const list = this.call("TFE_ContextListDevices", (s) => symbols.TFE_ContextListDevices(this.context, s));
    const devices = Array.from({ length: symbols.TF_DeviceListCount(list) }, (_, i) => ({
      name: cString(this.call("TF_DeviceListName", (s) => symbols.TF_DeviceListName(list, i, s))),
      type: cString(this.call("TF_DeviceListType", (s) => symbols.TF_DeviceListType(list, i, s))),
      memoryBytes: Number(
        this.call("TF_DeviceListMemoryBytes", (s) => symbols.TF_DeviceListMemoryBytes(list, i, s)),
      ),
    }));
    symbols.TF_DeleteDeviceList(list);
    return devices;
  }
}

let options: Required<RuntimeOptions> = { device: "auto", threads: 0, operationThreads: 0 };
let current: Runtime | undefined;

/** The process's runtime, opened now if it is not yet. */
export function runtime(): Runtime {
  return current ??= new Runtime(options);
}

/**
 * Chooses device and threads for this process.
 *
 * @throws {Error} If TensorFlow has already been started with other choices.
 *
 * @example
 * ```ts
 * import { configureTensorFlow, tensorflowInfo } from "./mod.ts";
 * configureTensorFlow({ device: "cpu", threads: 2 });
 * console.log(tensorflowInfo().devices);
 * ```
 */
export function configureTensorFlow(chosen: RuntimeOptions) {
  const merged = { ...options, ...chosen };
  if (current && (merged.device !== options.device || merged.threads !== options.threads)) {
    throw new Error("Cannot configure TensorFlow: it has already started; do it before the first operation");
  }
  options = merged;
}

let gpu: boolean | undefined;

/** Whether TensorFlow sees a GPU; starts TensorFlow. */
export function hasGpu(): boolean {
  return gpu ??= runtime().devices().some((device) => device.type === "GPU");
}

/** The library in use and the devices it sees; starts TensorFlow. */
export function tensorflowInfo(): TensorFlowLibrary & { devices: ReturnType<Runtime["devices"]> } {
  const { library, version } = runtime();
  return { ...library, version, devices: runtime().devices() };
}

/** A NUL-terminated string at `pointer`, or "" for null. */
export function cString(pointer: Pointer): string {
  return pointer ? new Deno.UnsafePointerView(pointer).getCString() : "";
}

const names = new Map<string, Uint8Array<ArrayBuffer>>();

/** `text` as NUL-terminated bytes; kept, since operation and attribute names recur. */
export function cName(text: string): Uint8Array<ArrayBuffer> {
  let bytes = names.get(text);
  if (!bytes) names.set(text, bytes = new TextEncoder().encode(text + "\0") as Uint8Array<ArrayBuffer>);
  return bytes;
}

/** Copies the contents of a TF_Buffer, which begins with its data pointer and length. */
export function bufferBytes(buffer: Pointer): Uint8Array<ArrayBuffer> {
  const view = new Deno.UnsafePointerView(buffer!);
  const data = view.getPointer(0), length = Number(view.getBigUint64(8));
  const copy = new Uint8Array(length);
  if (data && length) new Deno.UnsafePointerView(data).copyInto(copy);
  return copy;
}

/**
 * Loads the library without its chatter. TensorFlow's C++ log is off unless ERNIE_HEALTH_LOG=1, or
 * TF_CPP_MIN_LOG_LEVEL (0 info … 3 fatal) asks for it; a notice that its static initialisers print before
 * they look at that variable is kept away by pointing stderr elsewhere meanwhile.
 */
function load(library: TensorFlowLibrary): Symbols {
  const loud = Deno.env.get("ERNIE_HEALTH_LOG") === "1";
  if (loud) Deno.env.set("TF_CPP_MIN_LOG_LEVEL", "0");
  else if (!Deno.env.has("TF_CPP_MIN_LOG_LEVEL")) Deno.env.set("TF_CPP_MIN_LOG_LEVEL", "3");
  const open = () => Deno.dlopen(library.cc, SYMBOLS).symbols;
  return Deno.env.get("TF_CPP_MIN_LOG_LEVEL") === "0" ? open() : withoutStderr(open);
}

function withoutStderr<T>(body: () => T): T {
  const library = Deno.dlopen(Deno.build.os === "darwin" ? "libSystem.dylib" : "libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    dup: { parameters: ["i32"], result: "i32" },
    dup2: { parameters: ["i32", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const libc = library.symbols;
  const stderr = libc.dup(2), nowhere = libc.open(cName("/dev/null"), 1);
  libc.dup2(nowhere, 2);
  try {
    return body();
  } finally {
    libc.dup2(stderr, 2);
    libc.close(stderr);
    libc.close(nowhere);
    library.close();
  }
}
