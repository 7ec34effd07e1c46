/** Scores of CBLUE's tasks beside the published ones. */
import type { TaskScore } from "../../cblue/mod.ts";
import { bars } from "../figures/plots.ts";
import type { Figure } from "../figures/figure.ts";
import { table } from "./table.ts";
import { View } from "./view.ts";

/**
 * A table of scores, one row a task.
 *
 * @example
 * ```ts
 * import { ScoreTable } from "./scores.ts";
 * console.log(String(new ScoreTable([])));
 * ```
 */
export class ScoreTable extends View {
  /** @param scores from `finetuneAll` */
  constructor(readonly scores: readonly TaskScore[]) {
    const percent = (share: number | undefined) => share === undefined ? null : (100 * share).toFixed(2);
    const rows = scores.map(({ task, evaluation: { score, interval, examples }, published, differs }) => ({
      task,
      metric: score.metric,
      dev: percent(score.value),
      "95 % interval": `${percent(interval.low)} – ${percent(interval.high)}`,
      published: percent(published),
      records: examples,
      "otherwise than the original's recipe": differs.join(", "),
    }));
    const mean = scores.reduce((sum, { evaluation }) => sum + evaluation.score.value, 0) / scores.length;
    const caption = `Scores on dev in percent${
      scores.length > 0 ? `; mean of ${scores.length}: ${percent(mean)}` : ""
    }`;
    const { html, text } = table(rows, { caption });
    super(html, text);
  }

  /** The scores as bars beside the published ones. */
  get figure(): Figure {
    const published = this.scores.filter((score) => score.published !== undefined);
    const dev = Object.fromEntries(this.scores.map(({ task, evaluation }) => [task, evaluation.score.value]));
    const others = Object.fromEntries(published.map(({ task, published }) => [task, published!]));
    return bars({ dev, ...(published.length > 0 && { published: others }) }, { title: "Scores on dev" });
  }
}
