/**
 * Runs `deno test` and closes with its counts alone on a line: `12 passed, 0 failed`, then `, 1 skipped` if any.
 *
 *   deno task test                            all tests
 *   deno task test tests/text                 one room
 *   deno task test --filter vocabulary        by name
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Adds up a JUnit report; what ended the run without a test to blame counts as one failure. */
function count(report: string, success: boolean): { passed: number; failed: number; skipped: number } {
  const sum = (pattern: RegExp) =>
    Array.from(report.matchAll(pattern), (match) => Number(match[1])).reduce((a, b) => a + b, 0);
  const tests = sum(/<testsuite [^>]*\btests="(\d+)"/g);
  const failures = sum(/<testsuite [^>]*\bfailures="(\d+)"/g) + sum(/<testsuite [^>]*\berrors="(\d+)"/g);
  const skipped = sum(/<testsuite [^>]*\bdisabled="(\d+)"/g);
  return { passed: tests - failures - skipped, failed: success ? failures : Math.max(1, failures), skipped };
}

const folder = Deno.makeTempDirSync();
try {
  const path = join(folder, "report.xml");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", `--junit-path=${path}`, ...Deno.args],
    cwd: dirname(dirname(fileURLToPath(import.meta.url))),
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  // No report is written if the tests do not compile.
  const report = await Deno.readTextFile(path).catch(() => "");
  const { passed, failed, skipped } = count(report, success);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  Deno.exitCode = failed > 0 ? 1 : 0;
} finally {
  Deno.removeSync(folder, { recursive: true });
}
