/**
 * Notebooks: figures, tables, tokens in colour, progress, the Stop button; outside a notebook the same as text and files.
 *
 * Importing it gives tensors, corpora, models and vocabularies a look of their own, and keeps Stop from ending the kernel.
 *
 * @module
 */
import { registerDisplays } from "./displays.ts";

export {
  bundleOf,
  DISPLAY,
  type Displayable,
  kernel,
  type MediaBundle,
  show,
  type ShowOptions,
  turn,
} from "./media.ts";
export { Figure, type Layout, PALETTE, type Trace } from "./figures/figure.ts";
export {
  bars,
  type Curve,
  heatmap,
  type HeatmapOptions,
  type Numbers,
  plot,
  type PlotOptions,
} from "./figures/plots.ts";
export { rowsFigure } from "./figures/rows.ts";
export { LivePlot, type LivePlotOptions } from "./live.ts";
export { Progress, type ProgressOptions } from "./progress.ts";
export { onStop } from "./stop.ts";
export { View } from "./views/view.ts";
export { table, type TableOptions } from "./views/table.ts";
export { type MarkedToken, type TokenKind, type TokenLine, tokenLines, wordLines } from "./views/tokens.ts";
export {
  entityView,
  type NamedSpan,
  type NamedTriple,
  relationView,
  type SpanOptions,
} from "./views/spans.ts";
export { maskedSentences } from "./views/masks.ts";
export { parameterTable } from "./views/parameters.ts";
export { ScoreTable } from "./views/scores.ts";
export { errorBrowser, type ErrorBrowserOptions } from "./views/errors.ts";
export { examinedSentences } from "./views/examined.ts";
export { type CorpusSource, prepareCorpus, type PreparedCorpus } from "./models/prepared_corpus.ts";
export { AttentionMaps } from "./models/attention.ts";
export {
  type ExaminedToken,
  type ExamineOptions,
  PretrainingModel,
  type Proposal,
} from "./models/pretraining_model.ts";

registerDisplays();
