/**
 * A model file that computes: rows of tokens in, logits out.
 *
 * Nothing here knows of tasks, texts or TensorFlow, so that a worker starts fast.
 *
 * B = rows, L = slots of a row.
 *
 * @module
 */
import "./no_telemetry.ts"; // first
import { InferenceSession, Tensor } from "onnxruntime-node";
import { UserError } from "../config/mod.ts";

/** Rows of tokens that go through a model together. */
export interface TokenBatch {
  readonly rows: number;
  readonly width: number;
  /** (B, L) each: ids, 1 on tokens and 0 on padding, 0 for the first text of a row and 1 for the second. */
  readonly ids: BigInt64Array<ArrayBuffer>;
  readonly mask: BigInt64Array<ArrayBuffer>;
  readonly types: BigInt64Array<ArrayBuffer>;
}

/** What a model says of a batch: numbers, the last axis running fastest, of which the first is over its rows. */
export interface Output {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** What computes: a model of this thread, of a worker, or of a pool of them. */
export interface Session extends AsyncDisposable {
  /** How many batches it computes at a time. */
  readonly parallel: number;
  /** Outputs in the model's order. Computing blocks the thread that it is done in. */
  run(batch: TokenBatch): Promise<Output[]>;
}

/** Where and how to compute. */
export interface SessionOptions {
  /** `gpu` asks for CUDA, and falls back on nothing; default "cpu". */
  readonly device?: "cpu" | "gpu";
  /** Which of several GPUs; default 0. */
  readonly deviceId?: number;
  /** Threads of one run; 0: all cores. Default 1: of several sessions each has its own. */
  readonly threads?: number;
}

/** A session in the thread that opened it. */
export class LocalSession implements Session {
  readonly parallel = 1;
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /**
   * Loads a model.
   *
   * @param path From disk: bytes in memory would be kept beside the weights.
   * @throws {UserError} If it cannot be read, is no such model, or there is no GPU.
   */
  static async open(
    path: string,
    { device = "cpu", deviceId = 0, threads = 1 }: SessionOptions = {},
  ): Promise<LocalSession> {
    try {
      return new LocalSession(
        await InferenceSession.create(path, {
          executionProviders: device === "gpu" ? [{ name: "cuda", deviceId }] : ["cpu"],
          intraOpNumThreads: threads || navigator.hardwareConcurrency,
          interOpNumThreads: 1,
          logSeverityLevel: 4, // errors are thrown
          // threads that spin while they wait steal the cores of whatever else runs
          extra: { session: { intra_op: { allow_spinning: "0" } } },
        }),
      );
    } catch (error) {
      const reason = (error as Error).message.split("\n")[0];
      throw new UserError(`Cannot load "${path}": ${reason}`, { cause: error });
    }
  }

  async run({ rows, width, ids, mask, types }: TokenBatch): Promise<Output[]> {
    const all: Record<string, BigInt64Array> = {
      input_ids: ids,
      attention_mask: mask,
      token_type_ids: types,
    };
    const feeds = Object.fromEntries(
      this.#session.inputNames.map((name) => [name, new Tensor("int64", all[name]!, [rows, width])]),
    );
    const outputs = await this.#session.run(feeds);
    return this.#session.outputNames.map((name) => {
      const { data, dims } = outputs[name]!;
      return { values: data as Float32Array, shape: dims };
    });
  }

  /** Frees the weights. */
  async [Symbol.asyncDispose]() {
    await this.#session.release();
  }
}
