/** SVG as PNG. */
// @ts-types="./resvg.d.ts"
import { Resvg } from "@resvg/resvg-js";
import { type Fonts, fonts } from "./fonts.ts";
import { coarser, encodePng } from "./png.ts";

/** A picture that is larger gets coarser colours: of curves that fill it, few would be seen anyway. */
const ENOUGH = 0.075; // bytes a pixel
const CHINESE = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]|[\u{20000}-\u{3fffd}]/u;

/**
 * Draws an SVG document as pixels.
 *
 * @param svg the document
 * @param available fonts to write with
 * @returns a PNG file; `undefined` if no font has its characters, where an SVG in the reader's fonts says more
 */
export function rasterize(svg: string, available: Fonts = fonts()): Uint8Array<ArrayBuffer> | undefined {
  const { latin, chinese } = available;
  if (latin === undefined || (CHINESE.test(svg) && chinese === undefined)) return undefined;
  const fontFiles = [...new Set([latin, ...(chinese === undefined ? [] : [chinese])])];
  const picture = new Resvg(svg, { background: "white", font: { loadSystemFonts: false, fontFiles } })
    .render();
  const pixels = { width: picture.width, height: picture.height, data: picture.pixels };
  let png = encodePng(coarser(pixels, 5));
  for (let bits = 4; bits >= 3 && png.length > ENOUGH * pixels.width * pixels.height; bits--) {
    png = encodePng(coarser(pixels, bits));
  }
  return png;
}
