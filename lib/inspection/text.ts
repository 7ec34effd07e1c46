/** A corpus as text for a terminal: numbers, bars, sentences with their words and masks. */
import { columns, formatCount, formatShare, textBars } from "../chart/mod.ts";
import type { Inspection } from "./inspect.ts";
import type { ExampleSentence, MaskedToken } from "./examples.ts";
import type { Report } from "./report.ts";

const MOST_WORD_ROWS = 8;
const MOST_UNKNOWN = 20;
const MOST_BAD_LINES = 5;
const MOST_TOKENS = 120; // of an example

const plural = (value: number, unit: string) => `${formatCount(value)} ${unit}${value === 1 ? "" : "s"}`;

/**
 * Writes the numbers of a corpus.
 *
 * @param inspection what was counted
 * @returns lines, with bars of block characters
 */
export function inspectionText(inspection: Inspection): string {
  const { lengths, cut, words, sampled, unknown, terms, report } = inspection;
  const share = (part: number) => formatShare(part / inspection.sentences);
  const rows: [string, string][] = [
    ["Sentences", formatCount(inspection.sentences) + pairsNote(inspection)],
    ["Tokens", formatCount(inspection.tokens)],
    [
      "Length",
      `mean ${lengths.mean.toFixed(1)}, median ${formatCount(lengths.median)}, ` +
      `95 % at most ${formatCount(lengths.percentile_95)}, longest ${formatCount(lengths.max)} tokens`,
    ],
    [
      "Cut",
      `${plural(cut.sentences, "sentence")} (${share(cut.sentences)}) longer than the ` +
      `${cut.max_seq_length - 2} tokens of a row with --max_seq_length ${cut.max_seq_length}`,
    ],
    ["Unknown", `${formatShare(unknown.share)} of tokens are [UNK]`],
    [
      "Words",
      `${formatShare(words.share_in_2_or_more)} of tokens in words of 2 or more, ` +
      `${formatShare(words.share_in_more_than_4)} in words of more than 4`,
    ],
    ...(terms === null ? [] : [["Terms", termsText(terms)] as [string, string]]),
    ...(report === null ? [] : [["Made with", madeWith(report)] as [string, string]]),
  ];
  const sections = [
    rows.map(([name, value]) => `${name.padEnd(10)}  ${value}`),
    ["Sentences by length, in tokens", ...lengthBars(inspection)],
    ["Words by length, in tokens", ...wordBars(inspection)],
    ...(report === null
      ? [[
        "No report of this corpus's preprocessing lies beside it: dropped lines and unknown spellings are not known",
      ]]
      : reportSections(report)),
  ];
  if (sampled < inspection.sentences) {
    const note = `[UNK] and words: counted in ${
      formatCount(sampled)
    } sentences, evenly spaced; --sample reads more`;
    sections[0]!.push(note);
  }
  return sections.map((lines) => lines.join("\n")).join("\n\n");
}

function pairsNote({ pairs }: Inspection): string {
  return pairs === undefined ? "" : `, which are ${plural(pairs, "pair")} of a question and its answer`;
}

function madeWith({ tokenize_tool, word_marks }: Report): string {
  return `${tokenize_tool}, word marks ${word_marks === "position" ? "by position" : word_marks}`;
}

function termsText({ total, whole, tokens, whole_tokens }: NonNullable<Inspection["terms"]>): string {
  if (total === 0) return "none of the lexicon occurs";
  return `${plural(total, "occurrence")} of the lexicon's terms, ${
    formatShare(whole / total)
  } within one word ` +
    `(${formatShare(whole_tokens / tokens)} of their tokens): masked as a whole or not at all`;
}

function lengthBars({ sentences, lengths: { histogram: { width, bins, longer } } }: Inspection): string[] {
  const rows = bins.map((value, i) => ({
    label: width === 1 ? String(i + 1) : `${formatCount(i * width + 1)}–${formatCount((i + 1) * width)}`,
    value,
  }));
  if (longer > 0) rows.push({ label: `> ${formatCount(bins.length * width)}`, value: longer });
  return countBars(rows, sentences);
}

function wordBars({ words: { by_length, total } }: Inspection): string[] {
  const rows = by_length.slice(0, MOST_WORD_ROWS).map((value, i) => ({ label: String(i + 1), value }));
  const longer = by_length.slice(MOST_WORD_ROWS).reduce((sum, value) => sum + value, 0);
  if (longer > 0) rows.push({ label: `> ${MOST_WORD_ROWS}`, value: longer });
  return countBars(rows, total);
}

