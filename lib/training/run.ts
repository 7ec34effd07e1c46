/**
 * A pretraining run under way: the loop around the compiled step, evaluation, saving.
 *
 * @module
 */
import { join } from "node:path";
import { ProgressBar, UserError } from "../config/mod.ts";
import { type Exchange, stateDict } from "../electra/mod.ts";
import { onePass, openBatches, type PlacedBatch, slots } from "../packing/mod.ts";
import { EventFileWriter, tensorflowInfo } from "../tensorflow/mod.ts";
import { tokenizerFiles } from "../text/mod.ts";
import { cardOfRun, huggingFaceConfig } from "../weights/mod.ts";
import { dumpBatches } from "./batch_dump.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import type { TrainingData } from "./data.ts";
import { TrainingLog, type TrainingLogState } from "./log.ts";
import { type InitialWeights, takeWeights } from "./initial_weights.ts";
import { stepMetrics } from "./metrics.ts";
import { openModel, takeFirst, type TrainingModel } from "./model.ts";
import type { PretrainOptions } from "./options.ts";
import type { RunPlan } from "./plan.ts";
import type { PretrainingReport } from "./pretraining_step.ts";
import { type Progress, progressAt } from "./progress.ts";
import { ReadAhead } from "./read_ahead.ts";
import type { LogRecord } from "./records.ts";
import { describeRun, runNotes, writeEvents } from "./report.ts";
import { momentsOf, type StartingPoint } from "./resume.ts";
import { SentenceLog } from "./sentence_log.ts";

/** What a run is made of. */
export interface RunParts {
  options: PretrainOptions;
  data: TrainingData;
  plan: RunPlan;
  /** Where it goes on, if it does. */
  from: StartingPoint | undefined;
  /** Weights that a new run begins with; else they are drawn from the seed. */
  initial?: InitialWeights | undefined;
  /** How this process talks to others that train the same model; rank 0 alone writes logs and checkpoints. */
  exchange: Exchange;
  bar: ProgressBar;
  print: (line: string) => void;
  /** Hears each record of rank 0. */
  onRecord?: ((record: LogRecord) => void | Promise<void>) | undefined;
}

/** One run: made, then told to `train` or to `evaluate`. */
export class PretrainingRun implements Disposable {
  /** Steps done. */
  step: number;
  /** The newest checkpoint, or the one that the run began with. */
  folder: string;
  readonly #parts: RunParts;
  readonly #progress: Progress;
  readonly #model: TrainingModel;
  readonly #batches: ReadAhead;
  /** Absent, as the events, in processes that write nothing. */
  readonly #log: TrainingLog | undefined;
  readonly #events: EventFileWriter | undefined;
  readonly #sentences: SentenceLog | undefined;
  readonly #opened: DisposableStack;
  /** Step of the newest checkpoint, -1 before the first. */
  #saved: number;
  /** Whether any process was told to end. */
  #stopped = false;

