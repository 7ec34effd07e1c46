/**
 * A corpus with few words: what the peers take for hundreds of steps grows with the vocabulary.
 *
 * @module
 */
import { join } from "node:path";
import { encodeNpy, encodeNpz, type Sentences } from "../../lib/packing/mod.ts";
import type { Vocabulary } from "../../lib/text/mod.ts";

/**
 * Writes a corpus anew with its commonest tokens alone; the others become `[UNK]`.
 *
 * @param folder where its files and `vocab.txt` go
 * @param sentences the corpus
 * @param vocabulary its vocabulary
 * @param options.size tokens of the new vocabulary, the special ones included
 * @param options.every take the first of so many sentences
 */
export async function writeSmallCorpus(
  folder: string,
  sentences: Sentences,
  vocabulary: Vocabulary,
  { size, every }: { size: number; every: number },
) {
  const numbers = Array.from({ length: Math.ceil(sentences.length / every) }, (_, i) => i * every);
  const texts = numbers.map((n) => sentences.sentence(n));
  const counts = new Map<number, number>();
  for (const { ids } of texts) for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);

  const { padId, unkId, clsId, sepId, maskId } = vocabulary;
  const special = [padId, unkId, clsId, sepId, maskId];
  const common = [...counts.keys()].filter((id) => !special.includes(id))
    .sort((a, b) => counts.get(b)! - counts.get(a)! || a - b).slice(0, size - special.length);
  const chosen = [...special, ...common];
  const newIds = new Map(chosen.map((id, i) => [id, i]));

  const unknown = special.indexOf(unkId);
  const ids = Uint16Array.from(
    texts.flatMap(({ ids }) => Array.from(ids, (id) => newIds.get(id) ?? unknown)),
  );
  const marks = new Uint8Array(Math.ceil(ids.length / 8)); // a bit for each id, first one highest
  texts.flatMap(({ isSuffix }) => [...isSuffix]).forEach((mark, i) => marks[i >> 3]! |= mark << (7 - i % 8));
  const lens = Int32Array.from(texts, ({ ids }) => ids.length);

  await Deno.mkdir(folder, { recursive: true });
  const write = (name: string, bytes: Uint8Array) => Deno.writeFile(join(folder, name), bytes);
  await write("small_ids.npy", encodeNpy({ dtype: "u2", shape: [ids.length], data: ids }));
  await write("small_marks.npy", encodeNpy({ dtype: "u1", shape: [marks.length], data: marks }));
  await write(
    "small_idx.npz",
    encodeNpz({
      lens: { dtype: "i4", shape: [lens.length], data: lens },
      word_marks: { dtype: "i4", shape: [1], data: Int32Array.of(1) },
    }),
  );
  await Deno.writeTextFile(
    join(folder, "vocab.txt"),
    chosen.map((id) => vocabulary.tokenOf(id) + "\n").join(""),
  );
}
