/** `deno task convert`: a model of any format as a folder that transformers, PaddleNLP or NumPy read. */
import { type OptionTable, ProgressBar } from "../lib/config/mod.ts";
import { convertModel, TARGETS } from "../lib/weights/mod.ts";
import { runTask } from "./flags.ts";

export const CONVERT_OPTIONS = {
  model: {
    type: "path",
    required: true,
    help:
      "Folder, file (safetensors, .bin, .pt, .pdparams or .npz, of this toolkit, PaddleNLP or transformers) or org/name on the hub; the flag itself may be left out",
  },
  to: {
    type: "string",
    required: true,
    choices: TARGETS,
    help: "hf: transformers' names and layout; paddle: PaddleNLP's; npz: PaddleNLP's names, for NumPy",
  },
  out: {
    type: "path",
    default: "./converted",
    help: "Folder to write: weights, config.json, vocabulary, tokenizer",
  },
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "convert",
  summary: "Write a model as others read it: transformers, PaddleNLP, NumPy.",
  table: CONVERT_OPTIONS,
  positional: "model",
  examples: [
    "deno task convert output/base/checkpoint-100000 --to hf --out my-model",
    "deno task convert pytorch_model.bin --to paddle --out my-model-paddle",
  ],
  async main({ model, to, out }, { signal }) {
    const bar = new ProgressBar({ label: "Converting", unit: "tensors" });
    const onTensor = (done: number, total: number) => bar.update(done, `of ${total}`);
    const { file, tensors, notes } = await convertModel(model, to, out, { signal, onTensor })
      .finally(() => bar.finish());
    for (const note of notes) console.error(`Note: ${note}`);
    console.log(`${tensors} tensors are in ${file}`);
  },
});
