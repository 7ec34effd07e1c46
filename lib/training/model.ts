/**
 * The model of a run on the device: parameters, optimizer and compiled functions.
 *
 * @module
 */
import { createVariables, type Exchange, loadVariables, type ModelVariables } from "../electra/mod.ts";
import type { Batch } from "../packing/mod.ts";
import { compile, tf } from "../tensorflow/mod.ts";
import { AdamW } from "./adamw.ts";
import type { TrainingData } from "./data.ts";
import { Evaluator } from "./evaluation.ts";
import { LossScaler, type LossScalerState } from "./loss_scale.ts";
import type { MovingAverage } from "./moving_average.ts";
import type { PretrainOptions } from "./options.ts";
import type { RunPlan } from "./plan.ts";
import { pretrainingLearner, type PretrainingNumber } from "./pretraining_step.ts";
import { restoreMoments, type StartingPoint } from "./resume.ts";
import { scheduleWithWarmup } from "./schedule.ts";
import { Trainer } from "./trainer.ts";

/** What trains and what is trained; disposing of it frees the device's memory. */
export interface TrainingModel extends Disposable {
  variables: ModelVariables;
  optimizer: AdamW;
  trainer: Trainer<Batch, PretrainingNumber>;
  /** Absent where the run is not evaluated. */
  evaluator: Evaluator | undefined;
  /** Absent where the loss is not scaled. */
  scaler: LossScaler | undefined;
  /** The learning rate by updates done. */
  schedule: (updates: number) => number;
}

/** First loss scale in float16: the original's. */
const LOSS_SCALE = 1024;

/**
 * Puts a model on the device.
 *
 * @param from The checkpoint that its values come from; without it they are drawn from the seed.
 * @param exchange How this process talks to others that train the same model: they get the values of rank 0 by
 * {@linkcode takeFirst}.
 * @throws {UserError} If the checkpoint does not fit.
 */
export function openModel(
  options: PretrainOptions,
  { layout, evaluation }: TrainingData,
  { config, precision, totalSteps, warmup }: RunPlan,
  { from, exchange }: { from: StartingPoint | undefined; exchange: Exchange },
): TrainingModel {
  const { seed, recompute } = options;
  using opened = new DisposableStack();
  const variables = from?.model
    ? loadVariables(config, from.model, from.folder)
    : createVariables(config, seed);
  opened.defer(() => variables.forEach((variable) => variable.dispose()));
  const optimizer = opened.use(
    new AdamW(variables, {
      beta1: options.adam_beta1,
      beta2: options.adam_beta2,
      epsilon: options.adam_epsilon,
      weightDecay: options.weight_decay,
    }),
  );
  if (from?.optimizer) restoreMoments(optimizer, { folder: from.folder, optimizer: from.optimizer });

  const firstScale = options.scale_loss ?? (precision === "mixed_float16" ? LOSS_SCALE : undefined);
  const before = from?.resumed && from.state.precision === precision
    ? from.state.loss_scale as LossScalerState | undefined
    : undefined;
  const scaler = firstScale === undefined
    ? undefined
    : new LossScaler(before ?? { scale: firstScale, goodSteps: 0 });
  const setup = { config, variables, seed, recompute, exchange };
  const compile = { precision, eager: options.eager_run };
  const trainer = opened.use(
    new Trainer(pretrainingLearner({ ...setup, groups: layout.groups }), optimizer, {
      maxGradNorm: options.max_grad_norm,
      accumulation: options.gradient_accumulation_steps,
      scaler,
      compile,
    }),
  );
  const evaluator = evaluation &&
    opened.use(new Evaluator({ ...setup, groups: evaluation.layout.groups }, compile));
  const schedule = scheduleWithWarmup({
    type: options.lr_scheduler_type,
    learningRate: options.learning_rate,
    totalSteps,
    warmup,
  });
  const memory = opened.move();
  return {
    variables,
    optimizer,
    trainer,
    evaluator,
    scaler,
    schedule,
    [Symbol.dispose]: () => memory.dispose(),
  };
}

/**
 * Gives a model the values that rank 0 has: parameters, their averages, and moments.
 *
 * @param exchange How the processes talk to each other; all of them call this.
 */
export async function takeFirst(
  { variables, optimizer, average }:
    & Pick<TrainingModel, "variables" | "optimizer">
    & { readonly average?: MovingAverage | undefined },
  exchange: Exchange,
) {
  if (exchange.size === 1) return;
  const moments = [...optimizer.moments.values()].flatMap(({ first, second }) => [first, second]);
  for (const variable of [...variables.values(), ...average?.variables.values() ?? [], ...moments]) { // one by one: the largest is a table of words
    const take = compile(() => {
      variable.assign(exchange.first(variable.read()));
      return tf.scalar(0);
    }, { name: "first values" });
    tf.dispose(await take.runAsync());
    take.dispose();
  }
}
