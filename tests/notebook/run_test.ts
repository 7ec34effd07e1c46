/** Notebooks that fail in every way, and what is said of them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  checkIsRun,
  checkOutputs,
  checkTypes,
  codeCells,
  compareOutputs,
  formatProblem,
  notebookPage,
  readNotebook,
  runNotebook,
  writeNotebook,
} from "../../lib/notebook/runner/mod.ts";
import { DOOR, notebookOf, withNotebookFolder } from "./folders.ts";

/** Runs a notebook; the problem it ran into, as it is told. */
async function fate(cells: readonly string[], timeout = 60): Promise<{ told: string[]; outputs: number[] }> {
  let told: string[] = [], outputs: number[] = [];
  await withNotebookFolder(async (folder) => {
    const notebook = notebookOf(cells);
    const problems = await runNotebook(join(folder, "x.ipynb"), notebook, { timeout });
    told = problems.map(formatProblem).map((text) => text.replace(folder, "…"));
    outputs = codeCells(notebook).map((cell) => cell.outputs.length);
  });
  return { told, outputs };
}

const FAILURES: [string, string[], RegExp, number[]][] = [
  ["an error", ["1", 'throw new RangeError("too far")', "3"], /^"….x\.ipynb", cell 2: RangeError: too far$/, [
    1,
    1,
    0,
  ]],
  ["a syntax error", ["1", "const = 2", "3"], /^"….x\.ipynb", cell 2: .*most likely the syntax$/, [1, 0, 0]],
  [
    "a cell without end",
    ["1", "await new Promise(() => {})", "3"],
    /^"….x\.ipynb", cell 2: It ran longer than 2 s$/,
    [1, 0, 0],
  ],
  ["a loop without end", ["1", "while (true);", "3"], /^"….x\.ipynb", cell 2: It ran longer than 2 s$/, [
    1,
    0,
    0,
  ]],
  [
    "a program that ends",
    ["1", "Deno.exit(3)", "3"],
    /^"….x\.ipynb", cell 2: The kernel ended with code 3$/,
    [1, 0, 0],
  ],
  [
    "a killed kernel",
    ["1", 'Deno.kill(Deno.pid, "SIGKILL")', "3"],
    /^"….x\.ipynb", cell 2: The kernel was ended by SIGKILL$/,
    [1, 0, 0],
  ],
];

for (const [name, cells, expected, outputs] of FAILURES) {
  Deno.test(`the runner tells of ${name}, and of what was put out before`, async () => {
    const found = await fate(cells, name.endsWith("without end") ? 2 : 60);
    assert.equal(found.told.length, 1);
    assert.match(found.told[0]!, expected);
    assert.deepEqual(found.outputs, outputs);
  });
}

Deno.test("types and syntax are checked over cells, and an error has its notebook, cell and line", async () => {
  await withNotebookFolder(async (folder) => {
    const at = (name: string, cells: string[]) => ({ path: join(folder, name), notebook: notebookOf(cells) });
    const good = at("good.ipynb", [
      "let steps: number = 5;",
      "const twice = 2 * steps;\ntwice",
      "[1].map(String)",
    ]);
    assert.deepEqual(await checkTypes([good]), []);
    const told = (await checkTypes([
      good,
      at("types.ipynb", ["let steps = 5;", '// a comment\nsteps = "many";\nsteps;']),
      at("twice.ipynb", ["const a = 1;\na;", "const a = 2;\na;"]),
    ])).map(formatProblem).map((text) => text.replace(folder, "…"));
    assert.deepEqual(told.filter((text) => text.includes("types")), [
      `"…/types.ipynb", cell 2, line 2: TS2322: Type 'string' is not assignable to type 'number'.`,
    ]);
    assert.deepEqual(told.filter((text) => text.includes("twice")).map((text) => text.slice(0, 32)), [
      `"…/twice.ipynb", cell 1, line 1:`,
      `"…/twice.ipynb", cell 2, line 1:`,
    ]);
    const [syntax] = await checkTypes([at("syntax.ipynb", ["1;", "\n\nconst = 2;"])]);
    assert.deepEqual([syntax!.cell, syntax!.line], [2, 3]);
    const left = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert.deepEqual(left, ["deno.json"]);
  });
});

