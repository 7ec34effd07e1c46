/**
 * As much of a browser as plotly.js needs to draw a chart: a document, the sizes of texts, a canvas for heatmaps.
 *
 * @module
 */
// @ts-types="./linkedom.d.ts"
import { type Document, type Element, parseHTML } from "linkedom";
import { PLOTLY } from "../../report/mod.ts";
import { PixelCanvas } from "./canvas.ts";
import { type Box, textBox } from "./text_boxes.ts";

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
    getBBox(this: Element) {
      return rectangle(textBox(this, "element"));
    },
    getComputedTextLength(this: Element) {
      return rectangle(textBox(this, "element")).width;
    },
    getBoundingClientRect(this: Element) {
      return rectangle(textBox(this, "document"));
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

/** A box as browsers write it. */
function rectangle(box: Box) {
  const { left, top, right, bottom } = box;
  return { ...box, x: left, y: top, width: right - left, height: bottom - top };
}
