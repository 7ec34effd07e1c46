/**
 * Installs TensorFlow's shared libraries into the project's `.venv` by pip.
 *
 * An installation may be killed at any moment, and two may be started at once: a stamp in `.venv` says whether
 * the last one came to its end, and a lock on the requirements file, which the system drops with its process,
 * keeps others waiting.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UserError } from "../config/errors.ts";
import {
  findLibrary,
  LIBRARY_VARIABLE,
  STAMP_FILE,
  STAMP_INSTALLING,
  type TensorFlowLibrary,
} from "./library.ts";

/** How to install. */
export interface InstallOptions {
  /** The project's folder: `.venv` is made in it, and the requirements files lie there. */
  readonly root: string;
  /** With CUDA. */
  readonly gpu?: boolean;
  /** Install again even if a usable library is there. */
  readonly force?: boolean;
  /** The Python whose pip is used. Default: `python3`. */
  readonly python?: string;
  /** Ends pip. */
  readonly signal?: AbortSignal;
  /** Told what is going on, one line at a time. */
  readonly log?: (line: string) => void;
  /** Told what pip complains of. Default: writes it to stderr. */
  readonly echo?: (bytes: Uint8Array) => void;
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
export async function installTensorFlow(options: InstallOptions): Promise<Installation> {
  const found = usable(options);
  if (found) return { library: found, installed: false };
  if (Deno.build.os === "windows") {
    throw new UserError(
      "Cannot install TensorFlow on Windows: its packages for Windows lack the C library; use WSL 2 (`wsl --install`)",
    );
  }
  using lock = await Deno.open(requirementsPath(options.root, "cpu"), { read: true, write: true });
  if (!await lock.tryLock(true)) {
    options.log?.("Waiting for another set-up of this project to end");
    await lock.lock(true);
  }
  const theirs = usable(options); // somebody may have just finished
  if (theirs) return { library: theirs, installed: false };
  await install(options);
  return {
    library: findLibrary({ variable: undefined, venv: venvPath(options), python: "" }),
    installed: true,
  };
}

/** The library that makes an installation unnecessary. */
function usable(options: InstallOptions): TensorFlowLibrary | undefined {
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
  const stamp = readStamp(venvPath(options));
  if (stamp !== undefined && stamp !== digest(options.root, "cpu") && stamp !== digest(options.root, "gpu")) {
    return undefined; // interrupted, or made for other requirements
  }
  try {
    const python = stamp === undefined ? options.python ?? "python3" : "";
    const library = findLibrary({ variable: undefined, venv: venvPath(options), python });
    return options.gpu && !library.gpu ? undefined : library;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function install(options: InstallOptions): Promise<void> {
  const { gpu = false, log = () => {} } = options;
  const form = gpu ? "gpu" : "cpu";
  const venv = venvPath(options);
  const pythonPath = await checkPython(options);
  removeOurs(venv);
  Deno.mkdirSync(venv);
  writeStamp(venv, STAMP_INSTALLING);

  const created = await run(pythonPath, ["-m", "venv", "--without-pip", venv], options, false);
  if (!created.success) {
    throw new UserError(`Cannot create "${venv}": ${lastLine(created.stderr)}; ${packageHint("venv")}`);
  }
  const pip = await findPip(pythonPath, venv, options);
  log(
    gpu ? "Installing TensorFlow with CUDA into .venv (3 GB)" : "Installing TensorFlow into .venv (260 MB)",
  );
  const wheelOnly = [
    "install",
    "--no-compile",
    "--only-binary=:all:",
    "-r",
    requirementsPath(options.root, form),
  ];
  let result = await run(
    pip.command,
    [...pip.args, ...wheelOnly, ...(gpu ? [] : ["--no-deps"])],
    options,
    true,
  );
  const platform = CARRIER_PLATFORMS[`${Deno.build.os} ${Deno.build.arch}`];
  if (!result.success && !gpu && platform && isWithoutWheel(result.stderr)) {
    log(`This Python has no wheel of TensorFlow: taking the one of Python ${CARRIER_PYTHON}`);
    const target = join(venv, "lib", `python${CARRIER_PYTHON}`, "site-packages");
    const carrier = ["--target", target, "--python-version", CARRIER_PYTHON, "--platform", platform];
    const args = [...wheelOnly, "--ignore-requires-python", "--no-deps", ...carrier];
    result = await run(pip.command, [...pip.args, ...args], options, true);
  }
  if (!result.success) throw new UserError(`Cannot install TensorFlow: ${reasonOf(result.stderr, gpu)}`);
  writeStamp(venv, digest(options.root, form));
}

async function checkPython(options: InstallOptions): Promise<string> {
  const python = options.python ?? "python3";
  try {
    const { success } = await run(python, ["--version"], options, false);
    if (success) return python;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
      throw error;
    }
  }
  throw new UserError(
    `Cannot find "${python}": TensorFlow comes as a Python package; ${packageHint("python3")}`,
  );
}

/** The user's own pip where it can work for another environment: one in `.venv` costs five seconds more. */
async function findPip(python: string, venv: string, options: InstallOptions) {
  const environment = join(venv, "bin", "python3");
  const own = await run(python, ["-m", "pip", "--version"], options, false);
  const [, major, minor] = /^pip (\d+)\.(\d+)/.exec(own.stdout) ?? [];
  if (Number(major) > 22 || (Number(major) === 22 && Number(minor) >= 3)) {
    return { command: python, args: ["-m", "pip", "--python", environment] };
  }
  const bundled = await run(environment, ["-m", "ensurepip"], options, false);
  if (bundled.success) return { command: environment, args: ["-m", "pip"] };
  throw new UserError(
    `Cannot find pip for "${python}": TensorFlow is installed by it; ${packageHint("pip")}`,
  );
}

/** Runs a command; its words go to the terminal if `show`, and its errors come back in any case. */
async function run(command: string, args: string[], options: InstallOptions, show: boolean) {
  const { signal, echo = (bytes: Uint8Array) => void Deno.stderr.writeSync(bytes) } = options;
  signal?.throwIfAborted();
  const child = new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: show ? "inherit" : "piped",
    stderr: "piped",
    // A user's own settings that would send the packages elsewhere, or stop pip.
    env: { PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0", PIP_DISABLE_PIP_VERSION_CHECK: "1", PYTHONUTF8: "1" },
    ...(signal ? { signal } : {}),
  }).spawn();
  const text = new TextDecoder();
  let stderr = "";
  const [stdout, status] = await Promise.all([
    show ? "" : new Response(child.stdout).text(),
    child.status,
    (async () => {
      for await (const chunk of child.stderr) {
        if (show) echo(chunk);
        stderr += text.decode(chunk, { stream: true });
      }
    })(),
  ]);
  signal?.throwIfAborted();
  return { success: status.success, stdout, stderr };
}

const NETWORK =
  /Connection|name resolution|Network is unreachable|timed out|Timeout|Max retries|ProxyError|SSLError|IncompleteRead/i;

function isWithoutWheel(stderr: string): boolean {
  return /No matching distribution found/.test(stderr) && !NETWORK.test(stderr);
}

/** One sentence for what pip said. */
function reasonOf(stderr: string, gpu: boolean): string {
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    return `the disk is full; ${gpu ? "7" : "2"} GB are needed`;
  }
  if (NETWORK.test(stderr)) {
    return "the package index cannot be reached; check the network (and HTTPS_PROXY), then run the same command again";
  }
  if (isWithoutWheel(stderr)) {
    return gpu
      ? "there is no wheel with CUDA for this machine and Python; it needs Linux and Python 3.10 to 3.13 " +
        "(choose one by --python)"
      : `there is no wheel for this machine (${Deno.build.os} ${Deno.build.arch}) and Python; ` +
        `try Python 3.10 to 3.13, or set ${LIBRARY_VARIABLE} to a TensorFlow of your own`;
  }
  return lastLine(stderr);
}

