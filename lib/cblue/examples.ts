/**
 * What the tasks of CBLUE consist of, whatever file they come from.
 *
 * Places in a text count Unicode code points from 0, as Python does and the official files do; ends are exclusive.
 *
 * @module
 */

/** A stretch of a text. */
export interface Span {
  readonly start: number;
  /** Behind the last character. */
  readonly end: number;
}

/** A stretch of a text that names something of a type. */
export interface Entity extends Span {
  readonly type: string;
}

/** Two things named in a text and what holds between them, as the official files write it: without places. */
export interface Triple {
  readonly subject: string;
  readonly subjectType: string;
  readonly predicate: string;
  readonly object: string;
  readonly objectType: string;
}

/** What every example has. */
export interface ExampleBase {
  /** By what a prediction is matched with its example: the record's `id`, or its text where records have no id. */
  readonly key: string;
  /** The record as it was read, for submissions. */
  readonly record: Readonly<Record<string, unknown>>;
}

/** One text or two, and which of the task's labels they have. */
export interface ClassificationExample extends ExampleBase {
  readonly texts: readonly [string] | readonly [string, string];
  /** Undefined in files without answers, as are the answers below. */
  readonly label: string | undefined;
}

/** A text and what is named in it. */
export interface EntityExample extends ExampleBase {
  readonly text: string;
  readonly entities: readonly Entity[] | undefined;
}

/** A text and what it says of the things named in it. */
export interface RelationExample extends ExampleBase {
  readonly text: string;
  readonly triples: readonly Triple[] | undefined;
}

/** A clinician's words for one or several things, and the standard terms for these. */
export interface NormalizationExample extends ExampleBase {
  readonly text: string;
  readonly terms: readonly string[] | undefined;
}

/** The examples of each kind of task. */
export interface ExampleOf {
  readonly classification: ClassificationExample;
  readonly entities: EntityExample;
  readonly relations: RelationExample;
  readonly normalization: NormalizationExample;
}

/** What a task asks for; it decides about head, decoder and metric. */
export type TaskKind = keyof ExampleOf;

/** An example of some kind. */
export type Example = ExampleOf[TaskKind];
