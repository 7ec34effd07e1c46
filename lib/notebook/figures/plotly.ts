/** The library that draws figures, as text: for pages, and for the stand-in of a browser that draws without one. */
import plotly from "plotly.js-cartesian-dist-min" with { type: "text" };

export const PLOTLY: string = plotly;
