/**
 * The models of a server by their names, and what is counted of them.
 *
 * @module
 */
import process from "node:process";
import { UserError } from "../../config/mod.ts";
import type { Limits } from "./limits.ts";
import { Metrics } from "./metrics.ts";
import { RequestError } from "./request_error.ts";
import type { SchedulerObserver } from "./scheduler.ts";
import { ServedModel, type ServedModelOptions } from "./served_model.ts";
import { SIMPLE_SERVER_NAMES } from "./simple_server.ts";

/** Which folder a model is in, and what it is called; by default as its task, in lower case. */
export interface NamedFolder {
  readonly name?: string | undefined;
  readonly folder: string;
}

/** Models that answer. */
export class Service implements AsyncDisposable {
  readonly models: ReadonlyMap<string, ServedModel>;
  readonly limits: Limits;
  readonly metrics: Metrics;
  /** Whether the server ends, and readiness says so. */
  isEnding = false;

  /** @param models Disposed of with this. */
  constructor(models: readonly ServedModel[], limits: Limits, metrics: Metrics = new Metrics()) {
    this.models = new Map(models.map((model) => [model.name, model]));
    this.limits = limits;
    this.metrics = metrics;
    addGauges(metrics, models);
  }

  /**
   * Opens folders of exported models.
   *
   * @throws {UserError} If one is none, or two models have one name.
   */
  static async open(
    folders: readonly NamedFolder[],
    options: Omit<ServedModelOptions, "observer" | "queue">,
    limits: Limits,
  ): Promise<Service> {
    const metrics = new Metrics(), models: ServedModel[] = [], observer = modelObservers(metrics);
    try {
      for (const { name, folder } of folders) {
        const model = await ServedModel.open(name, folder, { ...options, queue: limits.queue, observer });
        models.push(model);
        if (models.some((other) => other !== model && other.name === model.name)) {
          throw new UserError(
            `Cannot serve two models as "${model.name}": name them, as in --model other=${folder}`,
          );
        }
      }
    } catch (error) {
      for (const model of models) await model[Symbol.asyncDispose]();
      throw error;
    }
    return new Service(models, limits, metrics);
  }

  /** Whether requests are answered: it does not end, and every model has a worker. */
  get isReady(): boolean {
    return !this.isEnding && this.models.values().every(({ scheduler }) => scheduler.workers > 0);
  }

  /**
   * A model by its name, or by SimpleServer's name for tasks of its kind: then the first one.
   *
   * @throws {RequestError} 404, if there is none.
   */
  find(name: string): ServedModel {
    const found = this.models.get(name) ??
      this.models.values().find(({ model }) => SIMPLE_SERVER_NAMES[model.task.kind] === name);
    if (found) return found;
    throw new RequestError(404, `Cannot find the model: there are ${[...this.models.keys()].join(", ")}`);
  }

  /** Ends the workers. */
  async [Symbol.asyncDispose]() {
    for (const model of this.models.values()) await model[Symbol.asyncDispose]();
  }
}

function modelObservers(metrics: Metrics): (model: string) => SchedulerObserver {
  const batches = metrics.counter("ernie_health_batches_total", "Batches computed");
  const rows = metrics.counter("ernie_health_rows_total", "Rows computed");
  const tokens = metrics.counter("ernie_health_tokens_total", "Tokens computed, padding not counted");
  const seconds = metrics.counter("ernie_health_compute_seconds_total", "Seconds that workers computed");
  const restarts = metrics.counter("ernie_health_worker_restarts_total", "Workers that were lost");
  return (model) => ({
    onBatch(batch) {
      batches({ model });
      rows({ model }, batch.rows);
      tokens({ model }, batch.tokens);
      seconds({ model }, batch.seconds);
    },
    onRestart(error) {
      restarts({ model });
      console.error(`A worker of "${model}" is started anew: ${error.message}`);
    },
  });
}

function addGauges(metrics: Metrics, models: readonly ServedModel[]): void {
  const ofModels = (read: (model: ServedModel) => number) => () =>
    models.map((model) => [{ model: model.name }, read(model)] as const);
  metrics.gauge(
    "ernie_health_rows_waiting",
    "Rows that wait",
    ofModels(({ scheduler }) => scheduler.waiting),
  );
  metrics.gauge(
    "ernie_health_rows_computing",
    "Rows that workers have",
    ofModels(({ scheduler }) => scheduler.computing),
  );
  metrics.gauge("ernie_health_workers", "Workers alive", ofModels(({ scheduler }) => scheduler.workers));
  metrics.gauge("process_resident_memory_bytes", "Resident memory", () => [[{}, Deno.memoryUsage().rss]]);
  metrics.gauge("process_cpu_seconds_total", "CPU time, all threads", () => {
    const { user, system } = process.cpuUsage();
    return [[{}, (user + system) / 1e6]];
  }, "counter");
}
