/**
 * Runs as one HTML page that asks nobody for anything: library, script, style and numbers are in it.
 *
 * @module
 */
import { escapeMarkup } from "../chart/mod.ts";
import { BROWSER_FUNCTIONS, type PageData } from "./browser.ts";
import { type Panel, PANELS } from "./panels.ts";
import { PLOTLY } from "./plotly.ts";
import type { RunFolder } from "./run_folder.ts";
import { columnsOf } from "./series.ts";
import { STYLE } from "./style.ts";
import { differs, factRows, optionRows, type TableRow, valueRows } from "./tables.ts";

/** Colours of curves as `r, g, b`: told apart by the colour-blind, legible on light and dark. */
const PALETTE = [
  "45, 127, 214",
  "224, 108, 30",
  "20, 155, 110",
  "196, 104, 170",
  "190, 145, 10",
  "110, 120, 130",
];
const MOST_NOTES = 200;
/** Nothing may be loaded from anywhere, whatever the library would like to. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:";

/**
 * Writes the page of one run, or of several over each other.
 *
 * @param runs - One or more, each with a name of its own.
 * @returns An HTML document; same runs, same text.
 * @throws {RangeError} When there are no runs.
 *
 * @example
 * ```ts
 * import { reportPage } from "./mod.ts";
 * const run = {
 *   name: "small", path: "output/small", training: [], evaluation: [], totalSteps: 300, notes: [], checkpoints: [],
 *   facts: undefined,
 * };
 * console.log(reportPage([run]).startsWith("<!doctype html>")); // true
 * ```
 */
export function reportPage(runs: readonly RunFolder[]): string {
  if (runs.length === 0) throw new RangeError("Cannot write a report: there are no runs");
  const data = pageData(runs), options = optionRows(runs);
  const title = `Pretraining: ${runs.map(({ name }) => name).join(", ")}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${POLICY}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeMarkup(title)}</h1>
${table(runs.length > 1 ? "Runs" : "Run", factRows(runs), runs, { mark: false })}
</header>
<main>
<h2>Curves</h2>
${data.panels.length > 0 ? controls(runs) : "<p>There are no records yet.</p>"}
<div class="panels">
${data.panels.map((panel, index) => figure(panel, index, data)).join("\n")}
</div>
<h2>Values from the first record to the last</h2>
${table("Values", valueRows(runs), runs, { mark: false })}
${runs.map((run) => checkpoints(run, runs.length > 1)).join("\n")}
<details${options.some(differs) ? ' open="open"' : ""}><summary>Options</summary>
${
    table(
      `As the newest checkpoint has them${runs.length > 1 ? "; those that differ come first" : ""}`,
      options,
      runs,
      { mark: true },
    )
  }
</details>
${runs.map((run) => notes(run, runs.length > 1)).join("\n")}
</main>
<footer><small>Drawn by plotly.js, which is part of this page; it loads nothing.</small></footer>
<script type="application/json" id="data">${json(data)}</script>
<script>${script(PLOTLY)}</script>
<script>
${script(BROWSER_FUNCTIONS.map(String).join("\n"))}
drawPage();
</script>
</body>
</html>
`;
}

/** What the page's script draws: the panels that have numbers, and the numbers. */
export function pageData(runs: readonly RunFolder[]): PageData {
  const columns = runs.map(({ name, training, evaluation }) => ({
    name,
    training: columnsOf(training),
    evaluation: columnsOf(evaluation),
  }));
  const has = (field: string | undefined, isAny: (value: number | null) => boolean) =>
    field !== undefined &&
    columns.some(({ training, evaluation }) => (training[field] ?? evaluation[field])?.values.some(isAny));
  const panels = PANELS.filter(({ series, unlessZero }) => {
    const isAny = (value: number | null) => value !== null && !(unlessZero && value === 0);
    return series.some(({ field, evaluation }) => has(field, isAny) || has(evaluation, isAny));
  });
  return { panels, palette: PALETTE, runs: columns };
}

