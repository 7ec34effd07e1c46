/**
 * Runs peers against our code, and closes with the counts of all: `3881 passed, 0 failed`.
 *
 *   deno task test:peers                       all of them
 *   deno task test:peers --only segmenters     Python's LAC and jieba against our segmenters
 *   deno task test:peers --only onnx           exported models in Python and transformers.js
 *   deno task test:peers --only hub-cache      Hugging Face's cache, shared with Python's huggingface_hub
 *   deno task test:peers --only model-folders --transformers PYTHON --paddle PYTHON
 *                                              converted models in transformers and PaddleNLP
 *   deno task test:peers --only tfjs-core      tfjs-core's own test suite against our backend
 *   deno task test:peers matmul                the specs of tfjs-core with this in their name
 */
import { parseArgs } from "node:util";
import { UserError } from "../../lib/config/mod.ts";
import { type Counts, formatCounts, sum } from "./counts.ts";

const SUITES = ["segmenters", "onnx", "hub-cache", "model-folders", "tfjs-core"];
const TOOLS = ["jieba", "seg", "lac"];

const { values: flags, positionals: [filter] } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    tool: { type: "string", multiple: true, default: TOOLS },
    sentences: { type: "string", default: "12000" },
    texts: { type: "string", default: "200" },
    python: { type: "string" },
    transformers: { type: "string" },
    paddle: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

async function runSuite(name: string): Promise<Counts> {
  if (name === "tfjs-core") {
    const { runTfjsCore } = await import("./tfjs_core.ts"); // loads TensorFlow
    return await runTfjsCore(filter ?? "");
  }
  if (name === "onnx") {
    const { compareOnnx } = await import("./onnx.ts");
    return await compareOnnx({ texts: Number(flags.texts), python: flags.python });
  }
  if (name === "hub-cache") {
    const { compareHubCache } = await import("./hub_cache.ts");
    return await compareHubCache(flags.python);
  }
  if (name === "model-folders") {
    const { compareModelFolders } = await import("./model_folders.ts");
    const { texts, transformers, paddle } = flags;
    return await compareModelFolders({ texts: Number(texts), transformers, paddle });
  }
  const { compareSegmenters } = await import("./segmenters.ts");
  const { tool: tools, sentences, python } = flags;
  return await compareSegmenters({ tools, sentences: Number(sentences), python });
}

if (flags.help) {
  console.log(
    `deno task test:peers [part of a spec's name] [--only ${SUITES.join("|")}] [--tool ${
      TOOLS.join("|")
    }]... ` +
      "[--sentences N] [--texts N] [--python PYTHON] [--transformers PYTHON] [--paddle PYTHON]",
  );
  Deno.exit();
}
const suites = filter === undefined ? SUITES : ["tfjs-core"];
const chosen = suites.filter((name) => flags.only === undefined || name === flags.only);
try {
  const counts: Counts[] = [];
  for (const name of chosen) counts.push(await runSuite(name));
  const all = sum(counts);
  console.log(formatCounts(all));
  Deno.exit(all.failed > 0 || all.passed === 0 ? 1 : 0); // tfjs-core's suite leaves timers behind
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  Deno.exit(1);
}
