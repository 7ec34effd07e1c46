/**
 * transformers.js answers texts with an exported classifier; started by `onnx.ts` in a process of its own, since the package is
 * needed nowhere else: a request in JSON on standard input, answers in JSON on standard output.
 */
import { basename, dirname } from "node:path";

const PACKAGE = "npm:@huggingface/transformers@4.3.1";
const folder = Deno.args[0]!;
const { texts, dtypes } = await new Response(Deno.stdin.readable).json() as {
  texts: string[];
  dtypes: string[];
};
const { pipeline, env } = await import(PACKAGE);
env.allowRemoteModels = false;
env.localModelPath = dirname(folder);
const answers: Record<string, { label: string; score: number }[]> = {};
for (const dtype of dtypes) {
  const classify = await pipeline("text-classification", basename(folder), { dtype });
  answers[dtype] = [];
  for (const text of texts) answers[dtype].push(...await classify(text));
}
console.log(JSON.stringify({ version: env.version, answers }));
