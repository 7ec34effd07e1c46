/**
 * `compile(fn)`: a tfjs function, its gradients included, as one TensorFlow function.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Tensor } from "@tensorflow/tfjs-core";
import { attr, type Attribute } from "./attributes.ts";
import { backend } from "./backend.ts";
import { eager, recording, recordInto } from "./binding.ts";
import { GraphRecorder } from "./graph.ts";
import { DTYPE } from "./host_tensor.ts";
import { decode, encode, TOGGLE } from "./proto.ts";
import { cName, hasGpu, type Pointer, runtime } from "./runtime.ts";

/** How numbers are held inside a compiled function; variables, inputs and results stay float32. */
export type Precision = "float32" | "mixed_bfloat16" | "mixed_float16";

/** Choices for {@linkcode compile}. */
export interface CompileOptions {
  /** Default "float32". The mixed ones are TensorFlow's own graph rewrite. */
  precision?: Precision;
  /** Compile with XLA: slower to build, less memory, fused loops. Default false. */
  xla?: boolean;
  /** Do not compile: run the function as it is, operation by operation, to debug it. Default false. */
  eager?: boolean;
  /** Shown in messages. Default: the function's own name. */
  name?: string;
  /** Combinations of argument shapes that are expected; at one more a warning tells that each costs a compilation. Default 7. */
  shapes?: number;
}

/** What a compiled function may return: a tensor, or an array or record of tensors. */
export type Results = Tensor | Tensor[] | { [name: string]: Tensor };

/** A function compiled by {@linkcode compile}. */
export interface CompiledFunction<A extends Tensor[], R extends Results> {
  (...args: A): R;
  /**
   * The same call on another thread: timers, servers and progress bars keep running meanwhile. Calls under way at
   * the same time have no order: await one that writes a {@linkcode Variable} before the next, and before `dispose`.
   */
  runAsync(...args: A): Promise<R>;
  /** How often the function has been traced: once per combination of argument shapes and dtypes. */
  readonly traces: number;
  /** Operations in the newest trace. */
  readonly operations: number;
  /** What mixed precision made of the newest graph; undefined for float32 and before the first call. */
  readonly rewrite: RewriteReport | undefined;
  /** Frees the functions and the tensors they captured. */
  dispose(): void;
}

/** The proof that TensorFlow's mixed-precision rewrite took place. */
export interface RewriteReport {
  /** Casts that the rewrite added. */
  casts: number;
  /** Operations that compute in the lower precision. */
  lowPrecisionOps: number;
  /** Operations in the optimised graph. */
  operations: number;
}

const EXPECTED_SHAPES = 7;
const LOW = { mixed_bfloat16: DTYPE.bfloat16, mixed_float16: DTYPE.float16 } as const;
let functions = 0;

/** Graphs that TensorFlow optimised while first calls were being watched: it keeps one collection for all. */
let collected: FunctionGraphs[] = [];
let watchers = 0;

/**
 * Compiles a function of tensors.
 *
 * The function is run once for each combination of argument shapes and dtypes, with operations recorded
 * instead of executed; the recording, optimised by TensorFlow, runs at every further call. As in `tf.function`:
 * JavaScript side effects happen at tracing only, a tensor from outside is captured with the value it has then,
 * a {@linkcode Variable} is read and updated at every call, in program order, and no value can be read inside.
 * tfjs draws its random numbers (`tf.randomNormal`, `tf.dropout`) in JavaScript, once per trace: draw from a
 * {@linkcode RandomStream} instead. Inside `tf.grad` and its like the function runs as it is, operation by
 * operation, so that it can be differentiated.
 *
 * @param fn Takes tensors and returns a tensor, an array or a record of tensors.
 * @returns A function of the same signature.
 * @throws {Error} At the first call if `fn` reads a value or makes a tensor of unknown shape; the message names
 * the operation.
 *
 * @example
 * ```ts
 * import { compile, tf } from "./mod.ts";
 * const square = compile((x: tf.Tensor) => tf.mul(x, x));
 * square(tf.tensor1d([1, 2, 3])).print(); // [1, 4, 9]
 * ```
 */
