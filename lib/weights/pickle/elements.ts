/**
 * The elements of arrays where a pickle left them: in it, in its file, or in a text of its file.
 *
 * @module
 */
import { BinaryFile, invalid } from "../binary_file.ts";
import type { ElementSource } from "../strided.ts";
import type { BytesInFile } from "./unpickler.ts";

const PIECE = 1 << 20; // bytes

/** Elements that lie in a file as they are. */
export function elementsInFile(path: string, position: number, size: number): ElementSource {
  return {
    size,
    hasPieces: true,
    async fill(bytes, start) {
      using file = BinaryFile.open(path);
      await file.fill(position + start, bytes);
    },
  };
}

/** Elements that a pickle holds. */
export function elementsInMemory(elements: Uint8Array): ElementSource {
  return {
    size: elements.length,
    hasPieces: true,
    fill(bytes, start) {
      bytes.set(elements.subarray(start, start + bytes.length));
      return Promise.resolve();
    },
  };
}

/** Elements that protocol 2 wrote as a text of the characters 0 to 255 in UTF-8. */
export function elementsInText(path: string, { position, length }: BytesInFile, size: number): ElementSource {
  return {
    size,
    hasPieces: false,
    async fill(bytes) {
      using file = BinaryFile.open(path);
      const damaged = (what: string) => invalid(path, `an array has ${what}; it is damaged`);
      let count = 0, lead = 0; // bits of the first of two bytes
      for (let at = 0; at < length; at += PIECE) {
        for (const byte of file.read(position + at, Math.min(PIECE, length - at))) {
          if (lead === 0 && byte >= 0x80) {
            lead = byte;
          } else if (lead === 0) {
            bytes[count++] = byte;
          } else {
            if (lead >> 2 !== 0x30 || byte >> 6 !== 2) throw damaged("characters that are no bytes");
            bytes[count++] = (lead & 3) << 6 | byte & 0x3f; // 110000xx 10xxxxxx
            lead = 0;
          }
        }
        await new Promise((resolve) => setTimeout(resolve)); // others get their turn
      }
      if (count !== size || lead !== 0) throw damaged(`${count} bytes, its shape takes ${size}`);
    },
  };
}
