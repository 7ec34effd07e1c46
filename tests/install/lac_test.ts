import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../lib/config/mod.ts";
import { findLac, installLac, type InstallOptions, LAC_VARIABLE } from "../../lib/install/mod.ts";
import { installTensorFlow } from "../../lib/tensorflow/install.ts";
import { type Behaviour, exists, inProject, LAC_PACKAGE, readText, until } from "./fake_python.ts";

const LAC_MODULE = new URL("../../lib/install/lac.ts", import.meta.url).href;

function packageFolder(venv: string): string {
  return join(venv, "lib", "python3.11", "site-packages", "LAC");
}

async function failure(options: InstallOptions): Promise<string> {
  try {
    await installLac(options);
  } catch (error) {
    assert.ok(error instanceof UserError, `not a UserError: ${error}`);
    return error.message;
  }
  assert.fail("it installed");
}

Deno.test("LAC: installed by what builds it, once, without the model that nothing reads", () =>
  inProject({}, async ({ options, venv, installs }) => {
    const lines: string[] = [];
    const first = await installLac({ ...options, log: (line) => lines.push(line) });
    assert.deepEqual(first, { folder: packageFolder(venv), installed: true });
    assert.deepEqual(lines, ["Installing LAC's models into .venv (65 MB)"]);
    const pip = `-m pip --python ${venv}/bin/python3 install --no-compile --no-deps`;
    assert.deepEqual(installs(), [
      `${pip} --only-binary=:all: -r ${options.root}/requirements-lac-build.txt`,
      `${pip} --no-binary=LAC --use-pep517 --no-build-isolation -r ${options.root}/requirements-lac.txt`,
    ]);
    assert.deepEqual(Array.from(Deno.readDirSync(first.folder), ({ name }) => name).sort(), [
      "__init__.py",
      "lac_model",
      "seg_model",
    ]);
    assert.deepEqual(await installLac(options), { ...first, installed: false });
    assert.equal(installs().length, 2);
  }));

Deno.test("LAC: added to the environment that TensorFlow is in, and TensorFlow to LAC's", async () => {
  const installers = [
    async (options: InstallOptions) => (await installTensorFlow(options)).installed,
    async (options: InstallOptions) => (await installLac(options)).installed,
  ];
  for (const order of [installers, installers.toReversed()]) {
    await inProject({}, async ({ options, venv, installs }) => {
      for (const install of [...order, ...order]) await install(options);
      assert.equal(installs().filter((call) => call.includes("requirements.txt")).length, 1);
      assert.equal(installs().filter((call) => call.includes("requirements-lac.txt")).length, 1);
      assert.equal(readText(join(options.root, "calls")).match(/-m venv/g)?.length, 1);

      Deno.writeTextFileSync(join(options.root, "requirements-lac.txt"), "LAC==2.1.3\n");
      assert.deepEqual(await Promise.all(installers.map((install) => install(options))), [false, true]);
      assert.ok(exists(join(venv, "lib", "python3.11", "site-packages", "tensorflow")));
    });
  }
});

Deno.test("LAC: an installation that was killed is not found, and repaired by the next", () =>
  inProject({ lac: `${LAC_PACKAGE}; echo $$ > "$here/halfway"; exec sleep 600` }, async (project) => {
    const { options, venv, replacePython } = project;
    const code = `import { installLac } from "${LAC_MODULE}"; await installLac(${JSON.stringify(options)});`;
    const child = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "null", stderr: "null" })
      .spawn();
    await until(() => /\d\n/.test(readText(join(options.root, "halfway"))));
    child.kill("SIGKILL");
    await child.status;
    Deno.kill(Number(readText(join(options.root, "halfway"))), "SIGKILL"); // its pip
    const half = join(packageFolder(venv), "half");
    Deno.writeTextFileSync(half, "");
    assert.equal(findLac(options.root), undefined);

    replacePython({});
    assert.equal((await installLac(options)).installed, true);
    assert.equal(exists(half), false);
    assert.equal(findLac(options.root), packageFolder(venv));
  }));