function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.at(-1) ??
    "it ended without a word";
  return line.replace(/^ERROR:\s*/, "");
}

function packageHint(what: "python3" | "venv" | "pip"): string {
  if (Deno.build.os === "darwin") return "install Python 3 with `brew install python`";
  const names = { python3: "python3 python3-pip python3-venv", venv: "python3-venv", pip: "python3-pip" };
  return `install it with \`apt-get install ${names[what]}\` or your system's package manager`;
}

/** Removes an earlier `.venv` of ours; a folder without our stamp belongs to the user and stays. */
function removeOurs(venv: string) {
  if (!exists(venv)) return;
  if (readStamp(venv) === undefined && Array.from(Deno.readDirSync(venv)).length > 0) {
    throw new UserError(
      `Cannot install into "${venv}": it was not made by \`deno task setup\`; ` +
        "move it away, or install TensorFlow into it by its own pip",
    );
  }
  Deno.removeSync(venv, { recursive: true });
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function venvPath(options: InstallOptions): string {
  return join(options.root, ".venv");
}

function requirementsPath(root: string, form: Form): string {
  return join(root, form === "gpu" ? "requirements-gpu.txt" : "requirements.txt");
}

/** What the stamp of a finished installation says: its form, and the requirements that it met. */
function digest(root: string, form: Form): string {
  const text = Deno.readTextFileSync(requirementsPath(root, form));
  return `${form} ${createHash("sha256").update(text).digest("hex")}`;
}

function readStamp(venv: string): string | undefined {
  try {
    return Deno.readTextFileSync(join(venv, STAMP_FILE)).trim();
  } catch {
    return undefined;
  }
}

function writeStamp(venv: string, text: string) {
  Deno.writeTextFileSync(join(venv, STAMP_FILE), text + "\n");
}
