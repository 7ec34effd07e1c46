/** A corpus as a picture: its sentences and its words by length. */
import {
  axes,
  card,
  colour,
  formatCount,
  formatShare,
  type LinearScale,
  linearScale,
  panel,
  round,
  text,
} from "../chart/mod.ts";
import type { Inspection } from "./inspect.ts";

const picture = { width: 888, height: 356 };
const plot = { width: 356, height: 160, left: 60, top: 132, columnStep: 444 }; // pixels
const SLOT = 1 / 14; // share of the plot for the bar of all longer sentences
const MOST_WORD_BARS = 6;

/**
 * Draws the length histogram and the words by length as bars from zero.
 *
 * @param inspection the corpus's numbers
 * @param title heading of the picture
 * @returns an SVG document; same numbers, same bytes
 */
export function inspectionPicture(inspection: Inspection, title: string): string {
  const { sentences, tokens, unknown } = inspection;
  const subtitle = `${formatCount(sentences)} sentences, ${formatCount(tokens)} tokens, ${
    formatShare(unknown.share)
  } of them [UNK]`;
  return card(picture, title, subtitle, [lengthPanel(inspection), wordPanel(inspection)]);
}

function lengthPanel({ lengths }: Inspection): string {
  const { width, height } = plot;
  const { histogram: { width: tokens, bins, longer }, mean, median, percentile_95, max } = lengths;
  const end = longer > 0 ? width * (1 - 1.5 * SLOT) : width;
  const x = linearScale([0, bins.length * tokens], [0, end]);
  const y = fromZero(Math.max(...bins, longer));
  const bars = bins.map((value, i) => bar(x(i * tokens), x((i + 1) * tokens), value, y));
  const rest = longer > 0
    ? [
      bar(width * (1 - SLOT), width, longer, y, colour.band),
      text(
        round(width * (1 - SLOT / 2)),
        height + 19,
        `> ${formatCount(bins.length * tokens)}`,
        `text-anchor="middle"`,
      ),
    ]
    : [];
  const note =
    `mean ${mean.toFixed(1)}, median ${formatCount(median)}, 95 % at most ${formatCount(percentile_95)}, ` +
    `longest ${formatCount(max)}`;
  const ticks = x.ticks(6).filter((value) =>
    Number.isInteger(value) && x(value) <= end - (longer > 0 ? 12 : 0)
  );
  return panel({ left: plot.left, top: plot.top }, "Sentences by length", note, [
    ...axes(x, y, { width, height, label: "tokens in a sentence", ticks }),
    ...bars,
    ...rest,
    marker(x(median), 12, "median"),
    marker(x(percentile_95), 28, "95 %"),
  ]);
}

function wordPanel({ words, sampled, sentences }: Inspection): string {
  const { width, height } = plot;
  const values = words.by_length.slice(0, MOST_WORD_BARS);
  const longer = words.by_length.slice(MOST_WORD_BARS).reduce((sum, value) => sum + value, 0);
  const labels = values.map((_, i) => String(i + 1));
  if (longer > 0) {
    values.push(longer);
    labels.push(`> ${MOST_WORD_BARS}`);
  }
  const x = linearScale([0.5, Math.max(values.length, 4) + 0.5], [0, width]);
  const y = fromZero(Math.max(...values));
  const bars = values.map((value, i) =>
    bar(x(i + 0.65), x(i + 1.35), value, y, i === MOST_WORD_BARS ? colour.band : colour.line) +
    text(
      round(x(i + 1)),
      round(y(value) - 5),
      shortShare(value / words.total),
      `font-size="11" text-anchor="middle"`,
    )
  );
  const heading = sampled < sentences
    ? `Words by length, in ${formatCount(sampled)} sentences`
    : "Words by length";
  const note = `tokens in words of 2 or more: ${formatShare(words.share_in_2_or_more)}, ` +
    `of more than 4: ${formatShare(words.share_in_more_than_4)}`;
  return panel({ left: plot.left + plot.columnStep, top: plot.top }, heading, note, [
    ...axes(x, y, {
      width,
      height,
      label: "tokens in a word",
      ticks: values.map((_, i) => i + 1),
      spell: (value) => labels[value - 1]!,
    }),
    ...bars,
  ]);
}

/** A share that fits on its bar. */
function shortShare(share: number): string {
  return share > 0 && share < 0.001 ? "<0.1 %" : formatShare(share);
}

/** Bars begin at zero, or their heights would not compare. */
function fromZero(greatest: number): LinearScale {
  return linearScale([0, greatest], [plot.height, 0]).nice(4);
}

/** A vertical line with its name beside it. */
function marker(at: number, baseline: number, name: string): string {
  const stroke = `stroke="${colour.ink}" stroke-dasharray="3 3"`;
  return `<path d="M${round(at)} 0V${plot.height}" ${stroke}/>` + text(round(at + 5), baseline, name);
}

function bar(from: number, to: number, value: number, y: LinearScale, fill: string = colour.line): string {
  const [left, top] = [round(from), round(y(value))];
  const [width, height] = [round(to - 1) - left, plot.height - top];
  return `<rect x="${left}" y="${top}" width="${round(Math.max(1, width))}" height="${
    round(height)
  }" fill="${fill}"/>`;
}
