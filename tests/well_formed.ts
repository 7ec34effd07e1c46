/** A look at SVG documents without a browser. */
import assert from "node:assert/strict";

/** Throws unless every element is closed in order, every ampersand escaped and every number a number. */
export function assertWellFormed(svg: string) {
  const open: string[] = [];
  for (const [, closing, name, selfClosing] of svg.matchAll(/<(\/?)(\w+)(?:\s[\w-]+="[^"<]*")*\s*(\/?)>/g)) {
    if (closing) assert.equal(open.pop(), name);
    else if (!selfClosing) open.push(name!);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg, /&(?!amp;|lt;|gt;|quot;)|NaN|Infinity|undefined/);
  assert.equal((svg.match(/</g) ?? []).length, (svg.match(/>/g) ?? []).length);
}

/** What its text elements say. */
export function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, content]) => content!);
}
