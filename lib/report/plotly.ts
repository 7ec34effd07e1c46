/** The library that draws figures, as text: in the reader's browser, and in what stands in for one. */
import plotly from "plotly.js-cartesian-dist-min" with { type: "text" };

export const PLOTLY: string = plotly;
