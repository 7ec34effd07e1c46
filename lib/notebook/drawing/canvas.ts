/** A canvas that can fill rectangles and put pixels: all that plotly.js asks of one when it draws a heatmap. */
import { encodePng } from "./png.ts";

/** What {@linkcode PixelCanvas} does of `CanvasRenderingContext2D`; the rest is there and does nothing. */
export class PixelContext {
  #colour = [0, 0, 0, 255];
  #fillStyle = "#000000";

  constructor(readonly canvas: PixelCanvas) {}

  get fillStyle(): string {
    return this.#fillStyle;
  }

  set fillStyle(colour: string) {
    this.#fillStyle = colour;
    this.#colour = channelsOf(colour);
  }

  fillRect(left: number, top: number, width: number, height: number) {
    const { canvas } = this;
    const pixels = canvas.pixels;
    const within = (value: number, most: number) => Math.min(most, Math.max(0, Math.round(value)));
    const [x0, x1] = [within(left, canvas.width), within(left + width, canvas.width)];
    for (let y = within(top, canvas.height); y < within(top + height, canvas.height); y++) {
      for (let x = x0; x < x1; x++) pixels.set(this.#colour, 4 * (y * canvas.width + x));
    }
  }

  createImageData(width: number, height: number) {
    return { width, height, data: new Uint8ClampedArray(4 * width * height) };
  }

  putImageData({ data }: { data: Uint8ClampedArray }) {
    this.canvas.pixels.set(data);
  }

  drawImage() {}
  save() {}
  restore() {}
  scale() {}
  clearRect() {}
}

/** Takes the place of `<canvas>`. */
export class PixelCanvas {
  width = 300;
  height = 150;
  readonly style: Record<string, string> = {};
  #pixels: Uint8ClampedArray | undefined;
  #context: PixelContext | undefined;

  /** As large as the canvas was when they were first asked for. */
  get pixels(): Uint8ClampedArray {
    return this.#pixels ??= new Uint8ClampedArray(4 * this.width * this.height);
  }

  getContext(kind: string): PixelContext | null {
    return kind === "2d" ? this.#context ??= new PixelContext(this) : null;
  }

  toDataURL(): string {
    const { width, height, pixels: data } = this;
    return `data:image/png;base64,${encodePng({ width, height, data }).toBase64()}`;
  }
}

/** `#rrggbb`, `rgb(r, g, b)` or `rgba(r, g, b, a)` as bytes. */
function channelsOf(colour: string): number[] {
  if (colour.startsWith("#")) {
    const value = parseInt(colour.slice(1), 16);
    return [value >> 16, value >> 8 & 255, value & 255, 255];
  }
  const [red, green, blue, alpha = 1] = Array.from(colour.matchAll(/[\d.]+/g), Number);
  return [red!, green!, blue!, 255 * alpha];
}
