/**
 * Finds the two shared libraries that hold TensorFlow, without loading them.
 *
 * Python's official `tensorflow` and `tensorflow-cpu` wheels carry `libtensorflow_cc` and
 * `libtensorflow_framework` side by side, with the whole C API exported; no Python runs them. Three places
 * are looked at, the most explicit first: the `ERNIE_HEALTH_TF` environment variable, the project's own
 * `.venv`, and the packages of the `python3` on PATH.
 */
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../config/errors.ts";
import { sitePackages, Stamp, STAMP_INSTALLING } from "../install/mod.ts";

/** The environment variable that names a TensorFlow of the user's own. */
export const LIBRARY_VARIABLE = "ERNIE_HEALTH_TF";

/** The minor releases of TensorFlow 2 whose C API the engine is used with, oldest first. */
export const SUPPORTED_VERSIONS: readonly string[] = ["2.16", "2.17", "2.18", "2.19", "2.20", "2.21"];

/** The stamp in `.venv` of TensorFlow's installation. */
export const STAMP_FILE = "ernie-health-setup";

/** Where a TensorFlow library lies, and which one it is. */
export interface TensorFlowLibrary {
  /** The folder that holds both shared libraries. */
  readonly folder: string;
  /** Path of `libtensorflow_cc`: the C API and the kernels. */
  readonly cc: string;
  /** Path of `libtensorflow_framework`: the runtime that `libtensorflow_cc` is linked against. */
  readonly framework: string;
  /** Release, such as `2.21.0`, or `unknown` for a bare folder without a package's metadata. */
  readonly version: string;
  /** The place that led here. */
  readonly source: "ERNIE_HEALTH_TF" | ".venv" | "python3";
  /** The Python package that it came from. */
  readonly package: "tensorflow" | "tensorflow-cpu";
  /** Whether the CUDA packages lie beside it; a driver may still be missing. */
  readonly gpu: boolean;
}

/** What is looked at; the defaults are the process's own environment and this project. */
export interface LibrarySearch {
  /** Value of `ERNIE_HEALTH_TF`. */
  readonly variable?: string | undefined;
  /** The project's virtual environment. */
  readonly venv?: string | undefined;
  /** The Python that is asked last; an empty string asks none. */
  readonly python?: string;
}

/**
 * Finds TensorFlow's shared libraries without loading them.
 *
 * @param search The places to look at, instead of this process's environment.
 * @returns The first library of a supported version.
 * @throws {UserError} If there is none, or `ERNIE_HEALTH_TF` leads to none.
 *
 * @example
 * ```ts
 * import { findLibrary } from "./library.ts";
 * const { version, source, cc } = findLibrary();
 * console.log(`TensorFlow ${version} from ${source}: ${cc}`);
 * ```
 */
export function findLibrary(search: LibrarySearch = {}): TensorFlowLibrary {
  const variable = "variable" in search ? search.variable : Deno.env.get(LIBRARY_VARIABLE);
  if (variable) return fromVariable(variable);

  const rejected: string[] = [];
  const venv = "venv" in search ? search.venv : projectVenv();
  for (const candidate of candidates(venv, search.python ?? "python3")) {
    const found = describe(candidate.folder, candidate.source);
    const reason = candidate.unfinished ? "its set-up was interrupted" : unsupported(found.version);
    if (reason === undefined) return found;
    rejected.push(`"${found.folder}" does not serve, ${reason}`);
  }
  const seen = rejected.length > 0 ? rejected.join("; ") : "it is neither in .venv nor beside python3";
  throw new UserError(`Cannot find TensorFlow: ${seen}; install it with \`deno task setup\``);
}

/**
 * Names the project's virtual environment, whether it exists or not.
 *
 * @returns Path of `.venv` in the project's folder; `undefined` if this module was not loaded from a file.
 */
export function projectVenv(): string | undefined {
  if (!import.meta.url.startsWith("file:")) return undefined;
  return join(dirname(fileURLToPath(import.meta.url)), "..", "..", ".venv");
}

