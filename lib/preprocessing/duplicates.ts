/**
 * Finding lines that were there before, in bounded memory.
 *
 * A first pass over the whole input writes a hash of every text to one of many bucket files, by the hash's first bits; equal
 * texts meet in one bucket, which fits into memory. What is found is a bit for each text, and how many texts each block has,
 * so that the second pass can tell workers which texts of a block to leave out. Memory: one bucket, a bit for each text,
 * four bytes for each block.
 */
import { UserError } from "../config/mod.ts";
import { HASH_BYTES } from "./block_encoder.ts";
import type { EncoderPool } from "./encoder_pool.ts";
import {
  type InputPlan,
  type Position,
  readSegments,
  type Segment,
  type Shard,
  shardSegments,
  startPosition,
} from "./input_plan.ts";
import type { WorkFolder } from "./work_folder.ts";

/** How far the first pass is: part of a work folder's state. */
export interface DuplicatesState {
  position: Position;
  /** Texts hashed. */
  texts: number;
  /** Blocks hashed. */
  blocks: number;
  /** Texts and blocks before the first one of our own shard. */
  before: { texts: number; blocks: number };
  isDone: boolean;
}

/** Texts of each block, as 32-bit numbers. */
const BLOCKS = "blocks";
const DUPLICATES = "duplicates";
const RECORD_BYTES = HASH_BYTES + 8; // with the text's number
const BUCKET_TEXT_BYTES = 256 << 20; // at 100 bytes a line, a bucket takes 64 MB
const MAX_BUCKETS = 256; // as many as a hash's first byte tells apart

/**
 * State of a first pass that starts.
 *
 * @returns zeros
 */
export function emptyDuplicates(): DuplicatesState {
  return {
    position: startPosition(),
    texts: 0,
    blocks: 0,
    before: { texts: 0, blocks: 0 },
    isDone: false,
  };
}

/** Which texts are duplicates, block after block of one shard. */
export class Duplicates {
  readonly #bits: Uint8Array;
  readonly #blocks: Int32Array;
  #text: number;
  #block: number;

  private constructor(bits: Uint8Array, blocks: Int32Array, text: number, block: number) {
    [this.#bits, this.#blocks, this.#text, this.#block] = [bits, blocks, text, block];
  }

  /**
   * Finds the duplicates of the whole input, or what an interrupted run found.
   *
   * @param work where the hashes go
   * @param state how far the pass is; part of the work folder's state
   * @param pool hashes blocks
   * @param plan the input
   * @param shard whose blocks will be asked for
   * @param onProgress hears how many bytes on disk are read
   * @returns the duplicates, before the shard's first block
   * @throws {UserError} if a file cannot be read or written
   */
  static async find(
    work: WorkFolder<unknown>,
    state: DuplicatesState,
    pool: EncoderPool,
    plan: InputPlan,
    shard: Shard,
    onProgress: (bytes: number) => void,
  ): Promise<Duplicates> {
    if (!state.isDone) {
      const buckets = Math.min(MAX_BUCKETS, Math.max(1, Math.ceil(plan.totalBytes / BUCKET_TEXT_BYTES)));
      await hashTexts(work, state, pool, plan, shard, buckets, onProgress);
      await work.finish(BLOCKS);
      await work.append(DUPLICATES, await resolveBuckets(work, state.texts, buckets));
      await work.finish(DUPLICATES);
      state.isDone = true;
      await work.commit();
      await work.save();
    }
    for (let i = 0; i < MAX_BUCKETS; i++) await work.forget(bucketName(i));
    const bits = await Deno.readFile(work.pathOf(DUPLICATES));
    const blocks = await Deno.readFile(work.pathOf(BLOCKS));
    const { texts, blocks: block } = state.before;
    return new Duplicates(bits, new Int32Array(blocks.buffer), texts, block);
  }

  /**
   * Tells the duplicates of the next block.
   *
   * @returns 1 for each text that is one, else 0
   */
  next(): Uint8Array<ArrayBuffer> {
    const count = this.#blocks[this.#block++];
    if (count === undefined) {
      throw new UserError("Cannot find duplicates: the input changed while it was read");
    }
    const isDuplicate = new Uint8Array(count);
    for (let i = 0; i < count; i++, this.#text++) {
      isDuplicate[i] = this.#bits[Math.floor(this.#text / 8)]! >> this.#text % 8 & 1; // beyond 2³² too
    }
    return isDuplicate;
  }

  /**
   * Passes over blocks that an interrupted run has written.
   *
   * @param blocks how many
   */
  skip(blocks: number): void {
    for (let i = 0; i < blocks; i++) this.#text += this.#blocks[this.#block++]!;
  }
}

/** Writes the hash of every text to its bucket. */
async function hashTexts(
  work: WorkFolder<unknown>,
  state: DuplicatesState,
  pool: EncoderPool,
  plan: InputPlan,
  shard: Shard,
  buckets: number,
  onProgress: (bytes: number) => void,
): Promise<void> {
  // Every shard's blocks are cut as the second pass will cut them.
  const segments: Segment[] = [];
  let own = 0;
  for (let index = 0; index < shard.count; index++) {
    if (index === shard.index) own = segments.length;
    segments.push(...await shardSegments(plan, { index, count: shard.count }));
  }
  async function* jobs() {
    for await (const placed of readSegments(segments, state.position)) {
      const { block, segment: { format } } = placed;
      yield { request: { kind: "hash", block, format } as const, placed };
    }
  }
  const writer = new BucketWriter(work, buckets);
  for await (const [{ placed }, response] of pool.run(jobs())) {
    if (response.kind !== "hashed") throw new Error(`Unexpected answer "${response.kind}" of a worker`);
    const { hashes } = response;
    const count = hashes.length / HASH_BYTES;
    await writer.add(hashes, state.texts);
    await work.append(BLOCKS, new Uint8Array(Int32Array.of(count).buffer));
    if (placed.index < own) state.before = { texts: state.texts + count, blocks: state.blocks + 1 };
    state.texts += count;
    state.blocks++;
    state.position = {
      segment: placed.index,
      offset: placed.block.end,
      line: 0,
      fileBytes: placed.fileBytes,
    };
    await work.commit();
    onProgress(placed.fileBytes);
  }
}

/** Records of one block at a time, sorted into buckets. */
class BucketWriter {
  readonly #work: WorkFolder<unknown>;
  readonly #buckets: number;

