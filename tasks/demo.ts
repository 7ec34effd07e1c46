/** `deno task demo`: the whole road on generated text, from sentences to a trained model, in a few minutes. */
import { dirname, join } from "node:path";
import {
  fileError,
  type OptionTable,
  resolveOptions,
  UserError,
  writeAtomically,
} from "../lib/config/mod.ts";
import { preprocess } from "../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../lib/text/mod.ts";
import { pretrain, PRETRAIN_OPTIONS } from "../lib/training/mod.ts";
import { runTask } from "./flags.ts";
import { printSummary } from "./summary.ts";

export const DEMO_OPTIONS = {
  output_dir: { type: "path", default: "output/demo", help: "Folder for text, corpus and model" },
  sentences: {
    type: "integer",
    default: 6000,
    min: 100,
    unit: "sentences",
    help: "Size of the generated corpus",
  },
  max_steps: { type: "integer", default: 1000, min: 1, unit: "steps", help: "Training steps" },
  seed: { type: "integer", default: 1, help: "Fixes text, weights and masks" },
} as const satisfies OptionTable;

/** A tiny model learns the generated text with short rows and a high learning rate. */
const RECIPE = { preset: "tiny", batch_size: 16, max_seq_length: 48, learning_rate: 1e-3, logging_steps: 20 };

async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError("use output folder", folder, error);
  }
}

/** A folder holds one demo: run again, it resumes; another one would leave a model without its text. */
async function refuseOther(path: string, settings: Record<string, number>): Promise<void> {
  const content = JSON.stringify(settings);
  const before = await Deno.readTextFile(path).catch(() => undefined);
  if (before === content) return;
  if (before !== undefined) {
    throw new UserError(
      `Cannot use "${dirname(path)}": it holds a demo of ${before}; choose another --output_dir`,
    );
  }
  await makeFolder(dirname(path));
  await writeAtomically(path, [new TextEncoder().encode(content)]);
}

await runTask(import.meta, {
  name: "demo",
  summary: "Generate medical sentences, build a vocabulary, preprocess, and pretrain a tiny model.",
  table: DEMO_OPTIONS,
  async main({ output_dir, sentences, max_steps, seed }, { signal }) {
    const text = join(output_dir, "text"), data = join(output_dir, "data"), model = join(output_dir, "model");
    await refuseOther(join(output_dir, "demo.json"), { sentences, max_steps, seed });
    console.log(`1. Generating ${sentences} sentences into ${text}`);
    const lines = [...generateCorpus({ sentences, seed })];
    for (const folder of [text, data]) await makeFolder(folder);
    const sentencesFile = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
    await writeAtomically(join(text, "sentences.txt"), [sentencesFile]);
    console.log(lines.slice(0, 3).map((line) => `   ${line}`).join("\n"));

    const { vocabulary } = await buildVocabulary(lines);
    console.log(`2. Vocabulary: ${vocabulary.size} tokens`);
    await vocabulary.write(join(data, "vocab.txt"));

    console.log("3. Segmenting with jieba, tokenizing, marking words");
    const corpus = await preprocess({
      inputPath: text,
      outputFile: join(data, "samples"),
      vocabulary,
      tool: "jieba", // lac would have to be installed, for text that it cuts no better
      loggingSteps: sentences,
      signal,
      onLog: () => {},
    });
    console.log(`   ${corpus.sentences} sentences, ${corpus.tokens} tokens`);

    console.log("4. Pretraining: generator and discriminator, all four losses");
    const given = { ...RECIPE, max_steps, seed, input_dir: data, output_dir: model, save_steps: max_steps };
    const summary = await pretrain(resolveOptions(PRETRAIN_OPTIONS, given), { signal });
    await printSummary(summary, model);
    if (signal.aborted) return;
    console.log(`\nNext: your own text, \`deno task preprocess --help\` and \`deno task pretrain --help\``);
    const first = summary.first!, last = summary.last!;
    if (last.step > first.step && !(last.avg_loss! < first.avg_loss!)) {
      throw new UserError(`The loss did not fall: ${first.avg_loss} at first, ${last.avg_loss} at last`);
    }
  },
});
