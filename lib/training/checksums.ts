/**
 * A folder whose every file, also one folder down, is vouched for: `SHA256SUMS` in it, as `sha256sum --check SHA256SUMS` reads it too.
 */

import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { type Disk, fileError, UserError, writeAtomically } from "../config/mod.ts";
import { type LazyTensorData, readSafetensors, type TensorData, writeSafetensors } from "../weights/mod.ts";

/** Name of the file that holds the checksums of the others. */
export const CHECKSUMS = "SHA256SUMS";

/** Writes files into a new folder, and their checksums last; they are computed while the disk is busy writing. */
export class ChecksummedWriter {
  readonly #hashes = new Map<string, Hash>();

  /**
   * @param folder - Path of the folder, which exists.
   * @param disk - Where to write.
   */
  constructor(private readonly folder: string, private readonly disk: Disk) {}

  async text(name: string, text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    await writeAtomically(join(this.folder, name), [bytes], this.disk, this.#hash(name));
  }

  async json(name: string, value: unknown): Promise<void> {
    await this.text(name, JSON.stringify(value, null, 2) + "\n");
  }

  async tensors(
    name: string,
    tensors: Iterable<[string, TensorData | LazyTensorData]>,
    metadata: Record<string, string> = {},
  ): Promise<void> {
    const options = { metadata, disk: this.disk, hash: this.#hash(name) };
    await writeSafetensors(join(this.folder, name), tensors, options);
  }

  /** Writes the checksums; without this the folder is as good as damaged. */
  async finish(): Promise<void> {
    const lines = [...this.#hashes].map(([name, hash]) => `${hash.digest("hex")}  ${name}\n`);
    await writeAtomically(
      join(this.folder, CHECKSUMS),
      [new TextEncoder().encode(lines.join(""))],
      this.disk,
    );
  }

  #hash(name: string): Hash {
    const hash = createHash("sha256");
    this.#hashes.set(name, hash);
    return hash;
  }
}

/** Reads files of a folder, each checked against its checksum on the way; without `SHA256SUMS` all are taken as they are. */
export class ChecksummedReader {
  readonly #unread: Set<string>;

  private constructor(private readonly folder: string, private readonly sums?: ReadonlyMap<string, string>) {
    this.#unread = new Set(sums?.keys());
  }

  /**
   * @param folder - Path of the folder.
   * @throws {UserError} When its checksums cannot be read.
   */
  static async open(folder: string): Promise<ChecksummedReader> {
    const path = join(folder, CHECKSUMS);
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return new ChecksummedReader(folder);
      throw fileError("read", path, error);
    }
    const sums = new Map<string, string>();
    for (const [index, line] of text.split("\n").entries()) {
      if (line === "") continue; // after the last line break
      const [, sum, name] = /^([0-9a-f]{64}) [ *]((?:\w+\/)?[^/]+)$/.exec(line) ?? [];
      if (!sum || !name) {
        throw new UserError(`Cannot read "${path}": line ${index + 1} is no checksum of a file`);
      }
      sums.set(name, sum);
    }
    return new ChecksummedReader(folder, sums);
  }

  /** Whether the folder has checksums at all. */
  get hasChecksums(): boolean {
    return this.sums !== undefined;
  }

  /** Files with a checksum that nobody has read yet. */
  get unread(): readonly string[] {
    return [...this.#unread];
  }

  /** @throws {UserError} When the file is missing, other than it was written, or no UTF-8. */
  async text(name: string): Promise<string> {
    const path = join(this.folder, name);
    let bytes: Uint8Array;
    try {
      bytes = await Deno.readFile(path);
    } catch (error) {
      throw fileError("read", path, error);
    }
    this.#check(name, createHash("sha256").update(bytes));
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new UserError(`Cannot read "${path}": it is not valid UTF-8`, { cause });
    }
  }

  /** @throws {UserError} When the file is missing, other than it was written, or no JSON. */
  async json(name: string): Promise<unknown> {
    const text = await this.text(name);
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new UserError(`Cannot read "${join(this.folder, name)}": it is not valid JSON`, { cause });
    }
  }

  /** @throws {UserError} When the file is missing, other than it was written, or no safetensors file. */
  async tensors(name: string): Promise<Map<string, TensorData>> {
    if (!this.sums) return await readSafetensors(join(this.folder, name));
    const hash = createHash("sha256");
    const tensors = await readSafetensors(join(this.folder, name), { hash });
    this.#check(name, hash);
    return tensors;
  }

  #check(name: string, hash: Hash): void {
    if (!this.sums) return;
    const path = join(this.folder, name);
    const expected = this.sums.get(name);
    if (expected === undefined) {
      throw new UserError(`Cannot trust "${path}": it has no checksum in ${CHECKSUMS}`);
    }
    if (hash.digest("hex") !== expected) {
      throw new UserError(`Cannot trust "${path}": it is not as it was written, its checksum differs`);
    }
    this.#unread.delete(name);
  }
}
