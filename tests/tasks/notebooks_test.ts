/** `deno task notebooks` as a program. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readNotebook, writeNotebook } from "../../lib/notebook/runner/mod.ts";
import { isRunning, notebookOf, ROOT, until, withNotebookFolder } from "../notebook/folders.ts";

function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}tasks/notebooks.ts`, ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await start(args).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("run, write, check: what was changed since is told of, other outputs than the committed ones too", async () => {
  await withNotebookFolder(async (folder) => {
    const path = join(folder, "a.ipynb");
    await writeNotebook(
      path,
      notebookOf(["let steps = 5;", "if (steps > 5) console.log(1);\nsteps * 2;"], ["parameters"]),
    );
    assert.match((await run(["--check", path])).err, /"[^"]*a\.ipynb": its code was changed, but not run/);
    const written = await run([path, "--write", "--html", join(folder, "pages")]);
    assert.deepEqual([written.code, written.out], [0, "1 notebooks, 0 failed\n"], written.err);
    assert.deepEqual((await run(["--check", path])).code, 0);
    assert.match(await Deno.readTextFile(join(folder, "pages", "a.html")), /<pre>10<\/pre>/);
    assert.equal((await run([path, "--set", "steps=7"])).code, 0);

    const notebook = await readNotebook(path);
    Object.assign(notebook.cells[1]!, { outputs: [] }); // as if a figure were missing
    await writeNotebook(path, notebook);
    const other = await run([path]);
    assert.equal(other.code, 1);
    assert.match(other.err, /"[^"]*a\.ipynb", cell 2: it put out text\/plain, where nothing is committed/);
    assert.equal(other.out, "1 notebooks, 1 failed\n");
  });
});

Deno.test("the committed notebooks were run as they are, and are small", async () => {
  const { code, out, err } = await run(["--check"]);
  assert.equal(code, 0, err);
  assert.match(out, /^[5-9] notebooks, 0 failed$/m);
  for (const { name } of Deno.readDirSync(`${ROOT}notebooks`)) {
    assert.ok(Deno.statSync(`${ROOT}notebooks/${name}`).size < 300_000, name);
  }
});

const REFUSED: [string, string[], RegExp][] = [
  ["outputs of other parameters", ["--write", "--set", "a=1"], /^error: Cannot use both --set and --write: /],
  ["a setting without value", ["--set", "a"], /^error: Cannot use --set "a": expected name=value$/m],
  [
    "a parameter that is not there",
    ["--set", "step=1"],
    /^error: Cannot set "step": .* did you mean "steps"\?$/m,
  ],
];

for (const [name, args, message] of REFUSED) {
  Deno.test(`refused: ${name}`, async () => {
    await withNotebookFolder(async (folder) => {
      const path = join(folder, "a.ipynb");
      await writeNotebook(path, notebookOf(["let steps = 5;\nsteps;"], ["parameters"]));
      const { code, err } = await run([path, ...args]);
      assert.equal(code, 1);
      assert.match(err, message);
    });
  });
}

Deno.test("Ctrl-C ends the runner and its kernel", async () => {
  await withNotebookFolder(async (folder) => {
    const path = join(folder, "a.ipynb"), pidFile = join(folder, "pid");
    const code = `Deno.writeTextFileSync("pid", String(Deno.pid));\nawait new Promise(() => {});`;
    await writeNotebook(path, notebookOf([code]));
    const runner = start([path]);
    const outcome = runner.output();
    const pid = () => Number(Deno.readTextFileSync(pidFile));
    await until(() => {
      try {
        return pid() > 0;
      } catch {
        return false;
      }
    });
    assert.ok(isRunning(pid()));
    runner.kill("SIGINT");
    assert.equal((await outcome).code, 130);
    await until(() => !isRunning(pid()));
  });
});