function controls(runs: readonly RunFolder[]): string {
  const choices = runs.length < 2
    ? []
    : runs.map(({ name }, r) =>
      `<label class="key" style="--line: rgb(${PALETTE[r % PALETTE.length]})">` +
      `<input type="checkbox" id="run-${r}" checked="checked" />${escapeMarkup(name)}</label>`
    );
  return `<form aria-label="What the curves show">
<label>Along <select id="x"><option value="step">steps</option><option value="epochs">epochs</option>` +
    `<option value="seconds">hours</option></select></label>
<label>Smoothing <input type="range" id="smoothing" min="0" max="0.98" step="0.02" value="0" />` +
    `<output id="smoothing-value">0.00</output></label>
<label><input type="checkbox" id="logarithmic" />Logarithmic losses</label>
${choices.join("\n")}
</form>`;
}

function figure(panel: Panel, index: number, { runs }: PageData): string {
  const several = runs.length > 1;
  const keys = panel.series.flatMap(({ label, evaluation }, s) => {
    const look = several ? `--dash: ${s > 0 ? "dotted" : "solid"}` : `--line: rgb(${PALETTE[s]})`;
    const isEvaluated = evaluation !== undefined && runs.some((run) => run.evaluation[evaluation]);
    return [
      ...(panel.series.length > 1 || isEvaluated
        ? [`<span class="key" style="${look}">${escapeMarkup(label)}</span>`]
        : []),
      ...(isEvaluated && s === 0 ? [`<span class="key point" style="${look}">evaluation</span>`] : []),
    ];
  });
  return `<figure>
<figcaption><h3>${escapeMarkup(panel.title)}</h3><div class="help">${escapeMarkup(panel.help)}</div>` +
    `<div class="keys">${keys.join(" ")}</div></figcaption>
<div class="plot" id="panel-${index}" role="img" aria-label="${
      escapeMarkup(panel.title)
    } over the run; its values are in a table below"></div>
</figure>`;
}

function table(
  caption: string,
  rows: readonly TableRow[],
  runs: readonly RunFolder[],
  { mark }: { mark: boolean },
): string {
  if (rows.length === 0) return "<p>There are none yet.</p>";
  const head = runs.length > 1
    ? `<thead><tr><th></th>${
      runs.map(({ name }) => `<th scope="col">${escapeMarkup(name)}</th>`).join("")
    }</tr></thead>\n`
    : "";
  const body = rows.map((row) =>
    `<tr${mark && differs(row) ? ' class="differs"' : ""}><th scope="row">${escapeMarkup(row.name)}</th>${
      row.values.map((value) => `<td>${escapeMarkup(value)}</td>`).join("")
    }</tr>`
  );
  return `<div class="scroll"><table>\n<caption>${escapeMarkup(caption)}</caption>\n${head}<tbody>\n${
    body.join("\n")
  }\n</tbody></table></div>`;
}

function checkpoints({ name, checkpoints }: RunFolder, several: boolean): string {
  const rows = checkpoints.map(({ step, bytes, saved }) =>
    `<tr><th scope="row">checkpoint-${step}</th><td>${(bytes / 2 ** 20).toFixed(1)} MB</td>` +
    `<td>${saved === null ? "" : `<time>${saved.toISOString().replace(/\.\d+Z$/, "Z")}</time>`}</td></tr>`
  );
  const list = rows.length > 0
    ? `<div class="scroll"><table><tbody>\n${rows.join("\n")}\n</tbody></table></div>`
    : "<p>There are none yet.</p>";
  return `<h2>Checkpoints${several ? ` of ${escapeMarkup(name)}` : ""}</h2>\n${list}`;
}

function notes({ name, notes }: RunFolder, several: boolean): string {
  if (notes.length === 0) return "";
  const left = notes.length - MOST_NOTES;
  const lines = [...(left > 0 ? [`… ${left} more before`] : []), ...notes.slice(-MOST_NOTES)];
  return `<details open="open"><summary>Messages of ${several ? escapeMarkup(name) : "train.log"}</summary>
<div class="scroll"><pre>${lines.map(escapeMarkup).join("\n")}</pre></div></details>`;
}

/** JSON that cannot end the element it is in. */
function json(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** A script that cannot end the element it is in: in strings and patterns, `<\/` is `</`. */
function script(text: string): string {
  return text.replaceAll(/<(?=\/script|!--)/gi, "\\x3c");
}
