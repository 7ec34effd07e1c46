/** The part of resvg that is used here; its own types would bring a browser's globals into the whole program. */

export interface ResvgOptions {
  readonly background?: string;
  readonly font?: { readonly loadSystemFonts: boolean; readonly fontFiles: readonly string[] };
}

export interface RenderedImage {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, alpha of each pixel, row by row. */
  readonly pixels: Uint8Array;
}

export class Resvg {
  constructor(svg: string, options?: ResvgOptions);
  render(): RenderedImage;
}