Deno.test("parameters are set after the cell that has them", async () => {
  await withNotebookFolder(async (folder) => {
    const notebook = notebookOf(["let steps = 5;\nlet name = '';", "console.log(steps, name)"], [
      "parameters",
    ]);
    const run = (parameters: Record<string, string>) =>
      runNotebook(join(folder, "x.ipynb"), notebook, { timeout: 60, parameters });
    assert.deepEqual(await run({ steps: "7", name: "发热 1" }), []);
    assert.deepEqual(codeCells(notebook)[1]!.outputs, [{
      output_type: "stream",
      name: "stdout",
      text: ["7 发热 1\n"],
    }]);
    assert.equal(codeCells(notebook)[0]!.source, "let steps = 5;\nlet name = '';");
    await assert.rejects(run({ step: "7" }), /^UserError: Cannot set "step": .* did you mean "steps"\?$/);
  });
});

Deno.test("a notebook that was changed after its run, or never run, is told of; so are big outputs and bare figures", async () => {
  await withNotebookFolder(async (folder) => {
    const path = join(folder, "x.ipynb");
    const notebook = notebookOf(["1 + 1", "console.log(2)"]);
    const about = () => checkIsRun({ path, notebook }).map(({ message }) => message);
    assert.match(about()[0]!, /^its code was changed, but not run/);
    assert.deepEqual(await runNotebook(path, notebook, { timeout: 60 }), []);
    await writeNotebook(path, notebook);
    const read = await readNotebook(path);
    assert.deepEqual(read, JSON.parse(JSON.stringify(notebook)));
    assert.deepEqual(
      [...checkIsRun({ path, notebook: read }), ...checkOutputs({ path, notebook: read })],
      [],
    );

    const [first, second] = codeCells(notebook);
    Object.assign(second!, { source: "console.log(3)" });
    assert.match(about()[0]!, /^its code was changed, but not run/);
    Object.assign(second!, { source: "console.log(2)", execution_count: 5 });
    assert.match(about()[0]!, /^it was not run in its turn/);

    const display = (data: Record<string, unknown>) => ({
      output_type: "display_data" as const,
      data,
      metadata: {},
    });
    const messages = (data: Record<string, unknown>) => {
      first!.outputs = [display(data)];
      return checkOutputs({ path, notebook }).map(({ cell, message }) => `${cell} ${message}`);
    };
    assert.deepEqual(messages({ "text/plain": "x".repeat(300_000) }), [
      "1 an output has 301 KB; 300 are the most: show less of it",
    ]);
    const plotly = { "application/vnd.plotly.v1+json": {}, "text/plain": "figure" };
    assert.deepEqual(messages(plotly), ["1 a figure has no picture, neither image/png nor image/svg+xml"]);
    assert.deepEqual(messages({ ...plotly, "image/png": "" }), []);
    assert.deepEqual(messages({ "text/html": "<b>2</b>" }), ["1 an output has no text/plain"]);

    first!.outputs = [display({ ...plotly, "image/svg+xml": "" })];
    assert.deepEqual(compareOutputs(path, read, notebook).map(({ cell, message }) => `${cell} ${message}`), [
      "1 it put out application/vnd.plotly.v1+json, image/png, text/plain, where text/plain is committed",
    ]);
  });
});

Deno.test("outputs of the room: figures in three forms, an updated display once, the last value last; the page has all", async () => {
  await withNotebookFolder(async (folder) => {
    const notebook = notebookOf([
      `import { plot, show, LivePlot, Progress, table } from "${DOOR}";`,
      'plot({ loss: [3, 2, 1] }, { title: "损失" })',
      "await show(table([{ disease: '肺炎 <b>' }]))",
      `const live = new LivePlot({ title: "live", interval: 0 });
for (let step = 1; step <= 2000; step++) await live.add(step, { loss: 1 / step });
await live.finish()`,
      `const progress = new Progress({ label: "Working", unit: "items", total: 3 });
for (let i = 1; i <= 3; i++) await progress.update(i);
await progress.finish()`,
    ]);
    assert.deepEqual(await runNotebook(join(folder, "x.ipynb"), notebook, { timeout: 120 }), []);
    const types = codeCells(notebook).map(({ outputs }) =>
      outputs.map((output) =>
        "data" in output ? Object.keys(output.data).filter((type) => !type.startsWith("image/")) : []
      )
    );
    const figure = ["application/vnd.plotly.v1+json", "text/plain"], html = ["text/html", "text/plain"];
    assert.deepEqual(types, [[], [figure], [html], [figure], [html]]);
    assert.deepEqual(checkOutputs({ path: "x", notebook }), []);

    const page = notebookPage("x", notebook);
    assert.equal(page.split("plotly.js (cartesian - minified)").length - 1, 1);
    assert.match(page, /肺炎 &lt;b&gt;/);
    assert.match(page, /Content-Security-Policy" content="default-src 'none'/);
    assert.equal(page.split("Plotly.newPlot(document").length - 1, 2);
  });
});
