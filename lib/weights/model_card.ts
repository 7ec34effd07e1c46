/**
 * Model cards: what a model was made of and how well it did, as its run wrote it down, in the form that model hubs show.
 *
 * @module
 */
import { basename, dirname, join, resolve } from "node:path";
import { type ModelDescription, partsOf } from "./describe.ts";
import { TRAINING_STATE } from "./stored_model.ts";
import type { LazyTensorData } from "./tensor.ts";

/** What is known of a model; of others' models all but the description may be missing. */
export interface CardFacts {
  /** Heading. */
  readonly title: string;
  readonly description: Pick<ModelDescription, "parameters" | "parts">;
  /** `config.json` of the model as it was saved. */
  readonly config?: Json | undefined;
  /** Options of its run. */
  readonly run?: Json | undefined;
  /** Where the run was when it saved. */
  readonly state?: Json | undefined;
  /** Newest line of the run's log up to then. */
  readonly losses?: Json | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** A task as a fine-tuned model's configuration has it. */
interface TaskFacts {
  readonly name: string;
  readonly kind: string;
  readonly labels: readonly { readonly name: string; readonly chinese?: string }[];
}

/** What hubs call the kinds of tasks. */
const PIPELINES: Readonly<Record<string, string>> = {
  classification: "text-classification",
  entities: "token-classification",
  relations: "token-classification",
};

/** Options that tell how a model came to be, in the order of the table. */
const TOLD = [
  ...["objective", "preset", "model_name_or_path", "model", "packing", "batch_size"],
  ...[
    "gradient_accumulation_steps",
    "max_seq_length",
    "long",
    "scheme",
    "learning_rate",
    "lr_scheduler_type",
  ],
  ...["warmup_steps", "warmup_proportion", "weight_decay", "max_grad_norm", "mlm_prob", "layerwise_lr_decay"],
  ...["rdrop_alpha", "fgm_epsilon", "ema_decay", "class_weights", "fold"],
];
/** Numbers of a log line that are no losses or shares of right answers. */
const UNTOLD = /seconds|second$|memory|epoch|step|batch|grad_norm|lr$|rate$|share|skipped|kind/;

/**
 * Writes a model card.
 *
 * @returns Markdown with a YAML head: language, tags, the kind of task, the score on dev.
 *
 * @example
 * ```ts
 * import { modelCard } from "./model_card.ts";
 * const description = { parameters: 1000, parts: [{ part: "model", what: "encoder", parameters: 1000 }] };
 * console.log(modelCard({ title: "mine", description }));
 * ```
 */
export function modelCard(facts: CardFacts): string {
  const { title, config } = facts, task = config?.task as TaskFacts | undefined;
  const sections = [
    introduction(facts, task),
    ["## Use", "", ...usage(title, task)],
    training(facts),
    results(facts, task),
    limits(task),
  ];
  return [head(facts, task), `# ${title}`, ...sections.map((lines) => lines.join("\n"))].join("\n\n") + "\n";
}

function head({ title, state }: CardFacts, task: TaskFacts | undefined): string {
  const pipeline = task ? PIPELINES[task.kind] : undefined, best = scoreOf(state);
  return [
    "---",
    "language: zh",
    "library_name: transformers",
    ...(pipeline ? [`pipeline_tag: ${pipeline}`] : []),
    "tags: [medical, electra, ernie-health]",
    ...(best && task
      ? [
        "model-index:",
        `  - name: ${JSON.stringify(title)}`,
        "    results:",
        `      - task: { type: ${pipeline ?? "other"} }`,
        `        dataset: { name: ${JSON.stringify(task.name)}, type: ${
          JSON.stringify(task.name)
        }, split: dev }`,
        `        metrics: [{ type: ${JSON.stringify(best.metric)}, value: ${best.value} }]`,
      ]
      : []),
    "---",
  ].join("\n");
}

function introduction(
  { description: { parameters, parts }, config, run }: CardFacts,
  task: TaskFacts | undefined,
) {
  const encoder = (config?.discriminator ?? config) as Json | undefined;
  const size = encoder?.hidden_size
    ? `, ${count(encoder.num_hidden_layers)} layers of ${count(encoder.hidden_size)}, ` +
      `${count(encoder.vocab_size)} tokens in the vocabulary`
    : "";
  const how = task
    ? `fine-tuned on ${task.name} (${task.kind})`
    : run
    ? `pretrained by the objective ${run.objective ?? "ernie-health"}`
    : "converted from other weights";
  return [
    `An ELECTRA encoder for Chinese medical text, ${how}: ${count(parameters)} parameters${size}.`,
    "",
    "| part | | parameters |",
    "| --- | --- | --- |",
    ...parts.map(({ part, what, parameters }) => `| ${part} | ${what} | ${count(parameters)} |`),
    ...(task && task.labels.length > 0
      ? [
        "",
        `Labels: ${
          task.labels.map(({ name, chinese }) => chinese ? `${name} ${chinese}` : name).join(", ")
        }.`,
      ]
      : []),
  ];
}

function usage(title: string, task: TaskFacts | undefined): string[] {
  const model = task?.kind === "classification" ? "AutoModelForSequenceClassification" : "AutoModel";
  return [
    "```python",
    `from transformers import ${model}, AutoTokenizer`,
    "",
    `tokenizer = AutoTokenizer.from_pretrained(${JSON.stringify(title)})`,
    `model = ${model}.from_pretrained(${JSON.stringify(title)})`,
    "```",
    "",
    task
      ? `With ERNIE-Health in Deno: \`deno task predict FOLDER --input FILE\`, \`deno task export FOLDER\`.`
      : `With ERNIE-Health in Deno: \`deno task finetune --model FOLDER --dataset NAME\`.`,
  ];
}

function training({ run, state }: CardFacts): string[] {
  if (!run) return ["## Training", "", "Unknown: there is no `run.json` beside the weights."];
  const data = run.input_dir ?? run.data_dir, checksum = state?.corpus ?? state?.data;
  const versions = state?.versions as Json | undefined;
  const options = TOLD.filter((name) => ![undefined, 0, "none"].includes(run[name] as never))
    .map((
      name,
    ) => [`\`${name}\``, name.startsWith("model") ? basename(String(run[name])) : String(run[name])]);
  const rows = [
    ...(data === undefined ? [] : [["data", basename(String(data))]]),
    ...(checksum === undefined ? [] : [["SHA-256 of the data", String(checksum)]]),
    ["updates", count(state?.global_step ?? "unknown")],
    ["precision", String(state?.precision ?? "float32")],
    ["seed", String(run.seed)],
    ...options,
    ...Object.entries(versions ?? {}).map(([name, version]) => [name, String(version)]),
  ];
  return ["## Training", "", "| | |", "| --- | --- |", ...rows.map((cells) => `| ${cells.join(" | ")} |`)];
}

function results({ state, losses }: CardFacts, task: TaskFacts | undefined): string[] {
  const best = scoreOf(state);
  const numbers = Object.entries(losses ?? {}).filter(([name, value]) =>
    typeof value === "number" && !UNTOLD.test(name)
  );
  const lines = [
    ...(best
      ? [`${best.metric} on dev of ${task?.name ?? "its data"}: **${(100 * best.value).toFixed(2)}**.`]
      : []),
    ...(numbers.length > 0
      ? [
        `In training, before it was saved: ${
          numbers.map(([name, value]) => `${name} ${(value as number).toFixed(4)}`).join(", ")
        }.`,
      ]
      : []),
  ];
  return [
    "## Results",
    "",
    ...(lines.length > 0 ? lines : ["Unknown: the run left no numbers beside the weights."]),
  ];
}

function limits(task: TaskFacts | undefined): string[] {
  return [
    "## Limits",
    "",
    "- Not a medical device: its answers need a clinician's judgement, and it has not been tested for that use.",
    task
      ? "- The score is that of dev, by which the checkpoint may have been chosen; a test set tells less."
      : "- Pretrained alone it answers nothing; fine-tune it, and evaluate it on your own data.",
    "- Texts that differ from its training data (other hospitals, dialects, traditional characters) were not evaluated.",
    "- Its licence follows from that of the data, which the run does not know.",
  ];
}

function scoreOf(state: Json | undefined): { metric: string; value: number } | undefined {
  const progress = (state?.progress ?? state) as Json | undefined;
  const best = progress?.best as { score?: { metric: string; value: number } } | undefined;
  return best?.score;
}

function count(value: unknown): string {
  return typeof value === "number" ? value.toLocaleString("en") : String(value);
}

/**
 * Gathers what a model's run left beside it.
 *
 * @param folder The model's: `config.json`, `run.json` and the state of training there, the log in the folder above.
 */
export async function readCardFacts(
  folder: string,
): Promise<Pick<CardFacts, "config" | "run" | "state" | "losses">> {
  const json = async (name: string): Promise<Json | undefined> => {
    const text = await Deno.readTextFile(join(folder, name)).catch(() => undefined); // others' models have none
    return text === undefined ? undefined : JSON.parse(text);
  };
  const [config, run, state] = [
    await json("config.json"),
    await json("run.json"),
    await json(join(TRAINING_STATE, "run_states.json")),
  ];
  return { config, run, state, losses: await newestLosses(dirname(folder), state?.global_step) };
}

/**
 * The card of a model that a run is about to save.
 *
 * @param runFolder The run's: its name becomes the title, its log tells the losses.
 */
export async function cardOfRun(
  runFolder: string,
  { tensors, ...facts }: Required<Pick<CardFacts, "config" | "run" | "state">> & {
    readonly tensors: ReadonlyMap<string, Pick<LazyTensorData, "shape">>;
  },
): Promise<string> {
  const losses = await newestLosses(runFolder, facts.state?.global_step);
  return modelCard({ ...facts, title: basename(resolve(runFolder)), description: partsOf(tensors), losses });
}

const LOG_TAIL = 1 << 16; // bytes in which the newest line is

async function newestLosses(folder: string, step: unknown): Promise<Json | undefined> {
  if (typeof step !== "number") return undefined;
  const lines = (await endOf(join(folder, "train.jsonl"))).split("\n").slice(0, -1);
  const line = lines.findLast((line) => {
    const match = /^\{"kind":"training","step":(\d+)/.exec(line);
    return match && Number(match[1]) <= step;
  });
  return line === undefined ? undefined : JSON.parse(line);
}

/** The last lines of a log; none, where there is no log. */
async function endOf(path: string): Promise<string> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat(), bytes = new Uint8Array(Math.min(size, LOG_TAIL));
    await file.seek(-bytes.length, Deno.SeekMode.End);
    for (let filled = 0; filled < bytes.length;) {
      filled += await file.read(bytes.subarray(filled)) ?? Infinity;
    }
    return new TextDecoder().decode(bytes);
  } catch {
    return "";
  }
}
