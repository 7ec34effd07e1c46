/**
 * Runs `deno test` and closes with its counts alone on a line: `12 passed, 0 failed`, then `, 1 skipped` if any.
 *
 *   deno task test                            all tests, two rooms at a time
 *   deno task test tests/text                 one room
 *   deno task test --filter vocabulary        by name
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Processes at a time; a test may use two cores itself. */
const PROCESSES = 2;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Adds up a JUnit report; what ended the run without a test to blame counts as one failure. */
function count(report: string, success: boolean): Counts {
  const sum = (pattern: RegExp) =>
    Array.from(report.matchAll(pattern), (match) => Number(match[1])).reduce((a, b) => a + b, 0);
  const tests = sum(/<testsuite [^>]*\btests="(\d+)"/g);
  const failures = sum(/<testsuite [^>]*\bfailures="(\d+)"/g) + sum(/<testsuite [^>]*\berrors="(\d+)"/g);
  const skipped = sum(/<testsuite [^>]*\bdisabled="(\d+)"/g);
  return { passed: tests - failures - skipped, failed: success ? failures : Math.max(1, failures), skipped };
}

/**
 * Runs `deno test`.
 *
 * @param show Takes what it prints; default: it is printed at once.
 */
async function run(args: readonly string[], show?: (output: Uint8Array[]) => void): Promise<Counts> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", `--junit-path=${report}`, ...args],
      cwd: ROOT,
      stdin: "null",
      stdout: show ? "piped" : "inherit",
      stderr: show ? "piped" : "inherit",
    }).spawn();
    const output: Uint8Array[] = [];
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      for await (const bytes of stream) output.push(bytes);
    };
    if (show) await Promise.all([collect(child.stdout), collect(child.stderr)]);
    const { success } = await child.status;
    show?.(output);
    return count(await Deno.readTextFile(report), success); // the report is empty if the tests do not compile
  } finally {
    await Deno.remove(report);
  }
}

/** The folders of tests and the files beside them; what takes long begins first, as a rule. */
async function rooms(): Promise<string[]> {
  const sizes = new Map<string, number>();
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, "tests"))) {
    const path = `tests/${name}`;
    const names = isDirectory
      ? await Array.fromAsync(Deno.readDir(join(ROOT, path)), ({ name }) => name)
      : [name];
    const files = names.filter((name) => name.endsWith("_test.ts"))
      .map((name) => join(ROOT, isDirectory ? join(path, name) : path));
    const bytes = await Promise.all(files.map(async (file) => (await Deno.stat(file)).size));
    if (files.length > 0) sizes.set(path, bytes.reduce((a, b) => a + b));
  }
  return [...sizes.keys()].sort((a, b) => sizes.get(b)! - sizes.get(a)!);
}

/** Checks all types at once, then runs room after room in processes of their own. */
async function runAll(): Promise<Counts> {
  const { success } = await new Deno.Command(Deno.execPath(), { args: ["check", "tests"], cwd: ROOT }).spawn()
    .status;
  if (!success) return { passed: 0, failed: 1, skipped: 0 };
  const waiting = await rooms(), total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const work = async () => {
    for (let room = waiting.shift(); room; room = waiting.shift()) {
      const counts = await run(["--no-check", room], (output) => {
        for (const bytes of output) Deno.stdout.writeSync(bytes);
      });
      for (const kind of ["passed", "failed", "skipped"] as const) total[kind] += counts[kind];
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, work));
  return total;
}

const { passed, failed, skipped } = await (Deno.args.length > 0 ? run(Deno.args) : runAll());
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
Deno.exitCode = failed > 0 ? 1 : 0;