export function compile<A extends Tensor[], R extends Results>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): CompiledFunction<A, R> {
  const name = options.name ?? (fn.name || "function");
  const traces = new Map<string, Trace>();
  let newest: Trace | undefined;

  const traceFor = (args: A): Trace => {
    const gone = args.findIndex((arg) => arg.isDisposed);
    if (gone >= 0) throw new Error(`Cannot call "${name}": its argument ${gone + 1} has been disposed of`);
    const key = args.map((arg) => `${arg.dtype}[${arg.shape}]`).join(" ");
    let trace = traces.get(key);
    if (!trace) {
      trace = newest = traceFunction(fn, args, name, options);
      traces.set(key, trace);
      if (traces.size === (options.shapes ?? EXPECTED_SHAPES) + 1) {
        console.warn(
          `Function "${name}" has been traced ${traces.size} times, the last time for ${key}: ` +
            "keep argument shapes fixed (pad), every new shape is compiled again",
        );
      }
    }
    return trace;
  };

  const call = (...args: A): R => {
    // inlined into the function being compiled, or run for tfjs to differentiate: its tape sees single operations
    if (recording() || isTapeOn()) return fn(...args);
    if (options.eager) return tf.tidy(() => fn(...args));
    const trace = traceFor(args);
    return trace.structure(trace.run((...call) => eager.execute(...call), args)) as R;
  };
  return Object.defineProperties(call as CompiledFunction<A, R>, {
    runAsync: {
      value: async (...args: A): Promise<R> => {
        if (options.eager || recording()) return call(...args);
        const trace = traceFor(args);
        return trace.structure(await trace.run((...call) => eager.executeAsync(...call), args)) as R;
      },
    },
    traces: { get: () => traces.size },
    operations: { get: () => newest?.operations ?? 0 },
    rewrite: { get: () => newest?.rewrite },
    dispose: {
      value: () => {
        for (const trace of traces.values()) trace.dispose();
        traces.clear();
      },
    },
  });
}

/** Whether tfjs is recording operations for a gradient. */
function isTapeOn(): boolean {
  const { gradientDepth, kernelDepth } = tf.engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}

type Execute<T> = (op: string, attributes: Attribute[], inputs: number[], outputs: number) => T;
type Metadata = ReturnType<typeof eager.execute>;

/** One traced function, for one combination of argument shapes. */
class Trace {
  rewrite: RewriteReport | undefined;
  #ran = false;
  #refusal: Error | undefined;

  constructor(
    readonly function_: string,
    readonly operations: number,
    private readonly captures: number[],
    private readonly results: { keys: string[] | number | undefined; count: number },
    private readonly options: CompileOptions,
    private readonly label: string,
  ) {}

  /** Calls the function; with mixed precision, the first call also proves that the rewrite took place. */
  run<T extends Metadata | Promise<Metadata>>(execute: Execute<T>, args: Tensor[]): T {
    if (this.#refusal) throw this.#refusal;
    const { precision = "float32", xla } = this.options;
    const attributes: Attribute[] = [];
    if (precision !== "float32") attributes.push(attr.string("config_proto", configFor(precision)));
    if (xla) attributes.push(attr.bool("_XlaMustCompile", true));
    const inputs = [...backend().inputIds(args), ...this.captures];
    const go = () => execute(this.function_, attributes, inputs, this.results.count);
    if (precision === "float32" || this.#ran) return go();
    this.#ran = true;
    return this.#observeRewrite(precision, go);
  }

  /** Gives results the form that the traced function returned them in. */
  structure(metadata: Metadata): Results {
    const tensors = metadata.map((output) => backend().outputTensor(output));
    const { keys } = this.results;
    if (keys === undefined) return tensors[0];
    return typeof keys === "number" ? tensors : Object.fromEntries(keys.map((key, i) => [key, tensors[i]]));
  }

  dispose() {
    const rt = runtime();
    rt.call(
      "TFE_ContextRemoveFunction",
      (status) => rt.symbols.TFE_ContextRemoveFunction(rt.context, cName(this.function_), status),
    );
    for (const id of this.captures) eager.deleteTensor(id);
  }

  #observeRewrite<T extends Metadata | Promise<Metadata>>(precision: keyof typeof LOW, go: () => T): T {
    const { symbols, context } = runtime();
    if (watchers++ === 0) symbols.TFE_ContextEnableGraphCollection(context); // drops what is collected
    const stop = () => {
      if (--watchers > 0) return;
      symbols.TFE_ContextDisableGraphCollection(context);
      collected = [];
    };
    const check = (metadata: Metadata) => {
      const bytes = runtime().bytes(
        "TFE_ContextExportRunMetadata",
        (buffer, status) => symbols.TFE_ContextExportRunMetadata(context, buffer, status),
      );
      collected.push(...decode<{ function_graphs: FunctionGraphs[] }>("RunMetadata", bytes).function_graphs);
      this.rewrite = rewriteReport(collected, this.function_, LOW[precision]);
      if (this.rewrite.lowPrecisionOps > 0) return metadata;
      for (const { id } of metadata) eager.deleteTensor(id);
      throw this.#refusal = new Error(
        `Cannot run "${this.label}" in ${precision}: TensorFlow left the graph in float32 ` +
          `(${
            precision === "mixed_float16" ? "float16 needs a GPU" : "this processor has no usable bfloat16"
          }); ` +
          'use precision "float32"',
      );
    };
    let async = false;
    try {
      const result = go();
      async = result instanceof Promise;
      return (result instanceof Promise ? result.then(check).finally(stop) : check(result)) as T;
    } finally {
      if (!async) stop();
    }
  }
}

