/**
 * Where texts of an SVG document would be: plotly.js asks, so that labels do not overlap and margins hold them.
 *
 * Lines and curves take no room here: it asks for the room of texts alone.
 *
 * @module
 */
import type { Element } from "./linkedom.d.ts";

/** A rectangle in pixels, y downwards. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** `x' = a x + c y + e`, `y' = b x + d y + f`, as SVG writes matrices. */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

const IDENTITY: Matrix = [1, 0, 0, 1, 0, 0];
const ASCENT = 0.95, LINE = 1.3; // of the size of a font: above the first baseline, and from one line to the next

/**
 * Finds the room that the texts in an element take.
 *
 * @param element of an SVG document
 * @param within where to measure: from the element's own corner, as `getBBox`, or from the document's
 * @returns the least box around all texts; an empty one at the origin if there are none
 */
export function textBox(element: Element, within: "element" | "document"): Box {
  const texts = element.localName === "text" ? [element] : Array.from(element.querySelectorAll("text"));
  const root = within === "element" ? element : undefined;
  const boxes = texts.filter(({ textContent }) => textContent?.trim())
    .map((text) => transformed(ownBox(text), matrixOf(text, root)));
  if (boxes.length === 0) return { left: 0, top: 0, right: 0, bottom: 0 };
  return {
    left: Math.min(...boxes.map(({ left }) => left)),
    top: Math.min(...boxes.map(({ top }) => top)),
    right: Math.max(...boxes.map(({ right }) => right)),
    bottom: Math.max(...boxes.map(({ bottom }) => bottom)),
  };
}

/** The box of a text, one line or several, before any transformation. */
function ownBox(text: Element): Box {
  const lines = Array.from(text.querySelectorAll("tspan.line"));
  const size = fontSizeOf(text);
  const width = Math.max(
    ...(lines.length > 0 ? lines : [text]).map((line) => size * ems(line.textContent ?? "")),
  );
  const anchor = text.getAttribute("text-anchor") ??
    /text-anchor:\s*(\w+)/.exec(text.getAttribute("style") ?? "")?.[1];
  const x = numberOf(text, "x"), top = numberOf(text, "y") - ASCENT * size;
  const left = x - width * ({ middle: 0.5, end: 1 }[anchor ?? ""] ?? 0);
  return { left, top, right: left + width, bottom: top + LINE * size * Math.max(1, lines.length) };
}

/** All that moves an element: its own transformation and those around it, `root` and what is around it left out. */
function matrixOf(element: Element, root: Element | undefined): Matrix {
  let matrix = IDENTITY;
  for (let at: Element | null = element; at !== null && at !== root; at = at.parentElement) {
    matrix = product(parse(at.getAttribute("transform") ?? ""), matrix);
  }
  return matrix;
}

function parse(transform: string): Matrix {
  let matrix = IDENTITY;
  for (const [, name, list] of transform.matchAll(/(\w+)\(([^)]*)\)/g)) {
    const [first = 0, second, third = 0] = list!.split(/[\s,]+/).map(Number);
    if (name === "translate") matrix = product(matrix, [1, 0, 0, 1, first, second ?? 0]);
    if (name === "scale") matrix = product(matrix, [first, 0, 0, second ?? first, 0, 0]);
    if (name === "rotate") matrix = product(matrix, rotation(first, second ?? 0, third));
  }
  return matrix;
}

/** Degrees clockwise around a point. */
function rotation(degrees: number, x: number, y: number): Matrix {
  const cos = Math.cos(degrees * Math.PI / 180), sin = Math.sin(degrees * Math.PI / 180);
  return [cos, sin, -sin, cos, x - cos * x + sin * y, y - sin * x - cos * y];
}

/** First `n`, then `m`. */
function product(m: Matrix, n: Matrix): Matrix {
  return [
    m[0] * n[0] + m[2] * n[1],
    m[1] * n[0] + m[3] * n[1],
    m[0] * n[2] + m[2] * n[3],
    m[1] * n[2] + m[3] * n[3],
    m[0] * n[4] + m[2] * n[5] + m[4],
    m[1] * n[4] + m[3] * n[5] + m[5],
  ];
}

function transformed({ left, top, right, bottom }: Box, [a, b, c, d, e, f]: Matrix): Box {
  const corners = [[left, top], [right, top], [left, bottom], [right, bottom]] as const;
  const xs = corners.map(([x, y]) => a * x + c * y + e), ys = corners.map(([x, y]) => b * x + d * y + f);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

function fontSizeOf(text: Element): number {
  const style = /font-size:\s*([\d.]+)/.exec(text.getAttribute("style") ?? "")?.[1];
  return Number.parseFloat(style ?? text.getAttribute("font-size") ?? "12");
}

/** Width of a line in sizes of its font, as sans-serif fonts have it: a Chinese character is as wide as high. */
function ems(line: string): number {
  let sum = 0;
  for (const character of line) {
    if (character > "\u2e80") sum += 1;
    else if (/[A-Zmw%@]/.test(character)) sum += 0.7;
    else sum += /[ijltfr.,:;'|!()[\] ]/.test(character) ? 0.36 : 0.63;
  }
  return sum;
}

function numberOf(element: Element, name: string): number {
  return Number.parseFloat(element.getAttribute(name) ?? "0") || 0;
}
