/**
 * The tasks of CBLUE: their files, heads, scores and submissions.
 *
 * @module
 */
export type {
  ClassificationExample,
  Entity,
  EntityExample,
  Example,
  ExampleBase,
  ExampleOf,
  NormalizationExample,
  RelationExample,
  Span,
  TaskKind,
  Triple,
} from "./examples.ts";
export type { Label, MetricName, Recipe, Task } from "./tasks.ts";
