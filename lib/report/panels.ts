/**
 * The curves of the page, a row each.
 *
 * @module
 */

/** One curve of a panel. */
export interface PanelSeries {
  /** Field of the training records. */
  field: string;
  /** What it is called where a panel has several. */
  label: string;
  /** Field of the evaluation records that is shown as points. */
  evaluation?: string;
}

/** One panel of the page. */
export interface Panel {
  title: string;
  /** What it tells, in a few words. */
  help: string;
  series: readonly PanelSeries[];
  /** How values are written, as d3-format spells it. */
  format: string;
  /** Factor from the field's unit to the panel's. */
  scale?: number;
  /** Whether the panel follows the switch to a logarithmic axis. */
  logarithmic?: boolean;
  /** Whether the curve is as it is however much others are smoothed: it has no noise. */
  exact?: boolean;
  /** Whether the panel is shown only if there is a number other than 0. */
  unlessZero?: boolean;
}

const loss = (title: string, field: string, help: string, evaluation = `eval_${field}`): Panel => ({
  title,
  help,
  series: [{ field, label: "training", evaluation }],
  format: ".4~g",
  logarithmic: true,
});

const share = (title: string, field: string, help: string): Panel => ({
  title,
  help,
  series: [{ field, label: "training", evaluation: `eval_${field}` }],
  format: ".3~p",
});

/** All panels in their order; those without numbers are left out of a page. */
export const PANELS: readonly Panel[] = [
  loss("Total loss", "avg_loss", "Weighted sum of the losses", "eval_loss"),
  {
    title: "Dev score",
    help: "The task's own metric, on the dev set; of classification, the accuracy on training batches too",
    series: [{ field: "accuracy", label: "training", evaluation: "score" }],
    format: ".4~p",
  },
  loss("Loss of symptoms", "symptoms", "Of the channel of symptoms"),
  loss("Loss of other entities", "others", "Of the channel of all other entities"),
  loss("Loss of entities", "entities", "Where entities begin and end"),
  loss("Loss of relations", "relations", "Which entities are related, and how"),
  loss("Loss of ends", "ends", "Where entities begin and end"),
  loss("Loss of pairs", "pairs", "Which ends belong together"),
  loss("Generator loss", "generator", "Masked language modelling"),
  loss("Replaced-token detection loss", "rtd", "Which tokens did the generator replace?"),
  loss("Multi-token selection loss", "multi_choice", "Which candidate was the original token?"),
  loss(
    "Contrastive sequence prediction loss",
    "seq_contrastive_loss",
    "Which is the other view of a sentence?",
  ),
  share("Generator accuracy", "generator_accuracy", "Masked tokens restored"),
  {
    title: "Replaced-token detection",
    help: "Of the tokens taken for replaced ones, those that are; of the replaced ones, those found",
    series: [
      { field: "rtd_precision", label: "precision", evaluation: "eval_rtd_precision" },
      { field: "rtd_recall", label: "recall", evaluation: "eval_rtd_recall" },
    ],
    format: ".3~p",
  },
  share("Multi-token selection accuracy", "mts_accuracy", "Replaced tokens whose original was chosen"),
  share("Contrastive prediction accuracy", "csp_accuracy", "Views whose nearest is the other view"),
  share(
    "Replaced rate",
    "replaced_rate",
    "Tokens that the generator replaced, of all; near 0 there is nothing to detect",
  ),
  {
    title: "Learning rate",
    help: "Of the next update",
    series: [{ field: "lr", label: "learning rate" }],
    format: ".3~e",
    exact: true,
  },
  {
    title: "Gradient norm",
    help: "Before clipping; peaks come before losses that diverge",
    series: [{ field: "grad_norm", label: "gradient norm" }],
    format: ".3~g",
    logarithmic: true,
  },
  {
    title: "Loss scale",
    help: "Falls when float16 overflows",
    series: [{ field: "loss_scale", label: "loss scale" }],
    format: ".3~s",
    logarithmic: true,
    exact: true,
  },
  {
    title: "Skipped steps",
    help: "Steps since the line before that left the weights as they were",
    series: [{ field: "skipped", label: "skipped" }],
    format: ".3~g",
    exact: true,
    unlessZero: true,
  },
  {
    title: "Tokens per second",
    help: "Without padding; checkpoints and evaluations included",
    series: [{ field: "tokens_per_second", label: "tokens per second" }],
    format: ".3~s",
  },
  {
    title: "Sentences per second",
    help: "Checkpoints and evaluations included",
    series: [{ field: "sentences_per_second", label: "sentences per second" }],
    format: ".3~s",
  },
  {
    title: "Fill rate",
    help: "Places in the rows that hold tokens, not padding",
    series: [{ field: "fill_rate", label: "fill rate" }],
    format: ".4~p",
  },
  {
    title: "Share of time waited for data",
    help: "Time that the device had nothing to do",
    series: [{ field: "waited_share", label: "waited" }],
    format: ".2~p",
  },
  {
    title: "Memory (GB)",
    help: "Of the process, not of a GPU",
    series: [{ field: "memory", label: "now" }, { field: "memory_peak", label: "peak" }],
    format: ".3~g",
    scale: 2 ** -30,
    exact: true,
  },
];
