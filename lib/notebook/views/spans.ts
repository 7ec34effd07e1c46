/** Texts with what is named in them, and what holds between the things named. */
import { escapeMarkup } from "../../chart/mod.ts";
import { type Colour, COLOURS, tinted } from "./tokens.ts";
import { View } from "./view.ts";

/** A stretch of a text that names something; places count code points, the end is exclusive. */
export interface NamedSpan {
  readonly start: number;
  readonly end: number;
  readonly type: string;
}

/** Two things named in a text and what holds between them. */
export interface NamedTriple {
  readonly subject: string;
  readonly subjectType?: string;
  readonly predicate: string;
  readonly object: string;
  readonly objectType?: string;
}

/** What types are called, and in which order they get their colours. */
export interface SpanOptions {
  /** Names by type, as `{ dis: "疾病" }`. Default: the types themselves. */
  readonly names?: Readonly<Record<string, string>>;
}

/**
 * Shows a text with its entities in colour; one within another is drawn so.
 *
 * @param text the text
 * @param entities in any order; one that crosses another is listed beneath
 * @param options names of the types
 * @returns a view; as text, `[糖尿病 dis]`
 *
 * @example
 * ```ts
 * import { entityView } from "./spans.ts";
 * console.log(String(entityView("患有糖尿病", [{ start: 2, end: 5, type: "dis" }]))); // 患有[糖尿病 dis]
 * ```
 */
export function entityView(
  text: string,
  entities: readonly NamedSpan[],
  { names = {} }: SpanOptions = {},
): View {
  const characters = [...text];
  const nameOf = (type: string) => names[type] ?? type;
  const colourOf = colours(names, entities.map(({ type }) => type));
  const sorted = [...entities].sort((a, b) => a.start - b.start || b.end - a.end);
  const { nested, crossing } = partNested(sorted);
  const between = (start: number, end: number) => characters.slice(start, end).join("");

  /** The stretch from `start` to `end` with the entities in it. */
  const write = (
    start: number,
    end: number,
    inner: readonly NamedSpan[],
    wrap: Wrap,
    plain: (text: string) => string,
  ): string => {
    let at = start, written = "";
    for (let i = 0; i < inner.length;) {
      const outer = inner[i]!;
      const within = inner.slice(i + 1).filter((other) => other.end <= outer.end);
      written += plain(between(at, outer.start)) +
        wrap(write(outer.start, outer.end, within, wrap, plain), outer.type);
      at = outer.end;
      i += 1 + within.length;
    }
    return written + plain(between(at, end));
  };
  const html = write(
    0,
    characters.length,
    nested,
    (markup, type) => tinted(`${markup} <small>${escapeMarkup(nameOf(type))}</small>`, colourOf(type)),
    escapeMarkup,
  );
  const plain = write(
    0,
    characters.length,
    nested,
    (marked, type) => `[${marked} ${nameOf(type)}]`,
    (part) => part,
  );
  const also = crossing.map(({ start, end, type }) => `${between(start, end)} ${nameOf(type)}`).join("; ");
  return new View(
    `<p style="line-height:2">${html}</p>${also && `\n<p>Across these: ${escapeMarkup(also)}</p>`}`,
    plain + (also && `\nAcross these: ${also}`),
  );
}

type Wrap = (content: string, type: string) => string;

/**
 * Shows a text with the subjects and objects of its triples in colour, and the triples beneath.
 *
 * @param text the text
 * @param triples what it says
 * @returns a view; as text, one triple a line
 *
 * @example
 * ```ts
 * import { relationView } from "./spans.ts";
 * const triple = { subject: "糖尿病", predicate: "临床表现", object: "多饮" };
 * console.log(String(relationView("糖尿病患者常多饮", [triple])));
 * ```
 */
export function relationView(text: string, triples: readonly NamedTriple[]): View {
  const mentions = new Map<string, NamedSpan>();
  for (const { subject, subjectType = "subject", object, objectType = "object" } of triples) {
    for (const [name, type] of [[subject, subjectType], [object, objectType]] as const) {
      const at = text.indexOf(name);
      if (at < 0 || name === "") continue;
      const start = [...text.slice(0, at)].length;
      mentions.set(name, mentions.get(name) ?? { start, end: start + [...name].length, type });
    }
  }
  const marked = entityView(text, [...mentions.values()]);
  const rows = triples.map(({ subject, predicate, object }) =>
    `<tr><td style="text-align:right">${escapeMarkup(subject)}</td>` +
    `<td style="text-align:center"><i>${escapeMarkup(predicate)}</i> →</td>` +
    `<td style="text-align:left">${escapeMarkup(object)}</td></tr>`
  );
  const lines = triples.map(({ subject, predicate, object }) => `  ${subject} —${predicate}→ ${object}`);
  return new View(
    `${marked.html}\n<table><tbody>\n${rows.join("\n")}\n</tbody></table>`,
    [marked.text, ...lines].join("\n"),
  );
}

/** Spans that lie beside or within each other, and those that do not fit among them. */
function partNested(sorted: readonly NamedSpan[]): { nested: NamedSpan[]; crossing: NamedSpan[] } {
  const nested: NamedSpan[] = [], crossing: NamedSpan[] = [], open: NamedSpan[] = [];
  for (const span of sorted) {
    while (open.length > 0 && open.at(-1)!.end <= span.start) open.pop();
    const outer = open.at(-1);
    if (outer !== undefined && span.end > outer.end) crossing.push(span);
    else {
      nested.push(span);
      open.push(span);
    }
  }
  return { nested, crossing };
}

/** Each type its colour: those that have names first, so that a type has the same one in every text. */
function colours(
  names: Readonly<Record<string, string>>,
  types: readonly string[],
): (type: string) => Colour {
  const order = [...new Set([...Object.keys(names), ...types])];
  return (type) => COLOURS[order.indexOf(type) % COLOURS.length]!;
}
