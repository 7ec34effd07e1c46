/** The library that draws in the reader's browser, as text. */
import plotly from "plotly.js-basic-dist-min" with { type: "text" };

export const PLOTLY: string = plotly;
