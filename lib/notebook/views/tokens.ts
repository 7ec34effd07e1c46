/** Lines of tokens in colour: words side by side, what is masked, what a model says of each token. */
import { escapeMarkup } from "../../chart/mod.ts";
import { View } from "./view.ts";

/** A token or a word. */
export interface MarkedToken {
  readonly text: string;
  /** A name of the legend; absent where nothing is to be said. */
  readonly kind?: string;
  /** A few characters written above it, such as what was there before. */
  readonly note?: string;
}

/** Tokens in one line, under a label. */
export interface TokenLine {
  readonly label?: string;
  readonly tokens: readonly MarkedToken[];
}

/** What a kind of token means, and its colour. */
export interface TokenKind {
  readonly meaning: string;
  readonly colour: Colour;
}

/** Colours by name: of text on a tint that is legible on light and dark pages. */
export type Colour = keyof typeof TINTS;

const TINTS = {
  blue: "45, 127, 214",
  orange: "224, 108, 30",
  green: "20, 155, 110",
  purple: "196, 104, 170",
  yellow: "190, 145, 10",
  grey: "110, 120, 130",
  red: "205, 60, 60",
  teal: "20, 160, 175",
  brown: "140, 90, 50",
  indigo: "95, 80, 200",
} as const;

/** The colours in the order in which things without one of their own get them. */
export const COLOURS = Object.keys(TINTS) as readonly Colour[];

/**
 * Shows lines of tokens.
 *
 * @param lines labelled or not
 * @param kinds what the kinds of tokens mean, in the order of the legend
 * @returns a view; as text, `[token]` is one of a kind, `[token:note]` with its note
 *
 * @example
 * ```ts
 * import { tokenLines } from "./tokens.ts";
 * const line = { label: "seen", tokens: [{ text: "糖" }, { text: "尿", kind: "replaced", note: "血" }] };
 * console.log(String(tokenLines([line], { replaced: { meaning: "replaced", colour: "red" } })));
 * ```
 */
export function tokenLines(
  lines: readonly TokenLine[],
  kinds: Readonly<Record<string, TokenKind>> = {},
): View {
  const colourOf = (kind: string | undefined) => kind === undefined ? undefined : kinds[kind]?.colour;
  const html = lines.map(({ label, tokens }) => {
    const spans = tokens.map(({ text, kind, note }) => tinted(annotated(text, note), colourOf(kind)));
    return `<tr><td style="text-align:left"><b>${
      escapeMarkup(label ?? "")
    }</b></td><td style="text-align:left${
      tokens.some(({ note }) => note !== undefined) ? ";line-height:2.4" : "" // notes above need room
    }">${spans.join(" ")}</td></tr>`;
  });
  const legend = Object.values(kinds).map(({ meaning, colour }) => tinted(escapeMarkup(meaning), colour));
  const textLines = lines.map(({ label, tokens }) =>
    `${label === undefined ? "" : `${label}  `}${tokens.map(textOf).join(" ")}`
  );
  const meanings = Object.entries(kinds).map(([kind, { meaning }]) =>
    kind === meaning ? kind : `${kind}: ${meaning}`
  );
  return new View(
    [
      `<table><tbody>`,
      ...html,
      "</tbody></table>",
      ...(legend.length > 0 ? [`<div>${legend.join(" ")}</div>`] : []),
    ].join("\n"),
    [...textLines, ...(meanings.length > 0 ? [`(${meanings.join("; ")})`] : [])].join("\n"),
  );
}

/**
 * Shows how several segmenters cut a text, one line each; neighbouring words differ in colour.
 *
 * @param segmentations words by the segmenter's name
 * @returns a view; as text, spaces part words
 *
 * @example
 * ```ts
 * import { wordLines } from "./tokens.ts";
 * console.log(String(wordLines({ jieba: ["患者", "患有", "糖尿病"] }))); // jieba  患者 患有 糖尿病
 * ```
 */
export function wordLines(segmentations: Readonly<Record<string, readonly string[]>>): View {
  const width = Math.max(...Object.keys(segmentations).map((name) => name.length));
  const views = Object.entries(segmentations).map(([name, words]) => {
    const spans = words.map((word, i) => tinted(escapeMarkup(word), i % 2 === 0 ? "blue" : "orange"));
    return {
      html: `<tr><td style="text-align:left"><b>${escapeMarkup(name)}</b></td><td style="text-align:left">${
        spans.join(" ")
      }</td></tr>`,
      text: `${name.padEnd(width)}  ${words.join(" ")}`,
    };
  });
  return new View(
    `<table><tbody>\n${views.map(({ html }) => html).join("\n")}\n</tbody></table>`,
    views.map(({ text }) => text).join("\n"),
  );
}

/** Markup on a tint, its style in the element: front ends drop style sheets. */
export function tinted(markup: string, colour: Colour | undefined): string {
  if (colour === undefined) return markup;
  const style = `background-color:rgba(${TINTS[colour]}, 0.25);border-radius:3px;padding:1px 3px`;
  return `<span style="${style}">${markup}</span>`;
}

function annotated(text: string, note: string | undefined): string {
  const markup = escapeMarkup(text);
  return note === undefined
    ? markup
    : `<ruby>${markup}<rt style="font-size:70%">${escapeMarkup(note)}</rt></ruby>`;
}

function textOf({ text, kind, note }: MarkedToken): string {
  if (kind === undefined && note === undefined) return text;
  return note === undefined ? `[${text}]` : `[${text}:${note}]`;
}
