/**
 * A fine-tuning run under way: the loop around the compiled step, evaluation, saving.
 *
 * @module
 */
import { ProgressBar, UserError } from "../config/mod.ts";
import {
  type Exchange,
  type FinetuningConfig,
  type HeadConfig,
  lazyTensor,
  type ModelVariables,
} from "../electra/mod.ts";
import { tensorflowInfo, tf } from "../tensorflow/mod.ts";
import { tokenizerFiles } from "../text/mod.ts";
import { cardOfRun } from "../weights/mod.ts";
import {
  type LearningRateSchedule,
  type LoadedCheckpoint,
  LossScaler,
  type LossScalerState,
  momentsOf,
  saveCheckpoint,
  trainedOf,
  Trainer,
} from "../training/mod.ts";
import { type BatchPosition, type Row, type RowBatch, RowStream } from "./batches.ts";
import type { FinetuningData } from "./data.ts";
import { finetuningLearner, isPackable, Predictor } from "./learner.ts";
import type { Example } from "./examples.ts";
import { BATCH_SHAPES } from "./packing.ts";
import { addCounts, type Score, scoreCounts } from "./scores/metrics.ts";
import { FinetuningLog, type FinetuningLogState, type FinetuningRecord } from "./log.ts";
import type { FinetuneOptions } from "./options.ts";
import { countAnswer } from "./scores/scoring.ts";
import type { OpenedModel } from "./open_model.ts";

/** What a run is, besides its options; checkpoints keep it, to be resumed by the same alone. */
export interface RunIdentity {
  /** Hashes of the training set, the vocabulary, and the parameters it begins with; "new" without a pretrained encoder. */
  readonly data: string;
  readonly vocabulary: string;
  readonly encoder: string;
  /** How many processes train. */
  readonly processes: number;
}

/** What a run is made of. */
export interface RunParts {
  readonly options: FinetuneOptions;
  readonly data: FinetuningData;
  readonly identity: RunIdentity;
  readonly model: OpenedModel;
  readonly totalSteps: number;
  readonly schedule: LearningRateSchedule;
  /** Its own checkpoint where it goes on. */
  readonly from: Pick<LoadedCheckpoint, "step" | "state"> & { readonly folder?: string } | undefined;
  readonly exchange: Exchange;
  readonly bar: ProgressBar;
  readonly print: (line: string) => void;
  /** Hears each record of rank 0. */
  readonly onRecord: ((record: FinetuningRecord) => void | Promise<void>) | undefined;
}

/** What changes from step to step, as checkpoints keep it in `training_state/run_states.json`. */
export interface Progress {
  /** Steps that changed the weights; the others were skipped. */
  updates: number;
  position: BatchPosition;
  /** The checkpoint with the best score on dev. */
  best: { step: number; score: Score } | undefined;
  /** Evaluations since then. */
  since: number;
  /** Step of the newest evaluation. */
  evaluated: number;
  log: FinetuningLogState | undefined;
}

/** One run: made, then told to `train`. */
export class FinetuningRun implements Disposable {
  /** Steps done. */
  step: number;
  /** The newest checkpoint. */
  folder: string;
  readonly progress: Progress;
  readonly #parts: RunParts;
  readonly #stream: RowStream<Row>;
  readonly #trainer: Trainer<RowBatch<Row>, string>;
  readonly #predictor: Predictor;
  readonly #scaler: LossScaler | undefined;
  readonly #log: FinetuningLog | undefined;
  readonly #opened: DisposableStack;
  #seen = { rows: 0, tokens: 0, slots: 0 };
  /** Step of the newest checkpoint, -1 before the first; and whether an evaluation since then is not in it. */
  #saved: number;
  #isOutdated = false;
  #stopped = false;

