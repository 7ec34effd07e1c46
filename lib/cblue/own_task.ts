/**
 * A user's own task, described by a JSON file.
 *
 * @module
 */
import { basename } from "node:path";
import { fileError, nearestName, UserError } from "../config/mod.ts";
import type { TaskKind } from "./examples.ts";
import { Fields } from "./files/fields.ts";
import type { Label, MetricName, Recipe, Split, Task } from "./tasks.ts";

/** The official task whose fields, files' layout and recipe stand in for what the description leaves out. */
const MODELS = {
  classification: "KUAKE-QIC",
  entities: "CMeEE",
  relations: "CMeIE",
  normalization: "CHIP-CDN",
} as const satisfies Record<TaskKind, string>;

/** Scores of one label a record, and of sets. */
const METRICS: readonly MetricName[] = ["accuracy", "macro-f1", "f1", "micro-f1"];
const SET_METRICS: readonly MetricName[] = ["micro-f1", "macro-f1"];
const SPLITS: readonly Split[] = ["train", "dev", "test"];
const KEYS = [
  ...["name", "like", "kind", "files", "layout", "textFields", "keyField", "answerField", "ends", "labels"],
  ...["nesting", "metric", "recipe"],
];

/**
 * Reads the description of a task.
 *
 * Its keys are those of {@linkcode Task}. Only `labels` is needed with `kind` (or with `like`, an official task to follow
 * in all else): text classification takes `textFields` of one or two names and reads `id` and `label` beside them, the
 * other kinds read what CMeEE, CMeIE and CHIP-CDN read. A label is a word, or an object with `name`, `chinese` and `aliases`.
 *
 * @param path Of the JSON file.
 * @param official Gives the official task of a name.
 * @returns The task; its name is the file's if it gives none.
 * @throws {UserError} If the file cannot be read or describes no task.
 *
 * @example
 * ```ts
 * import { findTask } from "./tasks.ts";
 * const folder = await Deno.makeTempDir();
 * const description = { kind: "classification", textFields: ["question"], labels: ["内科", "外科"] };
 * await Deno.writeTextFile(`${folder}/departments.json`, JSON.stringify(description));
 * const { name, files } = await findTask(`${folder}/departments.json`);
 * console.log(name, files.train); // departments departments_train.json
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readTask(path: string, official: (name: string) => Task): Promise<Task> {
  const place = `task "${path}"`;
  let description: unknown;
  try {
    description = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`Cannot read ${place}: ${error.message}`);
    throw fileError("read", path, error);
  }
  const fields = new Fields(description, place);
  for (const key of fields.names()) {
    if (KEYS.includes(key)) continue;
    const near = nearestName(key, KEYS);
    throw fields.error(key, near ? `did you mean "${near}"?` : `the fields are ${KEYS.join(", ")}`);
  }

  const like = fields.has("like") ? official(fields.text("like")) : undefined;
  const kind = fields.has("kind") || !like
    ? fields.choice("kind", Object.keys(MODELS) as TaskKind[])
    : like.kind;
  if (like && like.kind !== kind) {
    throw fields.error("kind", `${like.name} is a task of kind "${like.kind}"`);
  }
  const { layout, ends, nesting, ...model } = like ?? official(MODELS[kind]);
  const name = fields.has("name") ? fields.text("name") : basename(path).replace(/\.json$/i, "");
  const labels = labelsOf(fields, kind, like?.labels);
  const textFields = textFieldsOf(fields, kind) ?? (like ? like.textFields : ["text"] as const);
  return {
    name,
    kind,
    files: filesOf(fields, name),
    ...optional("layout", chosen(fields, "layout", ["json", "jsonl", "tsv"]) ?? layout),
    textFields,
    keyField: fields.has("keyField")
      ? fields.text("keyField")
      : model.keyField === model.textFields[0]
      ? textFields[0]
      : model.keyField,
    answerField: fields.has("answerField") ? fields.text("answerField") : model.answerField,
    ...optional("ends", chosen(fields, "ends", ["inclusive", "exclusive"]) ?? ends),
    ...optional("nesting", nestingOf(fields, labels, nesting)),
    labels,
    metric: chosen(fields, "metric", kind === "classification" ? METRICS : SET_METRICS) ?? model.metric,
    recipe: recipeOf(fields, model.recipe),
  };
}

function textFieldsOf(fields: Fields, kind: TaskKind): Task["textFields"] | undefined {
  if (!fields.has("textFields")) return undefined;
  const [first, second, ...rest] = fields.list("textFields");
  if (typeof first !== "string" || !["string", "undefined"].includes(typeof second) || rest.length > 0) {
    throw fields.error("textFields", "expected the names of one field or two");
  }
  if (kind !== "classification" && second !== undefined) {
    throw fields.error("textFields", `a task of kind "${kind}" has one text`);
  }
  return second === undefined ? [first] : [first, second as string];
}

function filesOf(fields: Fields, name: string): Task["files"] {
  const given = fields.has("files") ? fields.object("files") : undefined;
  const file = (split: Split) => given?.has(split) ? given.text(split) : `${name}_${split}.json`;
  for (const key of given?.names() ?? []) {
    if (!SPLITS.includes(key as Split)) throw given!.error(key, `the files are ${SPLITS.join(", ")}`);
  }
  return { train: file("train"), dev: file("dev"), test: file("test") };
}

function labelsOf(fields: Fields, kind: TaskKind, official: readonly Label[] | undefined): readonly Label[] {
  if (kind === "normalization") return [];
  if (!fields.has("labels") && official) return official;
  const labels = fields.list("labels").map((label, i): Label => {
    if (typeof label === "string" || typeof label === "number") return { name: String(label) };
    const one = fields.object("labels", i);
    return {
      name: one.word("name"),
      ...optional("chinese", one.has("chinese") ? one.text("chinese") : undefined),
      ...optional("aliases", one.has("aliases") ? one.list("aliases").map(String) : undefined),
    };
  });
  const spellings = labels.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  const twice = spellings.find((spelling, i) => spellings.indexOf(spelling) < i);
  if (twice !== undefined) throw fields.error("labels", `"${twice}" is there twice`);
  if (labels.length < (kind === "classification" ? 2 : 1)) throw fields.error("labels", "there are too few");
  return labels;
}

/** Those that are named; else the official task's, as far as its types are there. */
function nestingOf(
  fields: Fields,
  labels: readonly Label[],
  official: readonly string[] | undefined,
): readonly string[] | undefined {
  const isLabel = (type: unknown) => labels.some(({ name }) => name === type);
  if (!fields.has("nesting")) return official?.every(isLabel) ? official : undefined;
  const types = fields.list("nesting"), other = types.findIndex((type) => !isLabel(type));
  if (other >= 0) {
    throw fields.error(`nesting[${other}]`, `${JSON.stringify(types[other])} is none of the labels`);
  }
  return types as string[];
}

function recipeOf(fields: Fields, { published: _, ...recipe }: Recipe): Recipe {
  if (!fields.has("recipe")) return recipe;
  const given = fields.object("recipe");
  for (const key of given.names()) {
    if (!Object.hasOwn(recipe, key)) {
      throw given.error(key, `the fields are ${Object.keys(recipe).join(", ")}`);
    }
  }
  const own = given.names().map((key) => {
    const isCount = key === "batchSize" || key === "maxSeqLength";
    return [key, isCount ? given.count(key, 1) : given.positive(key)];
  });
  return { ...recipe, ...Object.fromEntries(own) };
}

function chosen<const C extends string>(fields: Fields, name: string, choices: readonly C[]): C | undefined {
  return fields.has(name) ? fields.choice(name, choices) : undefined;
}

/** A property if it has a value, else none. */
function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { [key in K]: V };
}