/** `ERNIE_HEALTH_TF` is explicit: what it names is taken, or the reason why not is told. */
function fromVariable(value: string): TensorFlowLibrary {
  const folders = [value, join(value, "tensorflow"), ...venvFolders(value)];
  const folder = folders.find(holdsLibrary);
  const refuse = (reason: string) =>
    new UserError(
      `Cannot use ${LIBRARY_VARIABLE}="${value}": ${reason}, or unset it and run \`deno task setup\``,
    );
  if (folder === undefined) {
    throw refuse(
      `no ${fileNames().cc} in it; name a folder that holds it, a site-packages folder or a virtual environment`,
    );
  }
  const found = describe(folder, LIBRARY_VARIABLE);
  const reason = unsupported(found.version);
  if (reason !== undefined) throw refuse(`${reason}; name another`);
  return found;
}

interface Candidate {
  readonly folder: string;
  readonly source: TensorFlowLibrary["source"];
  readonly unfinished: boolean;
}

/** Lazy, so that Python is asked only when nothing nearer was usable: starting it takes 50 ms. */
function* candidates(venv: string | undefined, python: string): Generator<Candidate> {
  if (venv !== undefined) {
    const unfinished = new Stamp(venv, STAMP_FILE).read() === STAMP_INSTALLING;
    for (const folder of venvFolders(venv).filter(holdsLibrary)) {
      yield { folder, source: ".venv", unfinished };
    }
  }
  const folder = python === "" ? undefined : askPython(python);
  if (folder !== undefined && holdsLibrary(folder)) yield { folder, source: "python3", unfinished: false };
}

/** The `tensorflow` folder of each Python version for which a virtual environment has packages. */
function venvFolders(venv: string): string[] {
  return sitePackages(venv).map((folder) => join(folder, "tensorflow"));
}

/** Where this Python would import `tensorflow` from; it is not imported. */
function askPython(python: string): string | undefined {
  const code = "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.origin if s else '')";
  try {
    const { success, stdout } = new Deno.Command(python, {
      args: ["-c", code],
      stdin: "null",
      stderr: "null",
    }).outputSync();
    const origin = success ? new TextDecoder().decode(stdout).trim() : "";
    return origin.endsWith("__init__.py") ? dirname(origin) : undefined;
  } catch {
    return undefined; // no such Python: that is no error as long as another place serves
  }
}

function describe(folder: string, source: TensorFlowLibrary["source"]): TensorFlowLibrary {
  const names = fileNames();
  const sitePackages = dirname(folder);
  const info = basename(folder) === "tensorflow" ? packageInfo(sitePackages) : undefined;
  return {
    folder,
    cc: join(folder, names.cc),
    framework: join(folder, names.framework),
    version: info?.version ?? "unknown",
    source,
    package: info?.package ?? "tensorflow",
    gpu: list(join(sitePackages, "nvidia")).length > 0,
  };
}

/** Reads package and version off the metadata folder's name, such as `tensorflow_cpu-2.21.0.dist-info`. */
function packageInfo(sitePackages: string): Pick<TensorFlowLibrary, "version" | "package"> | undefined {
  // Not every package that starts with "tensorflow" is TensorFlow: tensorflow_datasets, tensorflow_estimator …
  const pattern = /^tensorflow(_cpu)?-(\d[^-]*)\.dist-info$/;
  for (const name of list(sitePackages)) {
    const match = pattern.exec(name);
    if (match) return { version: match[2]!, package: match[1] ? "tensorflow-cpu" : "tensorflow" };
  }
  return undefined;
}

/** @returns Why this version cannot be used; `undefined` if it can, or if only loading it can tell. */
function unsupported(version: string): string | undefined {
  if (version === "unknown") return undefined;
  if (SUPPORTED_VERSIONS.includes(version.split(".", 2).join("."))) return undefined;
  return `it is TensorFlow ${version} and the engine needs ${SUPPORTED_VERSIONS[0]} to ${
    SUPPORTED_VERSIONS.at(-1)
  }`;
}

function holdsLibrary(folder: string): boolean {
  const names = list(folder);
  const { cc, framework } = fileNames();
  return names.includes(cc) && names.includes(framework);
}

function fileNames(): { cc: string; framework: string } {
  const name = (library: string) =>
    Deno.build.os === "darwin" ? `libtensorflow_${library}.2.dylib` : `libtensorflow_${library}.so.2`;
  return { cc: name("cc"), framework: name("framework") };
}

/** Names in a folder in a fixed order; none if it cannot be read. */
function list(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), (entry) => entry.name).sort();
  } catch {
    return [];
  }
}
