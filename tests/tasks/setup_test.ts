import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../lib/config/mod.ts";
import {
  installTensorFlow,
  type TensorFlowInstallOptions as InstallOptions,
} from "../../lib/tensorflow/install.ts";
import { findLibrary } from "../../lib/tensorflow/library.ts";
import { type Behaviour, exists, inProject, readText, suffix, until, WHEEL } from "../install/fake_python.ts";

const INSTALL_MODULE = new URL("../../lib/tensorflow/install.ts", import.meta.url).href;

/** Starts the installation in a process of its own. */
function spawnInstall(options: InstallOptions): Deno.ChildProcess {
  const code = `import { installTensorFlow } from "${INSTALL_MODULE}";
    await installTensorFlow(${JSON.stringify(options)});`;
  return new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "null", stderr: "null" }).spawn();
}

async function failure(options: InstallOptions): Promise<string> {
  try {
    await installTensorFlow(options);
  } catch (error) {
    assert.ok(error instanceof UserError, `not a UserError: ${error}`);
    return error.message;
  }
  assert.fail("it installed");
}

Deno.test("setup: installs the wheel alone, once", () =>
  inProject({}, async ({ options, venv, installs }) => {
    const lines: string[] = [];
    const first = await installTensorFlow({ ...options, log: (line) => lines.push(line) });
    assert.equal(first.installed, true);
    assert.equal(first.library.source, ".venv");
    assert.equal(first.library.version, "2.21.0");
    assert.deepEqual(lines, ["Installing TensorFlow into .venv (260 MB)"]);
    assert.deepEqual(installs(), [
      `-m pip --python ${venv}/bin/python3 install --no-compile --only-binary=:all: -r ${options.root}/requirements.txt ` +
      "--no-deps",
    ]);
    assert.deepEqual(await installTensorFlow(options), { library: first.library, installed: false });
    assert.equal(installs().length, 1);
  }));

Deno.test("setup: one that was killed is repaired by the next", () =>
  inProject({ install: `${WHEEL}; echo $$ > "$here/halfway"; exec sleep 600` }, async (project) => {
    const { options, venv, replacePython, installs } = project;
    const child = spawnInstall(options);
    await until(() => /\d\n/.test(readText(join(options.root, "halfway"))));
    child.kill("SIGKILL");
    await child.status;
    Deno.kill(Number(Deno.readTextFileSync(join(options.root, "halfway"))), "SIGKILL"); // its pip
    const half = join(venv, "lib", "python3.11", "site-packages", "tensorflow", "half");
    Deno.writeTextFileSync(half, "");
    assert.throws(() => findLibrary({ variable: undefined, venv, python: "" }), /its set-up was interrupted/);

    replacePython({});
    assert.equal((await installTensorFlow(options)).installed, true);
    assert.equal(installs().length, 2);
    assert.equal(exists(half), false);
  }));

Deno.test("setup: of two at once one installs and the other waits", () =>
  inProject({ install: `sleep 0.5; ${WHEEL}` }, async ({ options, installs }) => {
    const results = await Promise.all([options, options].map((each) => spawnInstall(each).status));
    assert.deepEqual(results.map(({ code }) => code), [0, 0]);
    assert.equal(installs().length, 1);
  }));

Deno.test("setup: other requirements, --force and --gpu install anew; a GPU's library serves the CPU", () =>
  inProject({}, async ({ options, installs, replacePython }) => {
    await installTensorFlow(options);
    Deno.writeTextFileSync(join(options.root, "requirements.txt"), "tensorflow-cpu==2.21.1\n");
    assert.equal((await installTensorFlow(options)).installed, true);
    assert.equal((await installTensorFlow({ ...options, force: true })).installed, true);

    replacePython({ install: `${WHEEL}; mkdir -p "$site/nvidia/nccl"` });
    const { library, installed } = await installTensorFlow({ ...options, gpu: true });
    assert.deepEqual([library.gpu, installed], [true, true]);
    assert.match(installs().at(-1)!, /requirements-gpu\.txt$/); // its dependencies, too
    assert.equal((await installTensorFlow(options)).installed, false);
    assert.equal(installs().length, 4);
  }));

Deno.test("setup: a Python without a wheel takes that of another Python", () =>
  inProject({
    install: `case "$*" in *--target*) ${WHEEL} ;; *)
      echo 'ERROR: Could not find a version that satisfies the requirement tensorflow-cpu==2.21.0 (from versions: none)' >&2
      echo 'ERROR: No matching distribution found for tensorflow-cpu==2.21.0' >&2; exit 1 ;; esac`,
  }, async ({ options, venv, installs }) => {
    const { library } = await installTensorFlow(options);
    assert.equal(library.folder, join(venv, "lib", "python3.12", "site-packages", "tensorflow"));
    assert.match(
      installs().at(-1)!,
      / --no-deps --target \S+ --python-version 3\.12 --platform \S+_(x86_64|a\w+64)$/,
    );
  }));

Deno.test("setup: an old pip is passed over for the one that Python brings along", () =>
  inProject({ pip: "echo 'pip 20.0.2 from here (python 3.8)'", ensurepip: "exit 0" }, async (project) => {
    await installTensorFlow(project.options);
    assert.match(project.installs()[0]!, /^-m pip install /);
  }));

