/** onnxruntime keeps no id of the machine and tells nobody of its sessions. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { modelGraph, writeModel } from "../../lib/deploy/onnx/mod.ts";
import { testInFolder } from "../folders.ts";
import { ENCODER, tinyModel } from "./models.ts";

testInFolder("loading and running a model leaves nothing in a home folder", async (folder) => {
  const { head, parameters } = tinyModel({ kind: "sequence-classification", classes: 2, activation: "tanh" });
  const model = join(folder, "model.onnx"), home = join(folder, "home"), script = join(folder, "script.ts");
  await writeModel(
    model,
    modelGraph({ encoder: ENCODER, head }, parameters, { format: "fp32", packed: false, inputs: 3 }),
  );
  await Deno.mkdir(home);
  await Deno.writeTextFile(
    script,
    `
    import { tokenBatch, WorkerSession } from ${
      JSON.stringify(import.meta.resolve("../../lib/deploy/mod.ts"))
    };
    await using session = await WorkerSession.open(${JSON.stringify(model)});
    const [{ values }] = await session.run(tokenBatch([{ ids: [2, 5, 3] }], 0));
    console.log(values.length);`,
  );
  const { denoDir } = JSON.parse(
    new TextDecoder().decode(
      (await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output()).stdout,
    ),
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--config",
      fileURLToPath(import.meta.resolve("../../deno.json")),
      script,
    ],
    env: { HOME: home, XDG_CACHE_HOME: "", DENO_DIR: denoDir, DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  assert.equal(new TextDecoder().decode(stdout), "2\n", new TextDecoder().decode(stderr));
  assert.deepEqual(Array.from(Deno.readDirSync(home), ({ name }) => name), []); // of it there was .cache/Microsoft
});