function countBars(rows: { label: string; value: number }[], total: number): string[] {
  const shares = rows.map(({ value }) => formatShare(value / total));
  const width = Math.max(...shares.map((share) => share.length));
  return textBars(
    rows.map(({ label, value }, i) => ({
      label,
      value,
      note: `${formatCount(value)}  ${shares[i]!.padStart(width)}`,
    })),
  );
}

function reportSections(report: Report): string[][] {
  const dropped = [
    ["empty", report.empty_lines],
    ["too short", report.short_lines],
    ["seen before", report.duplicate_lines],
    ["bad", report.bad_lines],
  ] as const;
  const sections: string[][] = [];
  const rows = dropped.filter(([, value]) => value > 0).map(([label, value]) => ({ label, value }));
  const sum = rows.reduce((total, { value }) => total + value, 0);
  const bad = report.bad_line_examples.slice(0, MOST_BAD_LINES);
  sections.push([
    `Dropped lines: ${formatCount(sum)} of ${formatCount(report.lines)}`,
    ...countBars(rows, report.lines),
    ...bad.map(({ file, line, reason }) => `${printable(file)}:${line}: ${printable(reason)}`),
  ]);
  const unknown = report.unknown.slice(0, MOST_UNKNOWN);
  if (unknown.length > 0) {
    sections.push([
      `Commonest unknown spellings, of ${plural(report.unknown_tokens, "token")}`,
      ...countBars(
        unknown.map(([spelling, value]) => ({ label: shortened(printable(spelling)), value })),
        report.unknown_tokens,
      ),
    ]);
  }
  return sections;
}

const LONGEST_SPELLING = 24; // columns

function shortened(spelling: string): string {
  if (columns(spelling) <= LONGEST_SPELLING) return spelling;
  let start = "";
  for (const char of spelling) {
    if (columns(start + char) >= LONGEST_SPELLING) break;
    start += char;
  }
  return start + "…";
}

/** Characters that a terminal obeys, hides or puts over others, by their number. */
function printable(text: string): string {
  return text.replace(
    /[\p{C}\p{Z}\p{M}]/gu,
    (char) => char === " " ? char : `<U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}>`,
  );
}

const PAINT = { cyan: 36, yellow: 33, red: 31, green: 32, dim: 2 } as const;

/** The signs of {@linkcode exampleText}, one line. */
export const EXAMPLE_LEGEND =
  "Spaces part words; beneath, what the generator sees: [MASK], [→x] a random token instead, [=x] asked for, but left";

/**
 * Writes a sentence, its words apart, and beneath it what masking leaves of it.
 *
 * @param example the sentence
 * @param colour whether to mark words and masks with colours, too
 * @returns two lines
 */
export function exampleText(example: ExampleSentence, colour: boolean): string {
  const paint = (name: keyof typeof PAINT, text: string) =>
    colour ? `\x1b[${PAINT[name]}m${text}\x1b[0m` : text;
  let tokens = 0;
  const words = example.words.filter((word) => (tokens += word.length) <= MOST_TOKENS);
  const hidden = example.words.flat().length - words.flat().length + example.cut;
  const more = hidden > 0 ? [`… ${plural(hidden, "token")} more`] : [];
  const spelled = words.map((word, i) => {
    const text = word.map(({ spelling }, i) => spell(spelling, i)).join("");
    return i % 2 === 1 ? paint("cyan", text) : text;
  });
  const masked = words.map((word) => word.map((token, i) => maskText(token, i, paint)).join(""));
  const half = example.half === undefined ? "" : ` ${example.half}`;
  const label = `#${formatCount(example.sentence)}${half}  `;
  return [label + [...spelled, ...more].join(" "), " ".repeat(label.length) + masked.join(" ")].join("\n");
}

/** A piece that goes on after another is written without its `##`. */
function spell(spelling: string, placeInWord: number): string {
  return printable(placeInWord > 0 ? spelling.replace(/^##(?=.)/, "") : spelling);
}

function maskText(
  { spelling, masking, seen }: MaskedToken,
  placeInWord: number,
  paint: (name: keyof typeof PAINT, text: string) => string,
): string {
  switch (masking) {
    case "none":
      return paint("dim", spell(spelling, placeInWord));
    case "mask":
      return paint("yellow", "[MASK]");
    case "random":
      return paint("red", `[→${printable(seen)}]`);
    case "keep":
      return paint("green", `[=${spell(spelling, placeInWord)}]`);
  }
}
