/** Packing: from lines of text to corpus files, and from corpus files to masked batches. */
export {
  checkNpySize,
  decodeNpy,
  decodeNpyHeader,
  encodeNpy,
  encodeNpyHeader,
  type NpyArray,
  type NpyData,
  type NpyDtype,
  type NpyHeader,
} from "./npy.ts";
export { decodeNpz, encodeNpz } from "./npz.ts";
export { mersenneShuffle, RandomStream, shuffledOrder, type StreamPosition } from "./random.ts";
