/** Notebooks as pages that load nothing: prose, code, outputs, and plotly.js once. */
import { Marked } from "marked";
import { escapeMarkup } from "../../chart/mod.ts";
import { figureElement, plotlyScript, POLICY } from "../figures/page.ts";
import { type CodeCell, type Notebook, type Output, type OutputData, textOf } from "./notebook_file.ts";

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --grid: #d9dee4; --card: #fff; --back: #f3f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --faint: #9aa4af; --grid: #343b43; --card: #171b20; --back: #0d1014; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 0 16px 60px; background: var(--back); color: var(--ink);
  font: 15px/1.6 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
pre, code { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace; }
pre { margin: 0; padding: 10px 12px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.cell { margin: 14px 0; border: 1px solid var(--grid); border-radius: 8px; background: var(--card); overflow: hidden; }
.code { border-left: 4px solid #2d7fd6; }
.output { border-top: 1px solid var(--grid); padding: 8px 12px; overflow-x: auto; }
.output pre { padding: 0; }
.output img, .output svg { max-width: 100%; height: auto; }
.figure { background: #fff; }
.error { color: #cd3c3c; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: 3px 10px; border-top: 1px solid var(--grid); vertical-align: top; }
caption { color: var(--faint); padding: 4px 0; text-align: left; }
`;

/**
 * Writes a notebook as a page.
 *
 * @param title of the page
 * @param notebook with its outputs
 * @returns an HTML document
 */
export function notebookPage(title: string, notebook: Notebook): string {
  const markdown = new Marked({ async: false });
  const cells = notebook.cells.map((cell) =>
    cell.cell_type === "code"
      ? codeCell(cell)
      : cell.cell_type === "markdown"
      ? markdown.parse(textOf(cell.source)) as string
      : `<pre>${escapeMarkup(textOf(cell.source))}</pre>`
  );
  const hasFigure = cells.some((cell) => cell.includes('<div class="figure">'));
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${POLICY}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
${hasFigure ? plotlyScript() : ""}
</head>
<body>
${cells.join("\n")}
</body>
</html>
`;
}

function codeCell({ source, outputs }: CodeCell): string {
  return `<div class="cell">
<div class="code"><pre>${escapeMarkup(textOf(source))}</pre></div>
${outputs.map((output) => `<div class="output">${outputMarkup(output)}</div>`).join("\n")}
</div>`;
}

function outputMarkup(output: Output): string {
  switch (output.output_type) {
    case "stream":
      return `<pre>${escapeMarkup(textOf(output.text))}</pre>`;
    case "error":
      return `<pre class="error">${escapeMarkup(`${output.ename}: ${output.evalue}`)}</pre>`;
    default:
      return richest(output.data);
  }
}

function richest(data: OutputData): string {
  const text = (type: string) => data[type] === undefined ? undefined : textOf(data[type] as string);
  const plotly = data["application/vnd.plotly.v1+json"] as { data: unknown; layout: object } | undefined;
  if (plotly !== undefined) return figureElement(plotly);
  const png = text("image/png");
  return text("text/html") ?? text("image/svg+xml") ??
    (png === undefined ? undefined : `<img alt="" src="data:image/png;base64,${png.trim()}" />`) ??
    `<pre>${escapeMarkup(text("text/plain") ?? "")}</pre>`;
}
