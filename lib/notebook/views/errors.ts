/** Wrong answers to leaf through: the commonest confusions first, each to be unfolded. */
import { escapeMarkup } from "../../chart/mod.ts";
import { type AnsweredSplit, type WrongAnswer, wrongAnswers } from "../../cblue/mod.ts";
import { type Colour, tinted } from "./tokens.ts";
import { View } from "./view.ts";

/** How much of the errors is shown. */
export interface ErrorBrowserOptions {
  /** Most examples of each kind of error. Default: 5. */
  readonly limit?: number;
  /** Heading. Default: the task's name. */
  readonly title?: string;
}

const KINDS = { found: "green", missed: "yellow", wrong: "red" } as const satisfies Record<string, Colour>;

/**
 * Sorts what was answered wrongly by kind, the commonest kind first and unfolded: which label was taken for which, or
 * whether something was missed or made up.
 *
 * @param answered examples with right and given answers
 * @param options how many, under which heading
 * @returns a view; in a notebook each kind unfolds at a click, without a script
 *
 * @example
 * ```ts
 * import { TASKS } from "../../cblue/mod.ts";
 * import { errorBrowser } from "./errors.ts";
 * const example = { key: "1", record: {}, texts: ["感冒", "发热"] as const, label: "0" };
 * const answered = { kind: "classification", task: TASKS["CHIP-STS"], examples: [example], answers: [{ label: "1" }] } as const;
 * console.log(String(errorBrowser(answered)));
 * ```
 */
export function errorBrowser(
  answered: Omit<AnsweredSplit, "evaluation">,
  { limit = 5, title = answered.task.name }: ErrorBrowserOptions = {},
): View {
  const { kind, task, examples, answers } = answered;
  const wrong = wrongAnswers(task, examples as never, answers as never);
  const groups = [...Map.groupBy(wrong, (error) => kindOf(error, kind === "classification"))]
    .sort(([, a], [, b]) => b.length - a.length);
  const head = `${title}: ${wrong.length} of ${examples.length} not wholly right`;
  const html = groups.map(([name, errors], i) => {
    const rows = errors.slice(0, limit).map((error) => `<tr>${cells(error, kind === "classification")}</tr>`);
    const more = errors.length > limit
      ? `<tr><td colspan="2" style="text-align:left">… ${errors.length - limit} more</td></tr>`
      : "";
    return `<details${i === 0 ? " open" : ""}><summary>${escapeMarkup(name)}: ${errors.length}</summary>\n` +
      `<table><tbody>\n${rows.join("\n")}\n${more}</tbody></table></details>`;
  });
  const text = groups.flatMap(([name, errors]) => [
    `  ${name}: ${errors.length}`,
    ...errors.slice(0, limit).map((error) => `    ${lineOf(error, kind === "classification")}`),
    ...(errors.length > limit ? [`    … ${errors.length - limit} more`] : []),
  ]);
  return new View(`<p><b>${escapeMarkup(head)}</b></p>\n${html.join("\n")}`, [head, ...text].join("\n"));
}

/** What happened: a label taken for another one, or things missed or made up. */
function kindOf({ missed, wrong }: WrongAnswer, isLabel: boolean): string {
  if (isLabel) return `${missed.join()} → ${wrong.join()}`;
  if (wrong.length === 0) return "missed";
  return missed.length === 0 ? "made up" : "missed and made up";
}

function cells({ texts, ...things }: WrongAnswer, isLabel: boolean): string {
  const cell = (markup: string) => `<td style="text-align:left">${markup}</td>`;
  if (isLabel) return texts.map((text) => cell(escapeMarkup(text))).join("");
  const chips = (["found", "missed", "wrong"] as const).flatMap((kind) =>
    things[kind].map((thing) =>
      tinted(`<small>${kind === "wrong" ? "made up" : kind}</small> ${escapeMarkup(thing)}`, KINDS[kind])
    )
  );
  return cell(escapeMarkup(texts.join(" / "))) + cell(chips.join("<br />"));
}

function lineOf({ texts, missed, wrong }: WrongAnswer, isLabel: boolean): string {
  const text = texts.join(" / ");
  if (isLabel) return text;
  return [
    text,
    ...missed.map((thing) => `[missed ${thing}]`),
    ...wrong.map((thing) => `[made up ${thing}]`),
  ].join(" ");
}