const FAILURES: [string, Behaviour & { gpu?: boolean }, string][] = [
  [
    "no network",
    {
      install: `echo "WARNING: Retrying after connection broken by 'NewConnectionError': Name resolution" >&2
        echo 'ERROR: No matching distribution found for tensorflow-cpu==2.21.0' >&2; exit 1`,
    },
    "Cannot install TensorFlow: the package index cannot be reached; check the network (and HTTPS_PROXY), then run " +
    "the same command again",
  ],
  [
    "a full disk",
    { install: "echo 'ERROR: Could not install packages: [Errno 28] No space left on device' >&2; exit 1" },
    "Cannot install TensorFlow: the disk is full; 2 GB are needed",
  ],
  [
    "no wheel with CUDA",
    { install: "echo 'ERROR: No matching distribution found for tensorflow==2.21.0' >&2; exit 1", gpu: true },
    "Cannot install TensorFlow: there is no wheel with CUDA for this machine and Python; it needs Linux and " +
    "Python 3.10 to 3.13 (choose one by --python)",
  ],
  [
    "anything else",
    { install: "echo 'ERROR: The moon is in the way' >&2; echo 'a hint' >&2; exit 2" },
    "Cannot install TensorFlow: The moon is in the way",
  ],
];

for (const [name, { gpu, ...behaviour }, message] of FAILURES) {
  Deno.test(`setup: ${name} is one sentence, and the next run starts over`, () =>
    inProject(behaviour, async ({ options, replacePython }) => {
      assert.equal(await failure({ ...options, gpu: gpu ?? false }), message);
      replacePython({});
      assert.equal((await installTensorFlow(options)).installed, true);
    }));
}

Deno.test("setup: without Python, venv or pip it says what to install", () =>
  inProject({ pip: "exit 1" }, async ({ options, replacePython, venv }) => {
    const python = join(options.root, "no-python");
    assert.match(
      await failure({ ...options, python }),
      /^Cannot find ".*no-python": TensorFlow comes as a Python package; install .*python/,
    );
    assert.equal(exists(venv), false);
    assert.match(
      await failure(options),
      /^Cannot find pip for ".*": TensorFlow is installed by it; install .*p/,
    );
    replacePython({});
    const broken = Deno.readTextFileSync(options.python!)
      .replace(/'-m venv.*/, "'-m venv '*) echo 'No module named venv' >&2; exit 1 ;;");
    Deno.writeTextFileSync(options.python!, broken);
    assert.match(await failure(options), /^Cannot create ".*\.venv": No module named venv; install /);
  }));

Deno.test("setup: somebody else's .venv stays as it is", () =>
  inProject({}, async ({ options, venv, installs }) => {
    Deno.mkdirSync(venv);
    Deno.writeTextFileSync(join(venv, "pyvenv.cfg"), "home = /usr/bin\n");
    const refusal =
      `Cannot install into "${venv}": it was not made by \`deno task setup\`; move it away, or install ` +
      "TensorFlow into it by its own pip";
    assert.equal(await failure(options), refusal);
    assert.equal(await failure({ ...options, force: true }), refusal);
    assert.deepEqual(Array.from(Deno.readDirSync(venv), ({ name }) => name), ["pyvenv.cfg"]);

    const tensorflow = join(venv, "lib", "python3.12", "site-packages", "tensorflow");
    Deno.mkdirSync(tensorflow, { recursive: true });
    for (const half of ["cc", "framework"]) {
      Deno.writeTextFileSync(join(tensorflow, `libtensorflow_${half}.${suffix}`), "");
    }
    assert.equal((await installTensorFlow(options)).library.folder, tensorflow);
    assert.deepEqual(installs(), []);
  }));

Deno.test("setup: Ctrl-C ends pip", () =>
  inProject({ install: 'touch "$here/halfway"; exec sleep 600' }, async ({ options }) => {
    const abort = new AbortController();
    const run = installTensorFlow({ ...options, signal: abort.signal });
    await until(() => exists(join(options.root, "halfway")));
    const reason = new DOMException("Interrupted", "AbortError");
    abort.abort(reason);
    await assert.rejects(run, (error) => error === reason);
  }));

Deno.test("setup: ERNIE_HEALTH_TF leaves nothing to install", () =>
  inProject({}, async ({ options, venv, installs }) => {
    const mine = join(options.root, "mine");
    Deno.mkdirSync(mine);
    for (const half of ["cc", "framework"]) {
      Deno.writeTextFileSync(join(mine, `libtensorflow_${half}.${suffix}`), "");
    }
    Deno.env.set("ERNIE_HEALTH_TF", mine);
    try {
      const { library, installed } = await installTensorFlow(options);
      assert.deepEqual([library.folder, installed], [mine, false]);
      assert.match(await failure({ ...options, gpu: true }), /^Cannot set up a GPU: ERNIE_HEALTH_TF=/);
    } finally {
      Deno.env.delete("ERNIE_HEALTH_TF");
    }
    assert.deepEqual(installs(), []);
    assert.equal(exists(venv), false);
  }));
