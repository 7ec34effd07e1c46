/** Batches as pictures: how sentences lie in rows, and what is padding. */
import { type Batch, IGNORED_LABEL } from "../../packing/mod.ts";
import { Figure } from "./figure.ts";

const PADDING = 0, ODD = 1, EVEN = 2, MASKED = 3;
const COLOURS = ["#f0f1f3", "#9cc4ee", "#f3b48c", "#1f2328"];
const MEANINGS = ["padding", "a sentence", "the next one", "masked"];
const MOST_ROWS = 24;

/**
 * Draws the rows of a batch, token by token: neighbouring sentences differ in colour, masked tokens are dark.
 *
 * @param batch from `openBatches`; its first view is drawn
 * @param title heading; the share of slots that hold a token is added
 * @returns a figure
 */
export function rowsFigure(batch: Batch, title: string): Figure {
  const { layout: { groups }, segmentIds, labels, tokens, rawIds } = batch;
  const rows: number[][] = [];
  let start = 0;
  for (const { rows: count, width } of groups) {
    for (let row = 0; row < count / 2; row++) { // the second half is the other view
      const slots = Array.from({ length: width }, (_, i) => start + row * width + i);
      rows.push(slots.map((slot) => {
        if (segmentIds[slot] === 0) return PADDING;
        return labels[slot] !== IGNORED_LABEL ? MASKED : segmentIds[slot]! % 2 === 1 ? ODD : EVEN;
      }));
    }
    start += count * width;
  }
  const shown = rows.slice(0, MOST_ROWS);
  const colorscale = COLOURS.flatMap((colour, i) => [[i / 4, colour], [(i + 1) / 4, colour]]);
  const trace = {
    type: "heatmap",
    z: shown,
    zmin: -0.5,
    zmax: 3.5,
    colorscale,
    colorbar: { tickvals: [...MEANINGS.keys()], ticktext: MEANINGS },
    xgap: shown[0]!.length > 80 ? 0 : 1,
    ygap: 2,
  };
  const share = (100 * tokens / rawIds.length).toFixed(0);
  const more = rows.length > MOST_ROWS ? `, ${MOST_ROWS} of ${rows.length} rows` : "";
  return new Figure([trace], {
    title: { text: `${title}: ${share} % of the slots are tokens${more}` },
    height: 140 + 12 * shown.length,
    xaxis: { title: { text: "slot" }, showgrid: false },
    yaxis: { title: { text: "row" }, autorange: "reversed", showgrid: false },
  });
}
