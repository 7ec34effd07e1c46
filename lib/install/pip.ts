/** Runs Python's package installer, and says in one sentence why it failed. */
import { UserError } from "../config/errors.ts";

/** Who installs, who is told, and who may end it. */
export interface PipOptions {
  /** The Python whose pip is used. Default: `python3`. */
  readonly python?: string;
  /** Ends pip. */
  readonly signal?: AbortSignal;
  /** Told what is going on, one line at a time. */
  readonly log?: (line: string) => void;
  /** Told what pip complains of. Default: writes it to stderr. */
  readonly echo?: (bytes: Uint8Array) => void;
}

/** What a command came to. */
export interface Outcome {
  readonly success: boolean;
  /** Empty if the terminal had it. */
  readonly stdout: string;
  readonly stderr: string;
}

/** A pip that installs into one environment. */
export interface Pip {
  /**
   * Runs `pip install`, its progress on the terminal.
   *
   * @param args What follows `install`.
   * @returns Whether it succeeded, and what it complained of.
   */
  install(args: readonly string[]): Promise<Outcome>;
}

/**
 * Makes sure that there is a Python.
 *
 * @param what The package that it is needed for, as a sentence names it.
 * @param options Which Python.
 * @returns Its command.
 * @throws {UserError} If there is none.
 */
export async function checkPython(what: string, options: PipOptions): Promise<string> {
  const python = options.python ?? "python3";
  try {
    const { success } = await run(python, ["--version"], options);
    if (success) return python;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
      throw error;
    }
  }
  throw new UserError(
    `Cannot find "${python}": ${what} comes as a Python package; ${packageHint("python3")}`,
  );
}

/**
 * Finds the user's own pip where it can work for another environment: one in `.venv` costs five seconds more.
 *
 * @param what The package that it is needed for, as a sentence names it.
 * @param environment The Python of the environment to install into.
 * @param options Whose pip.
 * @returns A pip for that environment.
 * @throws {UserError} If neither has a pip.
 */
export async function findPip(what: string, environment: string, options: PipOptions): Promise<Pip> {
  const python = options.python ?? "python3";
  const having = (command: string, args: string[]): Pip => ({
    install: (more) => run(command, [...args, "install", ...more], options, true),
  });
  const own = await run(python, ["-m", "pip", "--version"], options);
  const [, major, minor] = /^pip (\d+)\.(\d+)/.exec(own.stdout) ?? [];
  if (Number(major) > 22 || (Number(major) === 22 && Number(minor) >= 3)) {
    return having(python, ["-m", "pip", "--python", environment]);
  }
  const bundled = await run(environment, ["-m", "ensurepip"], options);
  if (bundled.success) return having(environment, ["-m", "pip"]);
  throw new UserError(`Cannot find pip for "${python}": ${what} is installed by it; ${packageHint("pip")}`);
}

/**
 * Runs a command to its end.
 *
 * @param command A program.
 * @param args Its arguments.
 * @param options Who may end it, and who is told.
 * @param show Whether its words go to the terminal; its errors come back in any case.
 * @returns What it came to.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: PipOptions,
  show = false,
): Promise<Outcome> {
  const { signal, echo = (bytes: Uint8Array) => void Deno.stderr.writeSync(bytes) } = options;
  signal?.throwIfAborted();
  const child = new Deno.Command(command, {
    args: [...args],
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

/**
 * Tells whether pip found the index, but in it nothing for this machine and Python.
 *
 * @param stderr What pip complained of.
 */
export function isWithoutWheel(stderr: string): boolean {
  return /No matching distribution found/.test(stderr) && !NETWORK.test(stderr);
}

/**
 * Puts what pip complained of into one clause.
 *
 * @param stderr What pip complained of.
 * @param disk The room that the installation needs, such as `"2 GB"`.
 * @returns The reason, and where one is known what to do about it.
 */
export function reasonOf(stderr: string, disk: string): string {
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    return `the disk is full; ${disk} are needed`;
  }
  if (NETWORK.test(stderr)) {
    return "the package index cannot be reached; check the network (and HTTPS_PROXY), then run the same command again";
  }
  if (/DO NOT MATCH THE HASHES/.test(stderr)) {
    return "the package index has another file under this name and version; " +
      "use an index that mirrors the official one (`pip config list` names yours)";
  }
  return lastLine(stderr);
}

/**
 * Picks the last error out of a command's complaints.
 *
 * @param text What it wrote on stderr.
 */
export function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const line = lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.at(-1) ??
    "it ended without a word";
  return line.replace(/^ERROR:\s*/, "");
}

/**
 * Says how to install a missing part of Python.
 *
 * @param what The part.
 */
export function packageHint(what: "python3" | "venv" | "pip"): string {
  if (Deno.build.os === "darwin") return "install Python 3 with `brew install python`";
  const names = { python3: "python3 python3-pip python3-venv", venv: "python3-venv", pip: "python3-pip" };
  return `install it with \`apt-get install ${names[what]}\` or your system's package manager`;
}