  /**
   * Makes a run; all of its processes do so.
   *
   * @throws {UserError} If the checkpoint does not fit or a file cannot be written.
   */
  static async open(parts: RunParts): Promise<PretrainingRun> {
    const run = new PretrainingRun(parts);
    try {
      if (parts.initial) await takeWeights(run.#model.variables, parts.initial);
      await takeFirst(run.#model, parts.exchange);
      return run;
    } catch (error) {
      run[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(parts: RunParts) {
    const { options, data, plan, from, exchange } = parts;
    this.#parts = parts;
    this.step = from?.step ?? 0;
    this.folder = from?.folder ?? "";
    this.#saved = from?.resumed ? this.step : -1;
    this.#progress = progressAt(from, options, data);

    using opened = new DisposableStack();
    this.#model = opened.use(openModel(options, data, plan, { from, exchange }));
    const source = opened.use(openBatches(data.train, {
      layout: data.layout,
      vocabulary: data.vocabulary,
      mlmProb: options.mlm_prob,
      seed: options.seed,
      position: this.#progress.position,
      workers: options.dataloader_num_workers,
      part: exchange,
    }));
    this.#batches = new ReadAhead(source);
    if (exchange.rank === 0) {
      this.#log = opened.use(
        new TrainingLog(options.output_dir, {
          totalSteps: plan.totalSteps,
          loggingSteps: options.logging_steps,
          resume: from?.resumed
            ? { step: options.do_train ? this.step : Infinity, state: from.state.log as TrainingLogState }
            : undefined,
          print: (line) => this.#say(line),
        }),
      );
      this.#events = opened.use(
        new EventFileWriter(options.logging_dir ?? join(options.output_dir, "loss_log")),
      );
    }
    if (options.log_sentences && options.do_train) {
      this.#sentences = opened.use(new SentenceLog(options.output_dir, exchange.rank, this.step));
    }
    this.#opened = opened.move();
    this.#log?.message(describeRun(parts));
    for (const note of runNotes(parts)) this.#log?.message(`Note: ${note}`);
    if (!from) {
      const text = JSON.stringify({ ...options, config: plan.config }, null, 2);
      this.#events?.text("run", "```json\n" + text + "\n```", 0);
    }
  }

  /**
   * Trains to the end of the plan.
   *
   * @param signal Aborting it saves and ends the run.
   * @throws {UserError} If the loss is no number, memory does not suffice or the disk refuses.
   */
  async train(signal?: AbortSignal) {
    const { options, plan: { totalSteps } } = this.#parts, progress = this.#progress;
    if (this.step >= totalSteps) this.#say("Nothing is left to do: the run had reached its end");
    else if (!options.eager_run) this.#say("Compiling the training step; the first one takes a while");
    if (progress.evaluationDue) await this.evaluate(signal);
    while (this.step < totalSteps && !this.#isStopped(signal)) {
      const epoch = await this.#trainStep(signal);
      progress.evaluationDue = this.#isEvaluationDue(epoch);
      progress.epoch = epoch;
      if (progress.evaluationDue) await this.evaluate(signal);
      if (this.step % options.save_steps === 0 && this.#saved !== this.step) await this.#save();
    }
    if (this.step >= totalSteps && !this.#isStopped(signal) && progress.evaluated !== this.step) {
      await this.evaluate(signal);
    }
    if (this.#saved !== this.step) await this.#save({ last: true });
    const { best } = progress;
    if (options.load_best_model_at_end && best && this.step >= totalSteps) {
      this.folder = join(options.output_dir, `checkpoint-${best.step}`);
      this.#log?.message(`Best checkpoint: "${this.folder}", evaluation loss ${best.loss.toFixed(6)}`);
    }
    if (this.#isStopped(signal)) {
      this.#say(`Stopped at step ${this.step}: saved "${this.folder}"; the same command goes on from there`);
    }
  }

  /** Evaluates the model as it is, if the run has something to evaluate on. */
  async evaluate(signal?: AbortSignal) {
    const { data: { evaluation, vocabulary }, options, exchange } = this.#parts;
    if (!evaluation) return;
    const batches = onePass(evaluation.sentences, {
      layout: evaluation.layout,
      vocabulary,
      mlmProb: options.mlm_prob,
      seed: options.seed,
      part: exchange,
    });
    const start = performance.now();
    const bar = new ProgressBar({
      label: "Evaluating",
      unit: "batches",
      total: Math.ceil(evaluation.sentences.length / evaluation.layout.sentencesPerStep / exchange.size),
      terminalOnly: true,
      hidden: options.disable_tqdm,
    });
    let done = 0;
    const onBatch = () => bar.update(++done);
    const report = await this.#model.evaluator!.run(batches, { signal, onBatch }).finally(() => bar.finish());
    if (!report) { // ended early
      this.#stopped = true;
      return;
    }
    const sentences = evaluation.sentences.length, { config } = this.#parts.plan;
    const record = this.#log?.evaluation(
      { step: this.step, epochs: this.#epochs(), seconds: (performance.now() - start) / 1000 },
      stepMetrics(report, { tokens: report.tokens, sentences }, config.loss_weights),
    );
    if (record) await this.#tell(record);
    this.#progress.evaluated = this.step;
    this.#progress.evaluationDue = false;
    if (options.load_best_model_at_end && options.do_train) await this.#saveIfBest(report.total);
  }

  /** Sees to it that there is a checkpoint of the best model. */
  async #saveIfBest(loss: number) {
    const { best: before } = this.#progress;
    if (!(loss < (before?.loss ?? Infinity))) return;
    this.#progress.best = { step: this.step, loss, evaluation: this.#parts.data.evaluation!.identity };
    if (this.#saved !== this.step) await this.#save();
    if (this.#saved !== this.step) this.#progress.best = before; // the disk refused
  }

  /** Closes files and frees memory. */
  [Symbol.dispose]() {
    this.#opened.dispose();
  }

  /** @returns Epoch that the data has reached. */
  async #trainStep(signal?: AbortSignal): Promise<number> {
    const { trainer, schedule, scaler } = this.#model, progress = this.#progress;
    const batches: PlacedBatch[] = [];
    const next = async () => {
      const batch = await this.#batches.next();
      batches.push(batch);
      return batch;
    };
    const learningRate = schedule(progress.updates), waitedBefore = this.#batches.waited;
    const { report, result } = await trainer.step(next, {
      step: this.step,
      updates: progress.updates,
      learningRate,
      stop: signal?.aborted ?? false,
    });
    this.#stopped = report.stop > 0;
    if (result === "broken") await this.#skipBroken(batches, report, learningRate);
    const { position, epoch } = batches.at(-1)!;
    const before = this.step++;
    this.#sentences?.add(this.step, batches);
    progress.position = position;
    if (result === "updated") progress.updates++;

    const { plan: { config, stepsPerEpoch }, exchange } = this.#parts;
    const slotsOfAll = batches.reduce((sum, { layout }) => sum + slots(layout), 0) * exchange.size;
    const record = this.#log?.add(
      {
        step: this.step,
        epoch,
        batch: before % stepsPerEpoch,
        epochs: this.#epochs(),
        learningRate: schedule(progress.updates),
        lossScale: scaler?.scale,
      },
      stepMetrics(report, {
        tokens: report.tokens,
        slots: slotsOfAll,
        sentences: report.views / 2,
        waitedSeconds: this.#batches.waited - waitedBefore,
        skipped: result !== "updated",
      }, config.loss_weights),
    );
    if (record) await this.#tell(record);
    this.#parts.bar.update(this.step, `loss ${report.total.toFixed(2)}`);
    return epoch;
  }

  #isEvaluationDue(epoch: number): boolean {
    const { options: { evaluation_strategy: strategy, eval_steps, save_steps }, data } = this.#parts;
    if (!data.evaluation) return false;
    if (strategy === "epoch") return epoch > this.#progress.epoch;
    return strategy === "steps" && this.step % (eval_steps ?? save_steps) === 0;
  }

  /**
   * Keeps the batches of a step whose loss or gradients are no finite numbers, for study.
   *
   * @throws {UserError} If there have been more such steps than the run may skip.
   */
  async #skipBroken(batches: PlacedBatch[], report: PretrainingReport, learningRate: number) {
    const { output_dir: outputDir, skip_nan: tolerated } = this.#parts.options;
    const step = this.step + 1, { broken: before } = this.#progress;
    const dumped = await dumpBatches(outputDir, step, batches, { step, learningRate, ...report }).then(
      (path) => `its batch is in "${path}"`,
      (error: Error) => `its batch could not be kept (${error.message})`,
    );
    const what = Number.isFinite(report.total)
      ? `norm of the gradients is ${report.gradNorm}`
      : `loss is ${report.total}`;
    this.#progress.broken++;
    if (before >= tolerated) {
      throw new UserError(
        `Cannot go on: the ${what} at step ${step}; ${dumped}; lower --learning_rate, raise ` +
          "--warmup_steps or let --skip_nan pass over such steps, " +
          (this.#saved < 0 ? "and start again" : `the checkpoint of step ${this.#saved} is intact`),
      );
    }
    this.#log?.message(
      `Skipped step ${step}: the ${what}; ${dumped} (${before + 1} of ${tolerated})`,
    );
  }

  /** @param last Whether nothing comes after it: then a disk that refuses is an error whatever the options say. */
  async #save({ last = false } = {}) {
    const { options, data, plan } = this.#parts;
    const { best, ...progress } = this.#progress;
    if (!this.#log) {
      this.#saved = this.step; // by rank 0
      return;
    }
    this.#log.flush();
    this.#events!.flush();
    const model = stateDict(plan.config, this.#model.variables);
    const config = { ...plan.config, ...huggingFaceConfig({ config: { ...plan.config }, tensors: model }) };
    const state = {
      ...data.identity,
      ...progress,
      best,
      layout: data.layout,
      precision: plan.precision,
      seed: options.seed,
      loss_scale: this.#model.scaler?.state(),
      log: this.#log.state(),
      versions: { tensorflow: tensorflowInfo().version, deno: Deno.version.deno },
    };
    const facts = { tensors: model, config, run: options, state: { ...state, global_step: this.step } };
    const maxLength = plan.config.discriminator.max_position_embeddings;
    try {
      this.folder = await saveCheckpoint(options.output_dir, {
        step: this.step,
        model,
        optimizer: momentsOf(this.#model.optimizer),
        state,
        config,
        run: options,
        vocabulary: data.vocabulary.tokens,
        files: {
          ...tokenizerFiles(data.vocabulary, { maxLength }),
          "README.md": await cardOfRun(options.output_dir, facts),
        },
      }, {
        keep: options.save_total_limit,
        ...(options.load_best_model_at_end && best && { spare: best.step }),
        warn: (line) => this.#log!.message(line),
      });
      this.#saved = this.step;
    } catch (error) {
      if (!(error instanceof UserError) || last || options.on_save_error === "stop") throw error;
      this.#say(`Warning: ${error.message}; training goes on to the next checkpoint`);
    }
  }

  /** Whether to end: alone at once, else when all know of it. */
  #isStopped(signal?: AbortSignal): boolean {
    return this.#stopped || (this.#parts.exchange.size === 1 && signal?.aborted === true);
  }

  /** Passes over the sentences so far, with fractions. */
  #epochs(): number | undefined {
    const { position } = this.#progress, { length } = this.#parts.data.train;
    return position && (position.taken - position.waiting.length) / length;
  }

  async #tell(record: LogRecord) {
    const { plan: { config }, onRecord } = this.#parts;
    writeEvents(this.#events!, record, config);
    await onRecord?.(record);
  }

  /** A line on the console, above the progress bar. */
  #say(line: string) {
    const { bar, print, exchange } = this.#parts;
    if (exchange.rank === 0) bar.aside(() => print(line));
  }
}
