/** Figures as pages that load nothing: plotly.js, numbers and all are in them. */
import { escapeMarkup } from "../../chart/mod.ts";
import { PLOTLY } from "../../report/mod.ts";

/** Nothing may be loaded from anywhere, whatever the library would like to. */
export const POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:";

/**
 * Writes a page of one figure.
 *
 * @param figure traces and layout, as plotly.js takes them
 * @returns an HTML document
 */
export function figurePage(figure: { readonly data: unknown; readonly layout: object }): string {
  const { title } = figure.layout as { title?: { text?: string } };
  return `<!doctype html>
<html>
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${POLICY}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${escapeMarkup(title?.text ?? "Figure")}</title>
</head>
<body>
${plotlyScript()}
${figureElement(figure)}
</body>
</html>
`;
}

/** The library, for the head of a page; once is enough. */
export function plotlyScript(): string {
  return `<script>${PLOTLY.replaceAll(/<(?=\/script|!--)/gi, "\\x3c")}</script>`;
}

/** A figure and the line that draws it, for a page that has the library. */
export function figureElement({ data, layout }: { readonly data: unknown; readonly layout: object }): string {
  const json = JSON.stringify({ data, layout }).replaceAll("<", "\\u003c"); // cannot end the element it is in
  return `<div class="figure"></div>
<script>{ const { data, layout } = ${json}; Plotly.newPlot(document.currentScript.previousElementSibling, data, layout, { responsive: true }); }</script>`;
}
