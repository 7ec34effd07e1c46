/**
 * Installs TensorFlow's shared libraries into the project's `.venv` by pip.
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
  isWithoutWheel,
  prepareEnvironment,
  reasonOf,
  Stamp,
} from "../install/mod.ts";
import { findLibrary, LIBRARY_VARIABLE, STAMP_FILE, type TensorFlowLibrary } from "./library.ts";

/** How to install TensorFlow. */
export interface TensorFlowInstallOptions extends InstallOptions {
  /** With CUDA. */
  readonly gpu?: boolean;
}

/** What {@linkcode installTensorFlow} came to. */
export interface Installation {
  readonly library: TensorFlowLibrary;
  /** Whether anything was installed, rather than found. */
  readonly installed: boolean;
}

/** What is installed: the CPU's library alone, or the GPU's with its CUDA packages. */
type Form = "cpu" | "gpu";

/** Wheels of one Python version serve all: they are only carriers of two shared libraries. */
const CARRIER_PYTHON = "3.12";
const CARRIER_PLATFORMS: Readonly<Record<string, string>> = {
  "linux x86_64": "manylinux_2_27_x86_64",
  "linux aarch64": "manylinux_2_27_aarch64",
  "darwin aarch64": "macosx_12_0_arm64",
};

/**
 * Makes sure that a TensorFlow library is there: finds one, or installs it into `.venv`.
 *
 * @param options Where, which form, and by which Python.
 * @returns The library, and whether it is new.
 * @throws {UserError} If Python or its pip is missing, the network or the disk fails, or `.venv` is not ours.
 *
 * @example
 * ```ts ignore
 * import { installTensorFlow } from "./install.ts";
 * const { library } = await installTensorFlow({ root: ".", log: console.error });
 * ```
 */
export async function installTensorFlow(options: TensorFlowInstallOptions): Promise<Installation> {
  const find = (force: boolean) => usable({ ...options, force });
  const { found, installed } = await installOnce(options, find, () => install(options));
  return { library: found, installed };
}

/** The library that makes an installation unnecessary. */
function usable(options: TensorFlowInstallOptions): TensorFlowLibrary | undefined {
  const variable = Deno.env.get(LIBRARY_VARIABLE);
  if (variable) {
    const library = findLibrary({ variable }); // explicit: .venv would not be looked at
    if (options.gpu && !library.gpu) {
      throw new UserError(
        `Cannot set up a GPU: ${LIBRARY_VARIABLE}="${variable}" has no CUDA libraries beside it; unset it first`,
      );
    }
    return library;
  }
  if (options.force) return undefined;
  const stamp = stampOf(options).read();
  if (stamp !== undefined && stamp !== digest(options.root, "cpu") && stamp !== digest(options.root, "gpu")) {
    return undefined; // interrupted, or made for other requirements
  }
  try {
    const python = stamp === undefined ? options.python ?? "python3" : "";
    const library = findLibrary({ variable: undefined, venv: environmentPath(options.root), python });
    return options.gpu && !library.gpu ? undefined : library;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function install(options: TensorFlowInstallOptions): Promise<TensorFlowLibrary> {
  const { gpu = false, root, log = () => {} } = options;
  const form = gpu ? "gpu" : "cpu";
  const venv = environmentPath(root);
  const stamp = stampOf(options);
  // What an earlier installation of TensorFlow left may be half of it, or others' dependencies.
  const anew = stamp.read() !== undefined;
  const pip = await prepareEnvironment("TensorFlow", stamp, { ...options, anew });
  log(
    gpu ? "Installing TensorFlow with CUDA into .venv (3 GB)" : "Installing TensorFlow into .venv (260 MB)",
  );
  const wheelOnly = ["--no-compile", "--only-binary=:all:", "-r", requirementsPath(root, form)];
  let result = await pip.install([...wheelOnly, ...(gpu ? [] : ["--no-deps"])]);
  const platform = CARRIER_PLATFORMS[`${Deno.build.os} ${Deno.build.arch}`];
  if (!result.success && !gpu && platform && isWithoutWheel(result.stderr)) {
    log(`This Python has no wheel of TensorFlow: taking the one of Python ${CARRIER_PYTHON}`);
    const target = join(venv, "lib", `python${CARRIER_PYTHON}`, "site-packages");
    const carrier = ["--target", target, "--python-version", CARRIER_PYTHON, "--platform", platform];
    result = await pip.install([...wheelOnly, "--ignore-requires-python", "--no-deps", ...carrier]);
  }
  if (!result.success) throw new UserError(`Cannot install TensorFlow: ${explain(result.stderr, gpu)}`);
  stamp.write(digest(root, form));
  return findLibrary({ variable: undefined, venv, python: "" });
}

/** One sentence for what pip said. */
function explain(stderr: string, gpu: boolean): string {
  if (!isWithoutWheel(stderr)) return reasonOf(stderr, gpu ? "7 GB" : "2 GB");
  return gpu
    ? "there is no wheel with CUDA for this machine and Python; it needs Linux and Python 3.10 to 3.13 " +
      "(choose one by --python)"
    : `there is no wheel for this machine (${Deno.build.os} ${Deno.build.arch}) and Python; ` +
      `try Python 3.10 to 3.13, or set ${LIBRARY_VARIABLE} to a TensorFlow of your own`;
}

function stampOf({ root }: InstallOptions): Stamp {
  return new Stamp(environmentPath(root), STAMP_FILE);
}

function requirementsPath(root: string, form: Form): string {
  return join(root, form === "gpu" ? "requirements-gpu.txt" : "requirements.txt");
}

/** What the stamp of a finished installation says: its form, and the requirements that it met. */
function digest(root: string, form: Form): string {
  return `${form} ${digestOf(requirementsPath(root, form))}`;
}
