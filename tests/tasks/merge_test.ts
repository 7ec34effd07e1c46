import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { withFolder } from "../folders.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function run(task: string, args: string[]): Promise<{ code: number; err: string }> {
  const command = ["run", "-A", `${ROOT}tasks/${task}.ts`, ...args];
  const options = { args: command, env: { NO_COLOR: "1" } };
  const { code, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

Deno.test("the commands of a job array make one corpus", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in/a.txt`, "患者发热\n患者\n患者发热\n");
    const output = ["--output_file", `${folder}/out/s`];
    const missing = await run("merge", output);
    assert.deepEqual(missing, {
      code: 1,
      err: `error: Cannot merge "${folder}/out/s": there is no vocab.txt beside its shards\n`,
    });
    const vocabulary = ["--vocab_file", `${ROOT}tests/fixtures/text/vocab.txt`];
    const input = ["--input_path", `${folder}/in`, "--tokenize_tool=jieba", "--dedup", ...vocabulary];
    for (const shard of ["0/2", "1/2"]) {
      const { code, err } = await run("preprocess", [...input, ...output, "--shard", shard]);
      assert.equal(code, 0, err);
      const early = await run("merge", output);
      if (shard === "1/2") break;
      assert.equal(early.code, 1);
      assert.match(
        early.err,
        /^error: Cannot merge ".*": shard "s-00001-of-00002" is missing; make it with --shard 1\/2\n$/,
      );
    }
    const merged = await run("merge", [...output, "--remove"]);
    assert.deepEqual(merged, { code: 0, err: "Merged 2 shards: 2 sentences, 6 tokens\n" });
    const left = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    const tokenizer = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"];
    assert.deepEqual(left, [
      "s_ids.npy",
      "s_idx.npz",
      "s_marks.npy",
      "s_report.json",
      ...tokenizer,
      "vocab.txt",
    ]);
  }));
