/**
 * The project's virtual environment, `.venv`, into which set-up installs what comes as Python packages.
 *
 * An installation may be killed at any moment, and two may be started at once: each package has a stamp in
 * `.venv` that says whether its last installation came to its end, and a lock on the requirements file, which
 * the system drops with its process, keeps others waiting.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UserError } from "../config/errors.ts";
import { checkPython, findPip, lastLine, packageHint, type Pip, type PipOptions, run } from "./pip.ts";

/** How to install. */
export interface InstallOptions extends PipOptions {
  /** The project's folder: `.venv` is made in it, and the requirements files lie there. */
  readonly root: string;
  /** Install again even if it is there. */
  readonly force?: boolean;
}

/** The content of a stamp while an installation is under way, or after it was killed. */
export const STAMP_INSTALLING = "installing";

/** By their common beginning a stamp tells that `.venv` is ours, whichever package was installed first. */
const STAMP_PREFIX = "ernie-health-";

/** The state of one package's installation in `.venv`: {@linkcode STAMP_INSTALLING}, or a digest of what was met. */
export class Stamp {
  readonly #path: string;

  /** @param venv The environment. @param name The stamp's file, such as `ernie-health-lac`. */
  constructor(venv: string, name: `${typeof STAMP_PREFIX}${string}`) {
    this.#path = join(venv, name);
  }

  /** @returns What it says; `undefined` if there was no installation. */
  read(): string | undefined {
    try {
      return Deno.readTextFileSync(this.#path).trim();
    } catch {
      return undefined;
    }
  }

  /** @param text What it shall say. */
  write(text: string) {
    Deno.writeTextFileSync(this.#path, text + "\n");
  }
}

/** @returns Path of the environment, whether it exists or not. @param root The project's folder. */
export function environmentPath(root: string): string {
  return join(root, ".venv");
}

/**
 * Finds the folders of packages in an environment, one for each Python that has installed into it.
 *
 * @param venv The environment.
 * @returns Their paths in a fixed order; none if there is no environment.
 */
export function sitePackages(venv: string): string[] {
  return list(join(venv, "lib"))
    .filter((name) => name.startsWith("python3"))
    .map((name) => join(venv, "lib", name, "site-packages"));
}

/**
 * Names the content of requirements files, for a stamp.
 *
 * @param paths The files.
 * @returns Their SHA-256 in hexadecimal digits.
 */
export function digestOf(...paths: string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) hash.update(Deno.readTextFileSync(path));
  return hash.digest("hex");
}

/**
 * Installs alone: whoever comes second waits, and finds the work done.
 *
 * @param options The project, and who is told of the wait.
 * @param find What makes the work unnecessary; asked before and after a wait.
 * @param install The work.
 * @returns What was found or installed, and whether it is new.
 */
export async function installOnce<T>(
  options: InstallOptions,
  find: (force: boolean) => T | undefined,
  install: () => Promise<T>,
): Promise<{ found: T; installed: boolean }> {
  const force = options.force ?? false;
  const found = find(force);
  if (found !== undefined) return { found, installed: false };
  using lock = await Deno.open(join(options.root, "requirements.txt"), { read: true, write: true });
  if (!await lock.tryLock(true)) {
    options.log?.("Waiting for another set-up of this project to end");
    await lock.lock(true);
  }
  const theirs = find(force); // somebody may have just finished
  if (theirs !== undefined) return { found: theirs, installed: false };
  return { found: await install(), installed: true };
}

/**
 * Makes sure that `.venv` is there and that it is ours, and marks a package's installation as begun.
 *
 * @param what The package, as a sentence names it.
 * @param stamp The package's stamp.
 * @param options Where, by which Python, and whether an environment of ours is made anew, all packages gone.
 * @returns A pip that installs into it.
 * @throws {UserError} If Python, its venv or pip is missing, or `.venv` belongs to the user.
 */
export async function prepareEnvironment(
  what: string,
  stamp: Stamp,
  options: InstallOptions & { readonly anew?: boolean },
): Promise<Pip> {
  if (Deno.build.os === "windows") {
    throw new UserError(
      `Cannot install ${what} on Windows: only Linux and macOS are supported; use WSL 2 (\`wsl --install\`)`,
    );
  }
  const venv = environmentPath(options.root);
  const command = await checkPython(what, options);
  refuseForeign(what, venv);
  if (options.anew) remove(venv);
  Deno.mkdirSync(venv, { recursive: true });
  stamp.write(STAMP_INSTALLING);
  const environment = join(venv, "bin", "python3");
  if (!exists(environment)) {
    remove(join(venv, "bin")); // links to a Python that is gone, which venv would not replace
    const created = await run(command, ["-m", "venv", "--without-pip", venv], options);
    if (!created.success) {
      throw new UserError(`Cannot create "${venv}": ${lastLine(created.stderr)}; ${packageHint("venv")}`);
    }
  }
  return await findPip(what, environment, options);
}

/** A folder without a stamp of ours belongs to the user and stays as it is. */
function refuseForeign(what: string, venv: string) {
  const names = list(venv);
  if (names.length === 0 || names.some((name) => name.startsWith(STAMP_PREFIX))) return;
  throw new UserError(
    `Cannot install into "${venv}": it was not made by \`deno task setup\`; ` +
      `move it away, or install ${what} into it by its own pip`,
  );
}

/** Names in a folder in a fixed order; none if it cannot be read. */
function list(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), (entry) => entry.name).sort();
  } catch {
    return [];
  }
}

/**
 * Removes a file or folder, if it is there.
 *
 * @param path What is removed, with all that is in it.
 */
export function remove(path: string) {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
