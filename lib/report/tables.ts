/**
 * The facts of runs side by side, as rows of text.
 *
 * @module
 */
import { formatDuration } from "../config/mod.ts";
import { PANELS } from "./panels.ts";
import type { RunFolder } from "./run_folder.ts";

/** One row of a table: a name, and a text for each run. */
export interface TableRow {
  name: string;
  values: string[];
}

const NOTHING = "–";
const count = (value: number) => value.toLocaleString("en-US");

/** How far the runs are, on what and with what. */
export function factRows(runs: readonly RunFolder[]): TableRow[] {
  return rows(runs, {
    Progress: progress,
    Epochs: ({ training }) => training.at(-1)?.epochs?.toFixed(2),
    "Training time": ({ training }) =>
      training.length > 0 ? formatDuration(training.at(-1)!.seconds) : undefined,
    "Time left": ({ training }) =>
      training.at(-1)?.eta_seconds ? formatDuration(training.at(-1)!.eta_seconds) : undefined,
    "Best evaluation": ({ evaluation }) => {
      const scored = evaluation as unknown as readonly { step: number; score?: number; metric?: string }[];
      const top = scored.reduce(
        (a, b) => (b.score ?? -1) > (a.score ?? -1) ? b : a,
        scored[0] ?? { step: 0 },
      );
      if (top.score !== undefined) {
        return `${top.metric} ${top.score.toPrecision(5)} at step ${count(top.step)}`;
      }
      const losses = evaluation.filter(({ eval_loss }) => typeof eval_loss === "number");
      if (losses.length === 0) return undefined;
      const best = losses.reduce((a, b) => b.eval_loss! < a.eval_loss! ? b : a);
      return `${best.eval_loss!.toPrecision(5)} at step ${count(best.step)}`;
    },
    Parameters: ({ facts }) => facts?.parameters === undefined ? undefined : count(facts.parameters),
    Task: ({ facts }) => text((facts?.config.task as { name?: string } | undefined)?.name),
    Encoder: ({ facts }) => encoder(facts?.config),
    Generator: ({ facts }) => encoder(facts?.config.generator),
    Discriminator: ({ facts }) => encoder(facts?.config.discriminator),
    "Loss weights": ({ facts }) => words(facts?.config.loss_weights),
    Corpus: ({ facts }) => text(facts?.state.corpus),
    Vocabulary: ({ facts }) => text(facts?.state.vocabulary),
    Seed: ({ facts }) => text(facts?.state.seed),
    Versions: ({ facts }) => words(facts?.state.versions),
    Folder: ({ path }) => path,
  });
}

/** First and last value of each curve, and the last evaluation. */
export function valueRows(runs: readonly RunFolder[]): TableRow[] {
  return PANELS.flatMap((panel) =>
    panel.series.flatMap(({ field, label, evaluation }) => {
      const values = runs.map((run) => {
        const known = numbers(run.training, field), points = numbers(run.evaluation, evaluation);
        const write = (value: number) => formatValue(value * (panel.scale ?? 1), panel.format);
        const parts = [
          ...(known.length > 0
            ? [known.length > 1 ? `${write(known[0]!)} → ${write(known.at(-1)!)}` : write(known[0]!)]
            : []),
          ...(points.length > 0 ? [`evaluation ${write(points.at(-1)!)}`] : []),
        ];
        return parts.join("; ") || NOTHING;
      });
      const name = panel.series.length > 1 ? `${panel.title}: ${label}` : panel.title;
      return values.some((value) => value !== NOTHING) ? [{ name, values }] : [];
    })
  );
}

/** The options of the runs, those that differ first. */
export function optionRows(runs: readonly RunFolder[]): TableRow[] {
  const names = new Set(runs.flatMap(({ facts }) => Object.keys(facts?.options ?? {})));
  const all = [...names].map((name) => ({
    name,
    values: runs.map(({ facts }) => text(facts?.options[name]) ?? NOTHING),
  }));
  return [...all.filter(differs), ...all.filter((row) => !differs(row))];
}

/** Whether the runs are not alike in this. */
export function differs({ values }: TableRow): boolean {
  return new Set(values).size > 1;
}

/** A number as the axes write it. */
export function formatValue(value: number, format: string): string {
  if (format.endsWith("p")) return `${Number((100 * value).toPrecision(4))} %`;
  if (format.endsWith("e")) return value.toExponential(2);
  return Math.abs(value) >= 10_000 ? count(Math.round(value)) : String(Number(value.toPrecision(5)));
}

function rows(
  runs: readonly RunFolder[],
  table: Record<string, (run: RunFolder) => string | undefined>,
): TableRow[] {
  return Object.entries(table)
    .map(([name, value]) => ({ name, values: runs.map((run) => value(run) ?? NOTHING) }))
    .filter(({ values }) => values.some((value) => value !== NOTHING));
}

function progress({ training, totalSteps }: RunFolder): string | undefined {
  const step = training.at(-1)?.step;
  if (step === undefined) return "no records yet";
  if (!totalSteps) return `step ${count(step)}`;
  return `step ${count(step)} of ${count(totalSteps)} (${Math.floor((100 * step) / totalSteps)} %)`;
}

function encoder(config: unknown): string | undefined {
  if (typeof config !== "object" || config === null) return undefined;
  const { num_hidden_layers, hidden_size, num_attention_heads, vocab_size } = config as Record<
    string,
    unknown
  >;
  if (num_hidden_layers === undefined) return undefined; // a pair of encoders, each with its own
  return `${num_hidden_layers} layers of ${hidden_size}, ${num_attention_heads} heads, ${vocab_size} tokens`;
}

function numbers(records: readonly object[], field: string | undefined): number[] {
  if (field === undefined) return [];
  return records.map((record) => (record as Record<string, unknown>)[field])
    .filter((value) => typeof value === "number");
}

/** `{ tensorflow: "2.15", deno: "2.9" }` as "tensorflow 2.15, deno 2.9". */
function words(values: unknown): string | undefined {
  if (typeof values !== "object" || values === null) return undefined;
  return Object.entries(values).map(([name, value]) => `${name} ${text(value)}`).join(", ");
}

function text(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}
