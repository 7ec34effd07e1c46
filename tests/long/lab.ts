/**
 * The notebooks in JupyterLab in Chromium, run by the menu: each twice, the live one stopped in between. Screenshots are left
 * in `output/lab` to be looked at.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BrowserPage, firstMatch } from "./browser.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PICTURES = join(ROOT, "output", "lab");
const NEEDED = ["lib", "tasks", "notebooks", "mod.ts", "deno.json", "deno.lock", "requirements-lab.txt"];
const HEIGHT = 9000; // of the window: all cells of a notebook
const SLOWEST = 300; // seconds that a notebook may take
const LIVE = "03_pretrain_live.ipynb";

/** How many cells still run, or wait to. */
const BUSY =
  `Array.from(document.querySelectorAll(".jp-InputPrompt")).filter((e) => e.textContent.includes("*")).length`;
const TEXT = `Array.from(document.querySelectorAll(
  '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stdout"]'), (e) => e.textContent).join("")`;
const ERRORS = `Array.from(document.querySelectorAll(
  '[data-mime-type="application/vnd.jupyter.error"]'), (e) => e.textContent).join("")`;
const FIGURES = `document.querySelectorAll(".js-plotly-plot").length`;
/** The picture of the first live plot. */
const PICTURE = `document.querySelector(".jp-RenderedSVG img")?.src ?? ""`;

/** A copy that notebooks may be saved in, with the `.venv` of the project. */
async function copyProject(folder: string): Promise<void> {
  const { success } = await new Deno.Command("cp", { args: ["-r", ...NEEDED, folder], cwd: ROOT }).output();
  assert.ok(success);
  await Deno.symlink(join(ROOT, ".venv"), join(folder, ".venv"));
}

/** Starts `deno task lab`. @returns The address that it prints, and the process. */
async function startLab(folder: string): Promise<{ url: URL; lab: Deno.ChildProcess }> {
  const lab = new Deno.Command(Deno.execPath(), {
    args: ["task", "lab", "--no-browser", "--port", "8899"],
    cwd: folder,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  return { url: new URL(await firstMatch(lab.stderr, /http:\/\/127\S+token=\w+/)), lab };
}

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Clicks the element of a class whose text begins so. */
async function click(page: BrowserPage, className: string, beginning: string): Promise<void> {
  const found = `Array.from(document.querySelectorAll(".${className}")).find((e) =>
    e.textContent.trim().startsWith(${JSON.stringify(beginning)}) && e.getBoundingClientRect().width > 0)`;
  await page.until(`!!${found}`);
  const [x, y] = await page.evaluate(
    `(({ x, y, width, height }) => [x + width / 2, y + height / 2])(${found}.getBoundingClientRect())`,
  ) as number[];
  const event = { x, y, button: "left", clickCount: 1 };
  await page.send("Input.dispatchMouseEvent", { ...event, type: "mouseMoved", button: "none" });
  await page.send("Input.dispatchMouseEvent", { ...event, type: "mousePressed" });
  await page.send("Input.dispatchMouseEvent", { ...event, type: "mouseReleased" });
}

async function choose(page: BrowserPage, menu: string, item: string): Promise<void> {
  await click(page, "lm-MenuBar-item", menu);
  await click(page, "lm-Menu-item", item);
}

/** Runs all cells. @returns The pictures that the live plot showed, each once. */
async function runAll(page: BrowserPage, stopAtPicture = Infinity): Promise<Set<string>> {
  await click(page, "jp-MarkdownCell", "");
  for (let attempt = 0; !await page.evaluate(`${BUSY} > 0`); attempt++) { // while it loads, menus do nothing
    assert.ok(attempt < 5, "the menu does nothing");
    await choose(page, "Run", "Run All Cells");
    await delay(1000);
  }
  const pictures = new Set<string>();
  for (const end = Date.now() + 1000 * SLOWEST; await page.evaluate(BUSY);) {
    assert.ok(Date.now() < end, "it takes too long");
    const picture = await page.evaluate(PICTURE) as string;
    if (picture && !pictures.has(picture)) {
      pictures.add(picture);
      if (pictures.size === stopAtPicture) await choose(page, "Kernel", "Interrupt Kernel");
    }
    await delay(100);
  }
  return pictures;
}

async function testNotebook(url: URL, name: string): Promise<void> {
  const address = `${url.origin}/doc/tree/notebooks/${name}${url.search}`;
  await using page = await BrowserPage.open(address, { width: 1100, height: HEIGHT });
  await page.until(`document.querySelector(".jp-Notebook-ExecutionIndicator")?.dataset.status === "idle"`);
  const pictures = await runAll(page, name === LIVE ? 2 : Infinity);
  if (name === LIVE) {
    assert.ok(pictures.size > 2, "the plot changes while the cells run");
    const steps = Array.from(
      `${await page.evaluate(TEXT)}`.matchAll(/^Step (\d+) of (\d+)/gm),
      ([, step]) => +step!,
    );
    assert.equal(steps.length, 2);
    assert.ok(steps[0]! < 100 && steps[1] === 240, `${steps}`); // stopped before the cell would have, then to the end
  }
  await runAll(page);
  for (let y = 0; y < HEIGHT; y += 100) { // a figure is a picture until the mouse is over it
    await page.send("Input.dispatchMouseEvent", { type: "mouseMoved", x: 500, y });
  }
  await page.until(`${FIGURES} >= ${name.startsWith("05") ? 7 : 3}`);
  assert.equal(await page.evaluate(ERRORS), "");
  assert.deepEqual(page.errors, []);
  await page.screenshot(join(PICTURES, name.replace("ipynb", "png")));
}

async function testLab(folder: string): Promise<void> {
  await Deno.mkdir(PICTURES, { recursive: true });
  await copyProject(folder);
  const { url, lab } = await startLab(folder);
  try {
    const names = Array.from(Deno.readDirSync(join(folder, "notebooks")), ({ name }) => name)
      .filter((name) => name.endsWith(".ipynb")).sort();
    for (const name of names) await testNotebook(url, name);
  } finally {
    lab.kill("SIGTERM");
    await lab.status;
  }
}

export const LAB_TESTS = { "lab": testLab };
