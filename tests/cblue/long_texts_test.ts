/** Texts longer than rows: what becomes of them in training becomes of them in answering, unless one says otherwise. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  answerSplit,
  type Entity,
  finetune,
  FINETUNE_OPTIONS,
  FinetunedModel,
  TASKS,
} from "../../lib/cblue/mod.ts";
import { resolveOptions } from "../../lib/config/mod.ts";
import { testInFolder } from "../folders.ts";
import { writeMadeUpSet } from "./made_up_sets.ts";

/** The entities of a text stand twice: at its beginning, and where rows have ended. */
function twice({ text, entities }: { text: string; entities: { start_idx: number; end_idx: number }[] }) {
  const fill = "\ufeff𠮷，其余无殊。", shift = Array.from(text + fill).length;
  const again = entities.map((one) => ({
    ...one,
    start_idx: one.start_idx + shift,
    end_idx: one.end_idx + shift,
  }));
  return { text: text + fill + text, entities: [...entities, ...again] };
}

testInFolder("a model that was trained on windows reads windows", async (folder) => {
  const data_dir = join(folder, "data"), dataset = await writeMadeUpSet(data_dir, "CMeEE", 60, 12);
  for (const name of [TASKS.CMeEE.files.train, TASKS.CMeEE.files.dev]) {
    const path = join(data_dir, name), records = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify(records.map(twice)));
  }
  const options = resolveOptions(FINETUNE_OPTIONS, {
    ...{ dataset, data_dir, save_dir: join(folder, "run"), preset: "tiny", num_threads: 1, long: "windows" },
    ...{ max_seq_length: 26, batch_size: 16, max_steps: 120, valid_steps: 120, learning_rate: 3e-3 },
  });
  const { best, folder: found } = await finetune(options, { print: () => {} });
  const answeredBy = async (long?: "truncate" | "windows") => {
    using model = await FinetunedModel.open(found, long && { long });
    const answered = await answerSplit(model, data_dir);
    assert.ok(answered.kind === "entities");
    return answered;
  };
  const asTrained = await answeredBy(), cut = await answeredBy("truncate");
  const { value } = asTrained.evaluation.score;
  assert.equal(value, best!.score.value);
  assert.ok(cut.evaluation.score.value < 0.8 * value, `${cut.evaluation.score.value} ${value}`); // what is cut off is not found

  // places are the text's, also behind characters that are two units of UTF-16
  const spelled = (text: string, { start, end }: Entity) => Array.from(text).slice(start, end).join("");
  const right = new Set(
    asTrained.examples.flatMap(({ text, entities }) => entities!.map((entity) => spelled(text, entity))),
  );
  const behind = asTrained.examples.flatMap(({ text }, i) =>
    asTrained.answers[i]!.filter(({ start }) => start > 26).map((entity) => spelled(text, entity))
  );
  const count = behind.filter((spelling) => right.has(spelling)).length;
  assert.ok(count > 0.8 * behind.length && count > 3, `${count} of ${behind.length}`);
});
