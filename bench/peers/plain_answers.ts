/**
 * Answers that take no learning of a model's: what is commonest, and for each kind of task what characters alone tell.
 *
 * @module
 */
import {
  type AnswerOf,
  type ExampleOf,
  lowerCharacters,
  type NormalizationExample,
  type RelationExample,
  type Task,
  type TaskKind,
  TermIndex,
} from "../../lib/cblue/mod.ts";
import { classifyByBag, tagByBag } from "./character_bag.ts";

type Answers<K extends TaskKind> = AnswerOf[K][];
type Answerer<K extends TaskKind> = (
  task: Task<K>,
  train: readonly ExampleOf[K][],
  dev: readonly ExampleOf[K][],
  terms: readonly string[] | undefined,
) => Answers<K>;

/** The commonest answer for all: a label or a term; where answers are sets, none. */
export const MAJORITY: { readonly [K in TaskKind]: Answerer<K> } = {
  classification(_, train, dev) {
    const label = commonest(train.map(({ label }) => label!))!;
    return dev.map(() => ({ label }));
  },
  entities: (_, _train, dev) => dev.map(() => []),
  relations: (_, _train, dev) => dev.map(() => []),
  normalization(_, train, dev) {
    const term = commonest(train.flatMap(({ terms }) => terms!))!;
    return dev.map(() => [term]);
  },
};

/** What characters alone tell: logistic regression on bags of them, known names, the most similar term. */
export const CHARACTERS: { readonly [K in TaskKind]: Answerer<K> } = {
  classification: classifyByBag,
  entities: tagByBag,
  relations: relateKnownNames,
  normalization: (_, train, dev, terms) => nearestTerms(terms!, train, dev),
};

/** How {@linkcode MAJORITY} and {@linkcode CHARACTERS} are called whatever the kind. */
export type PlainAnswerer = Answerer<TaskKind>;

const NONE = "";

/**
 * Finds names that training has, the longest first, and gives each pair of a subject and an object what held most often between
 * names of their types that stood in one text, which may be nothing.
 */
function relateKnownNames(
  _: Pick<Task, "labels">,
  train: readonly RelationExample[],
  dev: readonly RelationExample[],
): AnswerOf["relations"][] {
  const triples = train.flatMap(({ triples }) => triples!);
  const typesOf = Map.groupBy(
    triples.flatMap((one) => [[one.subject, one.subjectType], [one.object, one.objectType]] as const),
    ([name]) => lower(name),
  );
  const types = new Map([...typesOf].map(([name, all]) => [name, commonest(all.map(([, type]) => type))!]));
  const subjectTypes = new Set(triples.map(({ subjectType }) => subjectType));
  const longest = Math.max(...[...types.keys()].map((name) => [...name].length));
  const pairsOf = (text: string) => {
    const found = namesIn(text, types, longest);
    return found.flatMap((subject) =>
      found.filter((object) => object !== subject && subjectTypes.has(types.get(lower(subject))!))
        .map((object) => ({
          subject,
          object,
          key: `${types.get(lower(subject))}\n${types.get(lower(object))}`,
        }))
    );
  };
  const seen = train.flatMap(({ text, triples }) =>
    pairsOf(text).map(({ subject, object, key }) => {
      const holds = triples!.find((one) =>
        lower(one.subject) === lower(subject) && lower(one.object) === lower(object)
      );
      return { key, predicate: holds?.predicate ?? NONE };
    })
  );
  const usual = new Map(
    [...Map.groupBy(seen, ({ key }) => key)]
      .map(([key, all]) => [key, commonest(all.map(({ predicate }) => predicate))!]),
  );
  return dev.map(({ text }) =>
    pairsOf(text).map(({ subject, object, key }) => ({ subject, object, predicate: usual.get(key) ?? NONE }))
      .filter(({ predicate }) => predicate !== NONE)
  );
}

/** Known names in a text, each once, as the text spells them. */
function namesIn(text: string, known: ReadonlyMap<string, unknown>, longest: number): string[] {
  const characters = [...text], lowered = lowerCharacters(text), found = new Set<string>();
  for (let start = 0; start < characters.length;) {
    let length = Math.min(longest, characters.length - start);
    while (length > 0 && !known.has(lowered.slice(start, start + length).join(""))) length--;
    if (length > 0) found.add(characters.slice(start, start + length).join(""));
    start += Math.max(1, length);
  }
  return [...found];
}

/** The term that has most characters and pairs of them in common, training's spellings included. */
function nearestTerms(
  terms: readonly string[],
  train: readonly NormalizationExample[],
  dev: readonly NormalizationExample[],
): string[][] {
  const aliases = train.flatMap(({ text, terms }) => terms!.map((term) => [text, term] as const));
  const index = new TermIndex(terms, { aliases });
  return dev.map(({ text }) => index.search(text, 1, { parts: false }).map(({ term }) => term));
}

function commonest<T>(items: readonly T[]): T | undefined {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}

function lower(name: string): string {
  return lowerCharacters(name).join("");
}
