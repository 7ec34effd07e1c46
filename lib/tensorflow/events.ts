/**
 * TensorBoard event files, written by TensorFlow's own summary operations.
 *
 * @module
 */
import { UserError } from "../config/mod.ts";
import { attr } from "./attributes.ts";
import { eager } from "./binding.ts";
import { DTYPE } from "./host_tensor.ts";
import { encode } from "./proto.ts";
import { TensorFlowError } from "./runtime.ts";

const BUCKETS = 30; // as TensorBoard's own summaries
let writers = 0;

/**
 * Appends scalars, texts and histograms to one event file.
 *
 * @example
 * ```ts
 * import { EventFileWriter } from "./mod.ts";
 * const folder = await Deno.makeTempDir();
 * {
 *   using events = new EventFileWriter(folder);
 *   events.scalar("loss/generator_loss", 9.2, 1);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class EventFileWriter implements Disposable {
  readonly #writer: number;

  /**
   * @param folder Where the file goes; created if need be. Its name is TensorFlow's: time, host, `suffix`.
   * @throws {UserError} If the folder cannot be written to; so do all methods.
   */
  constructor(readonly folder: string, { suffix = ".v2", flushSeconds = 10 } = {}) {
    const name = attr.string("shared_name", `events_${writers++}`);
    [{ id: this.#writer }] = eager.execute("SummaryWriter", [name, attr.string("container", "")], [], 1);
    try {
      this.#run("CreateSummaryFileWriter", [], [
        strings([folder]),
        int32(10), // summaries held back at most
        int32(1000 * flushSeconds),
        strings([suffix]),
      ]);
    } catch (error) {
      eager.deleteTensor(this.#writer);
      throw error;
    }
  }

  /** Writes one number. */
  scalar(tag: string, value: number, step: number) {
    const number = eager.createTensor([], DTYPE.float32, Float32Array.of(value));
    this.#run("WriteScalarSummary", [attr.type("T", DTYPE.float32)], [int64(step), strings([tag]), number]);
  }

  /** Writes a text, which TensorBoard shows as Markdown. */
  text(tag: string, text: string, step: number) {
    this.#summary(tag, step, strings([text]), DTYPE.string, "text");
  }

  /** Writes how `values` are distributed, in 30 buckets of equal width. */
  histogram(tag: string, values: ArrayLike<number>, step: number) {
    const buckets = histogram(values, BUCKETS);
    const data = eager.createTensor([buckets.length / 3, 3], DTYPE.float32, buckets); // left edge, right edge, count
    this.#summary(tag, step, data, DTYPE.float32, "histograms");
  }

  /** Makes all written so far visible to readers. */
  flush() {
    this.#run("FlushSummaryWriter", [], []);
  }

  /** Writes what can be written and closes the file. Says nothing of a failure: that is for {@linkcode flush}. */
  [Symbol.dispose]() {
    try {
      this.#run("CloseSummaryWriter", [], []);
    } catch (error) {
      if (!(error instanceof UserError)) throw error; // thrown from `using`, it would hide what ended the run
    } finally {
      eager.deleteTensor(this.#writer);
    }
  }

  #summary(tag: string, step: number, tensor: number, dtype: number, plugin: string) {
    const metadata = encode("SummaryMetadata", { plugin_data: { plugin_name: plugin } });
    this.#run("WriteSummary", [attr.type("T", dtype)], [
      int64(step),
      tensor,
      strings([tag]),
      strings([metadata]),
    ]);
  }

  /** Runs an operation on the writer and frees its other inputs. */
  #run(op: string, attributes: Parameters<typeof eager.execute>[1], inputs: number[]) {
    try {
      eager.execute(op, attributes, [this.#writer, ...inputs], 0);
    } catch (error) {
      if (!(error instanceof TensorFlowError)) throw error;
      const [first] = error.message.slice(`${error.op}: `.length).split("\n");
      const reason = first.split("; ").at(-1)!; // after the file's name, in the operating system's words
      throw new UserError(`Cannot write events to "${this.folder}": ${reason}`, { cause: error });
    } finally {
      for (const id of inputs) eager.deleteTensor(id);
    }
  }
}

/** Left edge, right edge and count of each bucket; equal values share one bucket around them. */
export function histogram(values: ArrayLike<number>, count: number): Float32Array {
  if (values.length === 0) return new Float32Array(0);
  let min = Infinity, max = -Infinity;
  for (let i = 0; i < values.length; i++) {
    min = Math.min(min, values[i]);
    max = Math.max(max, values[i]);
  }
  if (min === max) return Float32Array.of(min - 0.5, max + 0.5, values.length);
  const width = (max - min) / count;
  const buckets = new Float64Array(3 * count); // float32 stops counting at 2^24
  for (let i = 0; i < count; i++) {
    buckets[3 * i] = min + i * width;
    buckets[3 * i + 1] = i + 1 < count ? min + (i + 1) * width : max;
  }
  for (let i = 0; i < values.length; i++) {
    buckets[3 * Math.min(count - 1, Math.floor((values[i] - min) / width)) + 2]++;
  }
  return Float32Array.from(buckets);
}

function strings(values: (string | Uint8Array)[]): number {
  const bytes = values.map((value) => typeof value === "string" ? new TextEncoder().encode(value) : value);
  return eager.createTensor([], DTYPE.string, bytes);
}

function int32(value: number): number {
  return eager.createTensor([], DTYPE.int32, Int32Array.of(value));
}

function int64(value: number): number {
  return eager.createTensor([], DTYPE.int64, BigInt64Array.of(BigInt(value)));
}