  constructor(work: WorkFolder<unknown>, buckets: number) {
    this.#work = work;
    this.#buckets = buckets;
  }

  async add(hashes: Uint8Array, firstText: number): Promise<void> {
    const count = hashes.length / HASH_BYTES;
    const parts = Array.from({ length: this.#buckets }, () => [] as number[]);
    for (let i = 0; i < count; i++) parts[hashes[i * HASH_BYTES]! % this.#buckets]!.push(i);
    for (const [bucket, texts] of parts.entries()) {
      if (texts.length === 0) continue;
      const records = new Uint8Array(texts.length * RECORD_BYTES);
      const view = new DataView(records.buffer);
      texts.forEach((i, k) => {
        records.set(hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES), k * RECORD_BYTES);
        view.setFloat64(k * RECORD_BYTES + HASH_BYTES, firstText + i, true);
      });
      await this.#work.append(bucketName(bucket), records);
    }
  }
}

/** Goes through the buckets one by one; within each the texts are in the input's order. */
async function resolveBuckets(
  work: WorkFolder<unknown>,
  texts: number,
  buckets: number,
): Promise<Uint8Array> {
  const bits = new Uint8Array(Math.ceil(texts / 8));
  for (let bucket = 0; bucket < buckets; bucket++) {
    await work.finish(bucketName(bucket));
    const records = await Deno.readFile(work.pathOf(bucketName(bucket)));
    const view = new DataView(records.buffer);
    for (const at of repeatedRecords(records)) {
      const text = view.getFloat64(at + HASH_BYTES, true);
      bits[Math.floor(text / 8)]! |= 1 << text % 8;
    }
  }
  return bits;
}

/** Where records are whose hash an earlier record has: a hash table with linear probing over the records themselves. */
function* repeatedRecords(records: Uint8Array): Generator<number> {
  const view = new DataView(records.buffer);
  const count = records.length / RECORD_BYTES;
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * count + 1))); // number of the record + 1; 0 is free
  const isSame = (a: number, b: number) => {
    for (let i = 0; i < HASH_BYTES; i += 4) {
      if (view.getUint32(a + i, true) !== view.getUint32(b + i, true)) return false;
    }
    return true;
  };
  for (let record = 0; record < count; record++) {
    const at = record * RECORD_BYTES;
    let slot = view.getUint32(at + 4, true) & (slots.length - 1);
    while (slots[slot] !== 0 && !isSame(at, (slots[slot]! - 1) * RECORD_BYTES)) {
      slot = (slot + 1) & (slots.length - 1);
    }
    if (slots[slot] === 0) slots[slot] = record + 1;
    else yield at;
  }
}

function bucketName(index: number): string {
  return `bucket-${index}`;
}
