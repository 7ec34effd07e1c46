/** A run of `preprocess` to be killed: input, output and options as arguments; prints how many bytes are read. */
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { VOCABULARY } from "./preprocess_runs.ts";

const [inputPath, outputFile, options] = Deno.args;
await preprocess({
  inputPath: inputPath!,
  outputFile: outputFile!,
  vocabulary: VOCABULARY,
  tool: "jieba",
  onLog: (line) => console.log(line),
  onProgress: ({ bytes }) => console.log(`at ${bytes}`),
  ...JSON.parse(options!),
});
