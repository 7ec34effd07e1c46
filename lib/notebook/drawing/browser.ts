/**
 * As much of a browser as plotly.js needs to draw a chart: a document, the sizes of texts, a canvas for heatmaps.
 *
 * @module
 */
// @ts-types="./linkedom.d.ts"
import { type Document, type Element, parseHTML } from "linkedom";
import { PLOTLY } from "../figures/plotly.ts";
import { PixelCanvas } from "./canvas.ts";

/** plotly.js, as far as it is used here. */
export interface Plotly {
  newPlot(element: Element, data: unknown, layout: unknown, config: unknown): Promise<void>;
  toImage(element: Element, options: Record<string, unknown>): Promise<string>;
  purge(element: Element): void;
}

/** The library in its stand-in for a browser. */
export interface Browser {
  readonly plotly: Plotly;
  readonly document: Document;
}

let opened: Browser | undefined;

/**
 * Loads plotly.js, once in a process.
 *
 * @returns the library and the document that it draws in
 */
export function browser(): Browser {
  return opened ??= open();
}

function open(): Browser {
  const window = parseHTML("<!doctype html><html><head></head><body></body></html>");
  const { document } = window;
  const createElement = document.createElement.bind(document);
  document.createElement =
    ((name: string) => name.toLowerCase() === "canvas" ? new PixelCanvas() : createElement(name)) as never;
  Object.assign(window.Element.prototype, {
    getBBox: textBox,
    getComputedTextLength(this: Element) {
      return textBox.call(this).width;
    },
    getBoundingClientRect(this: Element) {
      const { width, height } = textBox.call(this);
      return { x: 0, y: 0, left: 0, top: 0, right: width, bottom: height, width, height };
    },
  });
  const silent = () => {};
  // linkedom's window passes unknown names on to Deno's globals: these must be its own
  const names = {
    window,
    self: window,
    document,
    navigator: { userAgent: "" },
    Element: window.Element,
    HTMLElement: window.HTMLElement,
    SVGElement: window.SVGElement,
    Node: window.Node,
    DOMParser: window.DOMParser,
    XMLSerializer: class {
      serializeToString(node: Element) {
        return node.outerHTML;
      }
    },
    getComputedStyle: () => ({ getPropertyValue: () => "" }),
    matchMedia: () => ({
      matches: false,
      addListener: silent,
      removeListener: silent,
      addEventListener: silent,
    }),
  };
  Object.assign(window, {
    URL,
    XMLSerializer: names.XMLSerializer,
    getComputedStyle: names.getComputedStyle,
    matchMedia: names.matchMedia,
  });
  const module: { exports: unknown } = { exports: {} };
  const parameters = { ...names, module, exports: module.exports, define: undefined };
  new Function(...Object.keys(parameters), PLOTLY).call(window, ...Object.values(parameters));
  return { plotly: module.exports as Plotly, document };
}

/** Where a text would be, by the rule of thumb that a Chinese character is as wide as high and a Latin one half as wide. */
function textBox(this: Element) {
  const style = /font-size:\s*([\d.]+)/.exec(this.getAttribute("style") ?? "")?.[1];
  const size = Math.max(6, Number.parseFloat(style ?? this.getAttribute("font-size") ?? "12"));
  let ems = 0;
  for (const character of this.textContent ?? "") ems += character > "\u2e80" ? 1 : 0.56;
  return { x: 0, y: -size, width: ems * size, height: 1.2 * size };
}