function traceFunction<A extends Tensor[]>(
  fn: (...args: A) => Results,
  example: A,
  label: string,
  options: CompileOptions,
): Trace {
  const word = label.toLowerCase().replace(/[^a-z0-9_]/g, "_").replace(/^_+/, "") || "function"; // as TensorFlow wants names
  const name = `${word}_${functions++}`;
  const recorder = new GraphRecorder(eager, label, name);
  const engine = tf.engine();
  let ok = false;
  try {
    engine.startScope(label);
    const traced = recordInto(recorder, () => {
      const parameters = example.map((arg) =>
        recorder.parameter(arg.shape, backend().getDTypeInteger(arg.dtype))
      );
      const results = fn(...parameters.map((parameter) => backend().outputTensor(parameter)) as A);
      const [tensors, keys] = flatten(results, label);
      const nodes = backend().inputIds(tensors).map((id) => recorder.result(id));
      return { parameters, nodes, keys };
    });
    addFunction(recorder.toFunction(name, traced.parameters, traced.nodes), { xla: options.xla ?? false });
    ok = true;
    const captures = [...recorder.captures.values()].map((capture) => capture.id);
    const results = { keys: traced.keys, count: traced.nodes.length };
    return new Trace(name, recorder.size, captures, results, options, label);
  } finally {
    engine.endScope();
    if (!ok) { for (const capture of recorder.captures.values()) eager.deleteTensor(capture.id); }
    recorder.close();
  }
}

/** Makes a TF_Function known to the runtime, and frees it. */
export function addFunction(compiled: Pointer, { xla }: { xla: boolean }) {
  const rt = runtime(), { symbols } = rt;
  try {
    if (xla) {
      const name = cName("_XlaMustCompile"), value = encode("AttrValue", { b: true });
      rt.call(
        "TF_FunctionSetAttrValueProto",
        (s) => symbols.TF_FunctionSetAttrValueProto(compiled, name, value, BigInt(value.length), s),
      );
    }
    rt.call("TFE_ContextAddFunction", (s) => symbols.TFE_ContextAddFunction(rt.context, compiled, s));
  } finally {
    symbols.TF_DeleteFunction(compiled);
  }
}

function flatten(results: Results, label: string): [Tensor[], string[] | number | undefined] {
  if (results instanceof tf.Tensor) return [[results], undefined];
  const isCollection = typeof results === "object" && results !== null && !(results instanceof Promise);
  const tensors = isCollection ? Object.values(results) : [];
  if (!isCollection || !tensors.every((tensor) => tensor instanceof tf.Tensor)) {
    throw new TypeError(
      `Cannot compile "${label}": it must return a tensor, or an array or record of tensors`,
    );
  }
  return [tensors, Array.isArray(results) ? tensors.length : Object.keys(results)];
}

/** The ConfigProto that switches the rewrite on for one call. */
function configFor(precision: keyof typeof LOW): Uint8Array {
  if (precision === "mixed_bfloat16" && hasGpu()) {
    throw new Error(
      'Cannot use "mixed_bfloat16" on a GPU: TensorFlow rewrites to it on processors only; use "mixed_float16"',
    );
  }
  const rewrite = precision === "mixed_float16"
    ? { auto_mixed_precision: TOGGLE.on }
    : { auto_mixed_precision_onednn_bfloat16: TOGGLE.on };
  return encode("ConfigProto", {
    graph_options: { rewrite_options: rewrite },
    gpu_options: { allow_growth: true },
  });
}

interface NodeDef {
  name: string;
  op: string;
  attr: Record<string, { type?: number }>;
}

/** Functions before and after TensorFlow optimised them; those that start at once can be in one graph. */
interface FunctionGraphs {
  pre_optimization_graph?: { node: NodeDef[] };
  post_optimization_graph?: { node: NodeDef[] };
}

function rewriteReport(collected: FunctionGraphs[], name: string, low: number): RewriteReport {
  // the recorder's names, and what TensorFlow makes of those of parameters
  const isOurs = (node: NodeDef) =>
    node.name.startsWith(`${name}/`) || node.name.startsWith(`${name}_placeholder_`);
  const casts = (nodes: NodeDef[]) => nodes.filter((node) => node.op === "Cast").length;
  const before = collected.flatMap((graphs) => graphs.pre_optimization_graph?.node ?? []).filter(isOurs);
  const after = collected.flatMap((graphs) => graphs.post_optimization_graph?.node ?? []).filter(isOurs);
  return {
    casts: casts(after) - casts(before),
    lowPrecisionOps: after.filter((node) => node.op !== "Cast" && node.attr.T?.type === low).length,
    operations: after.length,
  };
}
