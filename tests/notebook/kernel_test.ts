/** Cells in real kernels. */
import assert from "node:assert/strict";
import { Kernel, type KernelMessage } from "../../lib/notebook/runner/mod.ts";
import { DOOR, isRunning, ROOT, until, withNotebookFolder } from "./folders.ts";

/** Runs cells in one kernel; gives the outputs of each. */
async function run(folder: string, cells: readonly string[]): Promise<KernelMessage[][]> {
  await using kernel = await Kernel.start({ folder });
  const outputs: KernelMessage[][] = [];
  for (const cell of cells) {
    const own: KernelMessage[] = [];
    outputs.push(own);
    await kernel.execute(cell, { onOutput: (message) => own.push(message) });
  }
  return outputs;
}

Deno.test("no output of 60 cells is lost: results, lines, displays", async () => {
  const kinds = [
    (i: number) => `${i} + 1`,
    (i: number) => `console.log("line ${i}")`,
    (i: number) => `await Deno.jupyter.display({ "text/plain": "display ${i}" }, { raw: true })`,
  ];
  await withNotebookFolder(async (folder) => {
    const outputs = await run(folder, Array.from({ length: 60 }, (_, i) => kinds[i % 3]!(i)));
    const texts = outputs.map((own) =>
      own.map(({ type, content }) =>
        type === "stream" ? content.text : (content.data as Record<string, string>)["text/plain"]
      ).join("").trim()
    );
    const expected = Array.from({ length: 60 }, (_, i) => [`${i + 1}`, `line ${i}`, `display ${i}`][i % 3]);
    assert.deepEqual(texts, expected);
  });
});

Deno.test("run all: the last value of each cell stands beneath its own cell, though the next one waits already", async () => {
  await withNotebookFolder(async (folder) => {
    await using kernel = await Kernel.start({ folder });
    await kernel.execute(`import { table } from "${DOOR}";`);
    const texts = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const own: KernelMessage[] = [];
      await kernel.execute(`table([{ n: ${i} }])`, { onOutput: (message) => own.push(message) });
      return own.map(({ content }) => (content.data as Record<string, string>)["text/plain"]).join();
    }));
    assert.deepEqual(
      texts,
      texts.map((_, i) => `${" ".repeat(i < 10 ? 0 : 1)}n\n${i < 10 ? "-" : "--"}\n${i}`),
    );
  });
});

Deno.test("messages of many sizes arrive whole", async () => {
  await withNotebookFolder(async (folder) => {
    const sizes = [1, 255, 256, 65_536, 1_000_000];
    const show = (size: number) =>
      `await Deno.jupyter.display({ "text/plain": "中".repeat(${size}) }, { raw: true })`;
    const outputs = await run(folder, sizes.map(show));
    const lengths = outputs.map((own) =>
      (own[0]!.content.data as Record<string, string>)["text/plain"]!.length
    );
    assert.deepEqual(lengths, sizes);
  });
});

Deno.test("Stop: the listener's cell goes on, the state stays, the next cell works; a cell without one too", async () => {
  await withNotebookFolder(async (folder) => {
    await using kernel = await Kernel.start({ folder });
    const texts: string[] = [];
    const onOutput = ({ content }: KernelMessage) => void texts.push(String(content.text ?? content.evalue));
    await kernel.execute(`import { onStop, turn } from "${DOOR}"; let steps = 0;`);
    for (let round = 0; round < 2; round++) { // the second Stop is heard as the first
      const training = kernel.execute(
        `const signal = onStop(); console.log("begun"); while (!signal.aborted) { steps++; await turn(); } console.log("saved", steps > 0);`,
        { onOutput },
      );
      await until(() => texts.some((text) => text.includes("begun")));
      kernel.interrupt();
      assert.equal((await training).status, "ok");
      assert.match(texts.splice(0).join(""), /saved true/);
    }
    kernel.interrupt(); // while nothing runs
    const after = await kernel.execute("console.log(steps > 0)", { onOutput });
    assert.equal(after.status, "ok");
    assert.match(texts.join(""), /true/);
  });
});

Deno.test("a kernel whose parent was killed ends by itself", async () => {
  await withNotebookFolder(async (folder) => {
    const program = `import { Kernel } from ${
      JSON.stringify(new URL("lib/notebook/runner/kernel.ts", `file://${ROOT}`).href)
    };
      const kernel = await Kernel.start({ folder: ${JSON.stringify(folder)} });
      console.log(kernel.pid);
      await kernel.execute("await new Promise((resolve) => setTimeout(resolve, 60_000))");`;
    const parent = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", `${ROOT}deno.json`, "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = parent.stdin.getWriter();
    await writer.write(new TextEncoder().encode(program));
    await writer.close();
    const reader = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const pid = Number((await reader.read()).value);
    assert.ok(isRunning(pid));
    parent.kill("SIGKILL");
    await parent.status;
    await reader.cancel();
    await until(() => !isRunning(pid));
  });
});

Deno.test("a signal ends a kernel in the middle of a cell", async () => {
  await withNotebookFolder(async (folder) => {
    const abort = new AbortController();
    await using kernel = await Kernel.start({ folder, signal: abort.signal });
    const cell = kernel.execute("while (true);");
    abort.abort();
    await assert.rejects(cell, /^KernelError: The kernel was ended by SIGTERM$/);
    assert.ok(!isRunning(kernel.pid));
  });
});
