/**
 * Pixels as PNG files, small ones: charts have few colours, so that a byte a pixel mostly does.
 *
 * Source: ISO/IEC 15948, Portable Network Graphics.
 *
 * @module
 */
import { crc32, deflateSync } from "node:zlib";
import { joined } from "../bytes.ts";

/** A picture in memory. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, alpha of each pixel, row by row. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
const PALETTE = 3, RGBA = 6; // colour types
const MOST_COLOURS = 256;

/**
 * Encodes a picture: with a palette where it has no more than 256 colours, else with four bytes a pixel.
 *
 * @param pixels what is seen
 * @returns a PNG file
 *
 * @example
 * ```ts
 * import { encodePng } from "./png.ts";
 * console.log(encodePng({ width: 1, height: 1, data: Uint8Array.of(255, 0, 0, 255) }).length); // 84
 * ```
 */
export function encodePng({ width, height, data }: Pixels): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(data.buffer.slice(data.byteOffset, data.byteOffset + 4 * width * height));
  const indices = new Map<number, number>();
  for (const word of words) {
    if (indices.has(word)) continue;
    if (indices.size === MOST_COLOURS) {
      return file(width, height, RGBA, [
        chunk("IDAT", rows(new Uint8Array(words.buffer), 4 * width, height)),
      ]);
    }
    indices.set(word, indices.size);
  }
  const colours = new Uint8Array(Uint32Array.from(indices.keys()).buffer); // RGBA of each
  const ofColours = (channels: readonly number[]) =>
    Uint8Array.from(
      { length: indices.size * channels.length },
      (_, i) => colours[4 * Math.floor(i / channels.length) + channels[i % channels.length]!]!,
    );
  const places = new Uint8Array(words.length);
  for (let i = 0; i < words.length; i++) places[i] = indices.get(words[i]!)!;
  return file(width, height, PALETTE, [
    chunk("PLTE", ofColours([0, 1, 2])),
    chunk("tRNS", ofColours([3])),
    chunk("IDAT", rows(places, width, height)),
  ]);
}

/**
 * Makes nearly equal colours equal, so that a chart with smooth edges keeps within a palette.
 *
 * @param pixels what is seen
 * @param bits bits of each channel that stay, 1 to 8
 * @returns the same picture in coarser colours; white and black stay what they are
 */
export function coarser({ width, height, data }: Pixels, bits: number): Pixels {
  const steps = 2 ** bits - 1;
  const nearest = Uint8Array.from(
    { length: 256 },
    (_, value) => Math.round(Math.round(value * steps / 255) * 255 / steps),
  );
  const rounded = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) rounded[i] = nearest[data[i]!]!;
  return { width, height, data: rounded };
}

function file(
  width: number,
  height: number,
  colourType: number,
  chunks: Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8; // bits a channel, or an index
  header[9] = colourType;
  return joined([SIGNATURE, chunk("IHDR", header), ...chunks, chunk("IEND", new Uint8Array())]);
}

/** Rows without a filter, which pictures of a palette compress best with. */
function rows(bytes: Uint8Array, stride: number, height: number): Uint8Array {
  const filtered = new Uint8Array((stride + 1) * height);
  for (let y = 0; y < height; y++) {
    filtered.set(bytes.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  }
  return deflateSync(filtered, { level: 9 });
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + content.length), view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  new TextEncoder().encodeInto(type, bytes.subarray(4));
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}