Deno.test("LAC: a model that was deleted is installed again, and --force installs in any case", () =>
  inProject({}, async ({ options, venv, installs }) => {
    await installLac(options);
    Deno.removeSync(join(packageFolder(venv), "seg_model"), { recursive: true });
    assert.equal((await installLac(options)).installed, true);
    assert.equal((await installLac({ ...options, force: true })).installed, true);
    assert.equal(installs().length, 6);
  }));

const FAILURES: [string, Behaviour, string][] = [
  [
    "no network",
    { build: "echo 'ERROR: NewConnectionError: Name resolution' >&2; exit 1" },
    "the package index cannot be reached; check the network (and HTTPS_PROXY), then run the same command again",
  ],
  [
    "a full disk",
    { lac: "echo 'ERROR: Could not install packages: [Errno 28] No space left on device' >&2; exit 1" },
    "the disk is full; 500 MB are needed",
  ],
  [
    "a file that is not the one pinned",
    {
      lac: "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.' >&2; exit 1",
    },
    "the package index has another file under this name and version; use an index that mirrors the official one " +
    "(`pip config list` names yours)",
  ],
  ["a package without models", { lac: 'mkdir -p "$site/LAC/lac_model"' }, 'pip left no models in "VENV"'],
];

for (const [name, behaviour, reason] of FAILURES) {
  Deno.test(`LAC: ${name} is one sentence, and the next run starts over`, () =>
    inProject(behaviour, async ({ options, venv, replacePython }) => {
      assert.equal(await failure(options), `Cannot install LAC: ${reason.replace("VENV", venv)}`);
      replacePython({});
      assert.equal((await installLac(options)).installed, true);
    }));
}

Deno.test("LAC: somebody else's .venv stays as it is, and serves if LAC is in it", () =>
  inProject({}, async ({ options, venv, installs }) => {
    Deno.mkdirSync(venv);
    Deno.writeTextFileSync(join(venv, "pyvenv.cfg"), "home = /usr/bin\n");
    assert.equal(
      await failure(options),
      `Cannot install into "${venv}": it was not made by \`deno task setup\`; move it away, or install LAC into ` +
        "it by its own pip",
    );
    for (const model of ["lac_model", "seg_model"]) {
      Deno.mkdirSync(join(packageFolder(venv), model), { recursive: true });
    }
    assert.deepEqual(await installLac(options), { folder: packageFolder(venv), installed: false });
    assert.deepEqual(installs(), []);
  }));

Deno.test("LAC: a Python that is gone from .venv is replaced", () =>
  inProject({}, async ({ options, venv }) => {
    await installTensorFlow(options);
    Deno.removeSync(join(venv, "bin", "python3"));
    Deno.symlinkSync("/nowhere/python3", join(venv, "bin", "python3"));
    assert.equal((await installLac(options)).installed, true);
    assert.ok(Deno.statSync(join(venv, "bin", "python3")).isFile);
  }));

Deno.test("LAC: ERNIE_HEALTH_LAC leaves nothing to install, unless it leads nowhere", () =>
  inProject({}, async ({ options, venv, installs }) => {
    const mine = join(options.root, "mine");
    Deno.env.set(LAC_VARIABLE, mine);
    try {
      assert.match(
        await failure(options),
        /^Cannot use ERNIE_HEALTH_LAC=".*mine": no lac_model and seg_model in it; name /,
      );
      for (const model of ["lac_model", "seg_model"]) Deno.mkdirSync(join(mine, model), { recursive: true });
      assert.deepEqual(await installLac({ ...options, force: true }), { folder: mine, installed: false });
    } finally {
      Deno.env.delete(LAC_VARIABLE);
    }
    assert.deepEqual(installs(), []);
    assert.equal(exists(venv), false);
  }));