  /** @throws {UserError} If a file cannot be written. */
  constructor(parts: RunParts) {
    const { options, data, model, from, exchange } = parts, state = from?.state ?? {};
    this.#parts = parts;
    this.step = from?.step ?? 0;
    this.folder = from?.folder ?? "";
    this.#saved = from ? this.step : -1;
    this.progress = (state.progress as Progress | undefined) ?? {
      updates: 0,
      position: { epoch: 0, batch: 0 },
      best: undefined,
      since: 0,
      evaluated: -1,
      log: undefined,
    };

    using opened = new DisposableStack();
    const { approach } = data, { config, variables, optimizer, precision } = model;
    const packed = options.packing === "rows" && isPackable(config.head);
    const setup = {
      ...{ approach, config, variables, seed: options.seed, exchange, packed },
      ...{ rDropAlpha: options.rdrop_alpha, fgmEpsilon: options.fgm_epsilon },
    };
    this.#stream = new RowStream(data.rows, {
      batchSize: data.recipe.batchSize,
      maxLength: data.recipe.maxSeqLength,
      seed: options.seed,
      pool: options.length_pool,
      position: this.progress.position,
      part: exchange,
      packed,
    });
    if (precision === "mixed_float16") {
      this.#scaler = new LossScaler(
        state.loss_scale as LossScalerState | undefined ??
          { scale: options.scale_loss, goodSteps: 0 },
      );
    }
    this.#trainer = opened.use(
      new Trainer(finetuningLearner(setup), optimizer, {
        maxGradNorm: options.max_grad_norm,
        accumulation: options.gradient_accumulation_steps,
        scaler: this.#scaler,
        compile: { precision, shapes: BATCH_SHAPES },
      }),
    );
    const evaluated = { ...setup, variables: model.average?.variables ?? variables };
    this.#predictor = opened.use(new Predictor(evaluated, { precision }));
    if (exchange.rank === 0) {
      this.#log = opened.use(
        new FinetuningLog(options.save_dir, {
          totalSteps: parts.totalSteps,
          loggingSteps: options.logging_steps,
          isMean: (name) => approach.isMean(name),
          resume: this.progress.log,
          print: (line) => parts.bar.aside(() => parts.print(line)),
        }),
      );
    }
    this.#opened = opened.move();
  }

  /**
   * Trains to the end of the plan, or until dev has not become better for long.
   *
   * @param signal Aborting it saves and ends the run.
   */
  async train(signal?: AbortSignal): Promise<void> {
    const { options: { valid_steps, save_steps, patience = Infinity }, totalSteps } = this.#parts;
    const isDone = () => this.step >= totalSteps || this.progress.since >= patience;
    const isDue = () =>
      this.step > 0 && this.step % valid_steps === 0 && this.progress.evaluated !== this.step;
    if (isDue()) await this.#evaluate(signal); // a signal came before it
    while (!isDone() && !this.#isStopped(signal)) {
      await this.#trainStep(signal);
      if (isDue() && !this.#isStopped(signal)) await this.#evaluate(signal);
      if (this.step % save_steps === 0) await this.#save();
    }
    if (!this.#isStopped(signal) && this.progress.evaluated !== this.step) await this.#evaluate(signal);
    await this.#save();
    const { since } = this.progress;
    if (since >= patience) {
      this.#say(`Ended at step ${this.step}: ${since} evaluations without a better score`);
    }
    if (this.#isStopped(signal)) {
      this.#say(`Stopped at step ${this.step}: saved "${this.folder}"; the same command goes on from there`);
    }
  }

  /** Closes files and frees memory. */
  [Symbol.dispose]() {
    this.#opened.dispose();
  }

  async #trainStep(signal?: AbortSignal): Promise<void> {
    const { schedule } = this.#parts, { progress } = this;
    const { epoch, batch } = this.#stream.position;
    const learningRate = schedule(progress.updates);
    const { report, result } = await this.#trainer.step(() => this.#next(), {
      step: this.step,
      updates: progress.updates,
      learningRate,
      stop: signal?.aborted ?? false,
    });
    this.#stopped = report.stop > 0;
    if (result === "broken") {
      const remedy = this.#saved < 0 ? "start again" : `the checkpoint of step ${this.#saved} is intact`;
      throw new UserError(
        `Cannot go on: the loss is ${report.total} and the norm of the gradients ${report.gradNorm} at step ` +
          `${this.step + 1}; lower --learning_rate or give --max_grad_norm 1, and ${remedy}`,
      );
    }
    this.step++;
    if (result === "updated") {
      progress.updates++;
      await this.#parts.model.average?.follow(progress.updates);
    }
    progress.position = this.#stream.position;
    const { stop: _stop, ...numbers } = report;
    const { total, gradNorm } = report;
    const record = this.#log?.add(
      { step: this.step, epoch, batch, learningRate, lossScale: this.#scaler?.scale },
      { ...numbers, total, gradNorm, ...this.#seen, skipped: Number(result !== "updated") },
    );
    this.#seen = { rows: 0, tokens: 0, slots: 0 };
    if (record) await this.#parts.onRecord?.(record);
    this.#parts.bar.update(this.step, `loss ${report.total.toFixed(3)}`);
  }

  /** The next batch, counted. */
  #next(): Promise<RowBatch<Row>> {
    const batch = this.#stream.next(), { capacity, width, packing, processes } = batch;
    const slots = packing ? packing.rows * packing.width : capacity * width;
    this.#seen.rows += batch.total;
    this.#seen.tokens += processes * batch.rows.reduce((sum, { ids }) => sum + ids.length, 0); // about: those of the others
    this.#seen.slots += processes * slots;
    return Promise.resolve(batch);
  }

  /** Fits what answers besides the model, and scores the dev set, each process a part of it. */
  async #evaluate(signal?: AbortSignal): Promise<void> {
    const { options, data: { answerer, dev, recipe, task }, exchange } = this.#parts, { progress } = this;
    if (!dev && !answerer) return;
    const own = dev?.filter((_, i) => i % exchange.size === exchange.rank) ?? [], start = performance.now();
    const bar = new ProgressBar({
      label: "Evaluating",
      unit: "rows",
      terminalOnly: true,
      hidden: options.disable_tqdm || exchange.rank > 0,
    });
    let done = 0;
    const predict = (examples: readonly Example[]) =>
      this.#predictor.run(examples, {
        batchSize: options.eval_batch_size ?? recipe.batchSize,
        maxLength: recipe.maxSeqLength,
        onRows: (rows) => bar.update(done += rows),
        signal: exchange.size === 1 ? signal : undefined, // together all end or none
      });
    const answer = async () => {
      await answerer?.fit(predict);
      return await (answerer ? answerer.answer(predict, own) : predict(own));
    };
    const answers = await answer().catch((error) => {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    }).finally(() => bar.finish());
    if (!answers) return;
    this.#isOutdated = true;
    progress.evaluated = this.step;
    if (!dev) return;
    const none = new Float64Array(3 * Math.max(1, task.labels.length)); // there may be more processes than examples
    const counts = addCounts([
      none,
      ...own.map((example, i) => countAnswer(task, example as never, answers[i] as never)),
    ]);
    const score = scoreCounts(task.metric, await this.#ofAll(counts));
    const record = this.#log?.evaluation(this.step, score, (performance.now() - start) / 1000);
    if (record) await this.#parts.onRecord?.(record);
    if (score.value > (progress.best?.score.value ?? -1)) {
      progress.best = { step: this.step, score };
      progress.since = 0;
      await this.#save();
    } else progress.since++;
  }

  /** The counts of all processes from those of each; below 2^24 they are exact. */
  async #ofAll(counts: Float64Array): Promise<ArrayLike<number>> {
    const { exchange } = this.#parts;
    if (exchange.size === 1) return counts;
    const sum = exchange.sum(tf.tensor1d(Float32Array.from(counts)));
    const all = await sum.data();
    sum.dispose();
    return all;
  }

  async #save(): Promise<void> {
    const { options, data, identity, model, exchange } = this.#parts;
    if (this.#saved === this.step && !this.#isOutdated) return;
    this.#saved = this.step;
    this.#isOutdated = false;
    if (exchange.rank > 0) return;
    this.#log!.flush();
    this.progress.log = this.#log!.state();
    const parameters = tensorsOf(model.average?.variables ?? model.variables);
    const config = folderConfig(model.config, data, options);
    const state = {
      ...identity,
      progress: this.progress,
      precision: model.precision,
      seed: options.seed,
      loss_scale: this.#scaler?.state(),
      versions: { tensorflow: tensorflowInfo().version, deno: Deno.version.deno },
    };
    const facts = { tensors: parameters, config, run: options, state: { ...state, global_step: this.step } };
    this.folder = await saveCheckpoint(options.save_dir, {
      step: this.step,
      model: parameters,
      optimizer: new Map([
        ...momentsOf(model.optimizer),
        ...model.average ? trainedOf(model.variables) : [],
      ]),
      state,
      config,
      run: options,
      vocabulary: data.vocabulary.tokens,
      files: {
        ...tokenizerFiles(data.vocabulary, {
          maxLength: model.config.encoder.max_position_embeddings,
          normalizeChars: model.config.head.kind === "sequence-classification",
        }),
        ...data.answerer?.files(),
        "README.md": await cardOfRun(options.save_dir, facts),
      },
    }, {
      keep: options.save_total_limit,
      ...(this.progress.best && { spare: this.progress.best.step }),
      warn: (line) => this.#say(line),
    });
  }

  /** Whether to end: alone at once, else when all know of it. */
  #isStopped(signal?: AbortSignal): boolean {
    return this.#stopped || (this.#parts.exchange.size === 1 && signal?.aborted === true);
  }

  /** A line on the console, above the progress bar, and in the log. */
  #say(line: string) {
    this.#log?.message(line);
  }
}

function tensorsOf(variables: ModelVariables) {
  return new Map(Array.from(variables, ([name, variable]) => [name, lazyTensor(variable)]));
}

/** Classes of Hugging Face and PaddleNLP that open such a folder. */
const ARCHITECTURES: Partial<Record<HeadConfig["kind"], string>> = {
  "sequence-classification": "ElectraForSequenceClassification",
  "token-classification": "ElectraForTokenClassification",
  "two-channel-tokens": "ElectraForBinaryTokenClassification",
  "relations": "ElectraForSPO",
};

/** config.json of a fine-tuned model: all that it takes to open it again. */
function folderConfig(
  { encoder, head }: FinetuningConfig,
  { task, recipe }: FinetuningData,
  { long }: FinetuneOptions,
) {
  const labels = task.labels.map(({ name }) => name);
  return {
    model_type: "electra",
    architectures: [ARCHITECTURES[head.kind]],
    ...encoder,
    hidden_act: "gelu",
    ...(head.kind === "sequence-classification" && {
      id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
      label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    }),
    head,
    task,
    max_seq_length: recipe.maxSeqLength,
    long,
  };
}
