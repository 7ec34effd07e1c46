import assert from "node:assert/strict";
import { join } from "node:path";
import { installLab } from "../../lib/install/mod.ts";
import { exists, inProject, readText } from "./fake_python.ts";

const LAB = `touch "$here/.venv/bin/jupyter-lab"`;

Deno.test("JupyterLab is installed once, and the kernel is this Deno, each time", async () => {
  await inProject({ lab: LAB }, async ({ options, venv, installs }) => {
    const kernel = join(venv, "share/jupyter/kernels/deno/kernel.json");
    assert.deepEqual(await installLab(options), { program: join(venv, "bin/jupyter-lab"), installed: true });
    const { argv, language, display_name } = JSON.parse(readText(kernel));
    assert.deepEqual([argv[0], argv.at(-1), language, display_name], [
      Deno.execPath(),
      "{connection_file}",
      "typescript",
      "Deno",
    ]);
    Deno.writeTextFileSync(kernel, "of a Deno that is gone");
    assert.equal((await installLab(options)).installed, false);
    assert.equal(JSON.parse(readText(kernel)).argv[0], Deno.execPath());
    assert.equal(installs().length, 1);

    Deno.writeTextFileSync(join(options.root, "requirements-lab.txt"), "jupyterlab==4.6.7\n");
    assert.equal((await installLab(options)).installed, true);
    Deno.removeSync(join(venv, "bin/jupyter-lab"));
    assert.equal((await installLab(options)).installed, true);
    assert.equal(installs().length, 3);
  });
});

const FAILURES: [string, string, RegExp][] = [
  [
    "pip fails",
    "echo 'ERROR: no such thing' >&2; exit 1",
    /^UserError: Cannot install JupyterLab: no such thing$/,
  ],
  [
    "pip is killed half-way",
    'mkdir -p "$here/.venv/bin"; kill -9 $$',
    /^UserError: Cannot install JupyterLab: /,
  ],
  [
    "pip leaves no program",
    ":",
    /^UserError: Cannot install JupyterLab: pip left no jupyter-lab in ".*\.venv"$/,
  ],
];

for (const [name, lab, message] of FAILURES) {
  Deno.test(`JupyterLab: when ${name} it says so, and the next call tries again`, async () => {
    await inProject({ lab }, async ({ options, venv, replacePython }) => {
      await assert.rejects(installLab(options), message);
      assert.ok(!exists(join(venv, "share")));
      replacePython({ lab: LAB });
      assert.equal((await installLab(options)).installed, true);
    });
  });
}

Deno.test("without Python a sentence says what to install", async () => {
  await inProject({}, async ({ options }) => {
    await assert.rejects(
      installLab({ ...options, python: join(options.root, "no-python") }),
      /^UserError: Cannot find ".*no-python": JupyterLab comes as a Python package; install (it|Python 3) with/,
    );
  });
});
