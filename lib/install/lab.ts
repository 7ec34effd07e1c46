/**
 * Installs JupyterLab into the project's `.venv`, and tells it of the Deno kernel.
 *
 * plotly's Python package brings the extension by which JupyterLab draws figures; nothing of it runs in Python.
 *
 * @module
 */
import { join } from "node:path";
import { UserError } from "../config/errors.ts";
import {
  digestOf,
  environmentPath,
  installOnce,
  type InstallOptions,
  prepareEnvironment,
  Stamp,
} from "./environment.ts";
import { reasonOf } from "./pip.ts";

/** What {@linkcode installLab} came to. */
export interface LabInstallation {
  /** The program `jupyter-lab`. */
  readonly program: string;
  /** Whether it was installed, rather than found. */
  readonly installed: boolean;
}

const STAMP_FILE = "ernie-health-lab";

/**
 * Makes sure that JupyterLab is there and knows the Deno that runs this program as a kernel.
 *
 * @param options Where, and by which Python.
 * @returns The program, and whether it is new.
 * @throws {UserError} If Python, its venv or pip is missing, the network or the disk fails, or `.venv` is not ours.
 *
 * @example
 * ```ts ignore
 * import { installLab } from "./lab.ts";
 * const { program } = await installLab({ root: ".", log: console.error });
 * ```
 */
export async function installLab(options: InstallOptions): Promise<LabInstallation> {
  const find = (force: boolean) => force ? undefined : findLab(options.root);
  const { found: program, installed } = await installOnce(options, find, () => install(options));
  const venv = environmentPath(options.root);
  writeJson(join(venv, "share/jupyter/kernels/deno"), "kernel.json", KERNEL); // each time: Deno may have moved
  writeJson(join(venv, "share/jupyter/lab/settings"), "overrides.json", SETTINGS);
  return { program, installed };
}

/** How front ends start the kernel. Source: jupyter-client's "Making kernels for Jupyter". */
const KERNEL = {
  argv: [Deno.execPath(), "jupyter", "--quiet", "--kernel", "--conn", "{connection_file}"],
  display_name: "Deno",
  language: "typescript",
  env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" }, // no terminal's colours in outputs
};

/** Starts a notebook's kernel without a question, and asks nobody for news. */
const SETTINGS = {
  "@jupyterlab/docmanager-extension:plugin": { autoStartDefaultKernel: true },
  "@jupyterlab/apputils-extension:notification": {
    fetchNews: "false",
    checkForUpdates: false,
    doNotDisturbMode: true,
  },
};

function findLab(root: string): string | undefined {
  const venv = environmentPath(root), program = join(venv, "bin", "jupyter-lab");
  const isThere = new Stamp(venv, STAMP_FILE).read() === digestOf(requirements(root)) && isFile(program);
  return isThere ? program : undefined;
}

async function install(options: InstallOptions): Promise<string> {
  const { root } = options, venv = environmentPath(root);
  const stamp = new Stamp(venv, STAMP_FILE);
  const pip = await prepareEnvironment("JupyterLab", stamp, options);
  options.log?.("Installing JupyterLab into .venv (300 MB, about a minute)");
  const { success, stderr } = await pip.install([
    "--no-compile",
    "--only-binary=:all:",
    "--no-warn-conflicts", // TensorFlow's Python packages are left out on purpose
    "-r",
    requirements(root),
  ]);
  if (!success) throw new UserError(`Cannot install JupyterLab: ${reasonOf(stderr, "1 GB")}`);
  stamp.write(digestOf(requirements(root)));
  const program = findLab(root);
  if (program === undefined) {
    throw new UserError(`Cannot install JupyterLab: pip left no jupyter-lab in "${venv}"`);
  }
  return program;
}

function requirements(root: string): string {
  return join(root, "requirements-lab.txt");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function writeJson(folder: string, name: string, content: object) {
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
}
