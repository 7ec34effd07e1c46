/** A run that begins with weights of elsewhere: what there is is taken, what there is not starts fresh, and it says which. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { resolveOptions } from "../../lib/config/mod.ts";
import { preprocess } from "../../lib/preprocessing/mod.ts";
import { buildVocabulary, generateCorpus } from "../../lib/text/mod.ts";
import { loadCheckpoint, pretrain, PRETRAIN_OPTIONS } from "../../lib/training/mod.ts";
import {
  huggingFaceNames,
  type TensorData,
  type Weights,
  writeNpz,
  writeSafetensors,
} from "../../lib/weights/mod.ts";

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const data = join(folder, "data"), text = join(folder, "text.txt");
await Deno.writeTextFile(text, [...generateCorpus({ sentences: 40, seed: 1 })].join("\n") + "\n");
const { vocabulary } = await buildVocabulary([...generateCorpus({ sentences: 300, seed: 1 })]);
await Deno.mkdir(data);
await preprocess({ inputPath: text, outputFile: join(data, "samples"), vocabulary, tool: "jieba" });

/** One step with a learning rate that changes nothing a float32 could hold; gives the weights and what was said. */
async function run(output: string, given: Record<string, unknown> = {}) {
  const options = { input_dir: data, preset: "tiny", batch_size: 2, max_seq_length: 24, max_steps: 1 };
  const lines: string[] = [];
  const { folder: checkpoint } = await pretrain(
    resolveOptions(PRETRAIN_OPTIONS, {
      ...options,
      learning_rate: 1e-30,
      output_dir: join(folder, output),
      ...given,
    }),
    { print: (line) => lines.push(line) },
  );
  return { checkpoint, lines, tensors: (await loadCheckpoint(checkpoint)).model };
}

const first = await run("first", { learning_rate: 1e-3, warmup_steps: 0 });
const { config } = await loadCheckpoint(first.checkpoint);
const { discriminator } = config as { discriminator: Record<string, unknown> };

/** The encoder alone, as the published model is. */
const trunk = new Map(
  [...first.tensors].filter(([name]) => name.startsWith("discriminator.electra."))
    .map(([name, tensor]) => [name.slice("discriminator.".length), tensor]),
);
const lazy = (tensors: ReadonlyMap<string, TensorData>) =>
  new Map(
    [...tensors].map(([name, { dtype, shape, data }]) => [name, { dtype, shape, read: () => data }]),
  ) as Weights;

async function modelFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await Deno.mkdir(path);
  await Deno.writeTextFile(join(path, "config.json"), JSON.stringify(discriminator));
  await Deno.copyFile(join(data, "vocab.txt"), join(path, "vocab.txt"));
  return path;
}

function assertSame(tensors: ReadonlyMap<string, TensorData>, name: string, expected: TensorData) {
  const { shape, data } = tensors.get(name)!, values = expected.data as Float32Array;
  assert.deepEqual(shape, expected.shape, name);
  assert.ok((data as Float32Array).every((value, i) => Object.is(value, values[i])), name);
}

for (const layout of ["paddle", "huggingface"] as const) {
  Deno.test(`the published layout, an encoder alone, under names of ${layout}`, async () => {
    const path = await modelFolder(layout);
    if (layout === "paddle") await writeSafetensors(join(path, "model.safetensors"), trunk);
    else await writeNpz(join(path, "model.npz"), huggingFaceNames(lazy(trunk)));
    const { tensors, lines } = await run(`from ${layout}`, { model_name_or_path: path, seed: 7 });
    for (const [name, tensor] of trunk) assertSame(tensors, `discriminator.${name}`, tensor);
    const words = "electra.embeddings.word_embeddings.weight";
    assertSame(tensors, `generator.${words}`, trunk.get(words)!); // shared
    const fresh = lines.find((line) => line.includes("starting fresh"));
    assert.match(
      fresh ?? "",
      /has none: generator\.electra, generator\.generator_predictions, .*discriminator\.discriminator_csp$/,
    );
    assert.ok(lines.some((line) => line.includes(`Training from the weights of "${path}"`)));
  });
}

Deno.test("all of a pretrained model, generator and heads too; masked words alone take its generator", async () => {
  const { tensors, lines } = await run("all", { model_name_or_path: first.checkpoint, seed: 7 });
  for (const [name, tensor] of first.tensors) assertSame(tensors, name, tensor);
  assert.ok(!lines.some((line) => /fresh|not used/.test(line)), lines.join("\n"));
  const mlm = await run("mlm", { model_name_or_path: first.checkpoint, seed: 7, objective: "mlm" });
  for (const [name, tensor] of mlm.tensors) assertSame(first.tensors, name, tensor);
  assert.ok(mlm.lines.some((line) => /not used of .*: .*discriminator\.electra/.test(line)));
});

Deno.test("what does not fit is refused in one line", async () => {
  const path = await modelFolder("unfit");
  const cases: [() => void, RegExp][] = [
    [
      () => trunkWithout("electra.encoder.layers.1.norm2.bias"),
      /Cannot load ".*": missing discriminator\.electra\.encoder\.layers\.1\.norm2\.bias$/,
    ],
    [() => replaceInConfig({ hidden_act: "relu" }), /hidden_act is "relu", the encoder has gelu alone$/],
    [
      () => replaceInConfig({ intermediate_size: 7 }),
      /of another shape discriminator\.electra.*linear1\.weight \[128,512\], the model needs \[128,7\]/,
    ],
    [
      () => Deno.writeTextFileSync(join(path, "vocab.txt"), [...vocabulary.tokens, "。。"].join("\n") + "\n"),
      /Cannot begin with ".*": its vocabulary is another/,
    ],
  ];
  let weights = trunk;
  const trunkWithout = (name: string) => {
    weights = new Map([...trunk].filter(([other]) => other !== name));
  };
  const replaceInConfig = (change: Record<string, unknown>) => {
    weights = trunk;
    Deno.writeTextFileSync(join(path, "config.json"), JSON.stringify({ ...discriminator, ...change }));
  };
  for (const [change, message] of cases) {
    change();
    await writeSafetensors(join(path, "model.safetensors"), weights);
    await assert.rejects(() => run("refused", { model_name_or_path: path }), { name: "UserError", message });
  }
});
