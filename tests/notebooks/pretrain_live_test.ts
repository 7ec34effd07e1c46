/** The live notebook: Stop keeps all that it holds, and another kernel goes on from the last checkpoint. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeCells, Kernel, readNotebook, textOf } from "../../lib/notebook/runner/mod.ts";
import { readTrainingRecords } from "../../lib/training/mod.ts";
import { testInFolder } from "../folders.ts";

const NOTEBOOK = fileURLToPath(new URL("../../notebooks/03_pretrain_live.ipynb", import.meta.url));
const TIMEOUT = 300; // seconds

/** Runs code in a kernel and presses Stop when it has shown so many pictures. */
async function run(kernel: Kernel, code: string, stopAtPicture = Infinity): Promise<string> {
  let text = "", pictures = 0;
  const reply = await kernel.execute(code, {
    timeout: TIMEOUT,
    onOutput({ type, content }) {
      if (type === "stream") text += `${content.text}`;
      if (/display_data$/.test(type) && ++pictures === stopAtPicture) kernel.interrupt();
    },
  });
  assert.equal(reply.status, "ok", reply.evalue);
  return text;
}

testInFolder("notebook 03: Stop, go on, and go on in another kernel", async (folder) => {
  const cells = codeCells(await readNotebook(NOTEBOOK)).map(({ source }) => textOf(source));
  const training = cells.findIndex((code) => code.startsWith("await train(pauseAt)"));
  const runFolder = join(folder, "run");
  const parameters = { sentences: 100, runFolder, batchSize: 2, pauseAt: 0, saveSteps: 7, steps: 4000 };
  const assignments = Object.entries(parameters).map(([name, value]) =>
    `${name} = ${JSON.stringify(value)};`
  );
  const beforeTraining = [`${cells[0]}\n${assignments.join("\n")}`, ...cells.slice(1, training)];
  const startKernel = async () => {
    const kernel = await Kernel.start({ folder: dirname(NOTEBOOK) });
    for (const code of beforeTraining) await run(kernel, code);
    return kernel;
  };
  const stoppedAt = (text: string) => Number(/^Step (\d+) of 4000, saved in /m.exec(text)?.[1]);

  let stopped = 0;
  {
    await using kernel = await startKernel();
    const first = stoppedAt(await run(kernel, cells[training]!, 1));
    assert.ok(first > 0 && first < 4000);
    assert.equal(await run(kernel, "console.log(options.max_steps)"), "4000\n"); // all is still there
    stopped = stoppedAt(await run(kernel, cells[training]!, 2)); // the first picture has the curves so far
    assert.ok(stopped > first);

    const isSaved = () =>
      [...Deno.readDirSync(runFolder)].some(({ name }) =>
        Number(/^checkpoint-(\d+)$/.exec(name)?.[1]) > stopped
      );
    const died = run(kernel, cells[training]!).then(() => "ended", () => "died");
    while (!isSaved()) await new Promise((resolve) => setTimeout(resolve, 20));
    Deno.kill(kernel.pid, "SIGKILL");
    assert.equal(await died, "died");
  }
  await using kernel = await startKernel();
  assert.ok(stoppedAt(await run(kernel, cells[training]!, 2)) > stopped);
  const steps = (await readTrainingRecords(runFolder)).map(({ step }) => step);
  assert.deepEqual(steps, steps.map((_, i) => 5 * (i + 1))); // none missing, none twice
});
