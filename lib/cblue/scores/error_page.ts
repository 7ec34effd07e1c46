/**
 * What a model got wrong, as a page to read: one HTML file without scripts and without a network.
 *
 * @module
 */
import { escapeMarkup } from "../../chart/mod.ts";
import type { AnswerOf } from "../files/answers.ts";
import type { ExampleOf, TaskKind } from "../examples.ts";
import type { Task } from "../tasks.ts";
import { type WrongAnswer, wrongAnswers } from "./wrong_answers.ts";

/** The most examples that a page shows. */
const MOST_SHOWN = 2000;

/**
 * Lists the examples that were answered wrongly, with what was right, missed and said without reason.
 *
 * @param answers One for each example, in their order.
 * @param title Such as the task's name and the part of the data.
 * @returns A whole HTML page; of more than 2,000 such examples the first ones.
 * @throws {RangeError} If an example has no right answer.
 */
export function errorPage<K extends TaskKind>(
  task: Task<K>,
  examples: readonly ExampleOf[K][],
  answers: readonly AnswerOf[K][],
  title: string,
): string {
  const cards = wrongAnswers(task, examples, answers).map(card);
  const shown = cards.slice(0, MOST_SHOWN);
  const rest = cards.length > shown.length ? `, the first ${shown.length} of them here` : "";
  return `<!doctype html>
<html lang="zh">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
<h1>${escapeMarkup(title)}</h1>
<p>${cards.length} of ${examples.length} examples are not wholly right${rest}.
<span class="thing found">found</span> <span class="thing missed">missed</span> <span class="thing wrong">wrong</span></p>
${shown.join("\n")}
</html>
`;
}

/** An example, and the things that are in right or wrong answers to it. */
function card({ key, texts, ...things }: WrongAnswer): string {
  const chips = (["found", "missed", "wrong"] as const).flatMap((kind) =>
    things[kind].map((shown) => `<span class="thing ${kind}" title="${kind}">${escapeMarkup(shown)}</span>`)
  );
  const lines = texts.map((text) => `<p class="text">${escapeMarkup(text)}</p>`);
  const shownKey = texts.includes(key) ? "" : `<span class="key">${escapeMarkup(key)}</span>`;
  return `<article>${shownKey}${lines.join("")}<p>${chips.join(" ")}</p></article>`;
}

const STYLE = `
body { font: 15px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; background: #fff }
article { border-top: 1px solid #d1d9e0; padding: .6rem 0 }
p { margin: .3rem 0 }
.text { font-size: 1.05rem; white-space: pre-wrap; overflow-wrap: anywhere }
.key { float: right; color: #59636e; font-size: .85rem }
.thing { display: inline-block; padding: 0 .5rem; margin: .1rem 0; border-radius: 1rem; border: 1px solid }
.found { color: #1a7f37; border-color: #4ac26b }
.missed { color: #9a6700; border-color: #d4a72c; border-style: dashed }
.wrong { color: #cf222e; border-color: #ff8182; text-decoration: line-through }
`;
