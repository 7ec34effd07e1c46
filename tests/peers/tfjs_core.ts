/**
 * Runs tfjs-core's own test suite against our backend.
 *
 * The suite is made of tfjs-core's sources and runs on the engine, kernels and gradients of the copy that our
 * backend registered with: tfjs-core keeps these in globals, so that two copies of it are one.
 *
 * tfjs-node leaves out the specs on the ignore list of its own runner. We run them too, counted apart: a failure
 * among them is none of ours, and a pass is one better. Any other failure is printed and counts.
 */
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { formatDuration, ProgressBar } from "../../lib/config/mod.ts";
import { tensorflowInfo } from "../../lib/tensorflow/mod.ts"; // registers the backend, too
import { bundle } from "./bundle.ts";
import type { Counts } from "./counts.ts";

/** The part of a jasmine reporter's result that is used here. */
interface SpecResult {
  readonly fullName: string;
  readonly status: "passed" | "failed" | "pending" | "excluded";
  readonly failedExpectations: readonly { readonly message: string; readonly stack: string }[];
}

const require = createRequire(import.meta.url);

/** Reads the list out of tfjs-node's runner, a script that cannot be imported without running. */
function readIgnoreList(): string[] {
  const path = require.resolve("@tensorflow/tfjs-node-gpu/dist/run_tests.js");
  const literal = /var IGNORE_LIST = (\[[\s\S]*?\n\]);/.exec(Deno.readTextFileSync(path))?.[1];
  if (literal === undefined) throw new Error(`Cannot find the ignore list in "${path}"`);
  return new Function(`return ${literal}`)();
}

/** Loads the suite into a fresh jasmine and runs it. */
async function runSuite(filter: string): Promise<SpecResult[]> {
  const jasmineCore = require("jasmine-core");
  const jasmine = jasmineCore.boot(jasmineCore); // describe, it, expect … become global, as the suite wants
  const results: SpecResult[] = [];
  const folder = await Deno.makeTempDir();
  try {
    const path = await bundle(fileURLToPath(import.meta.resolve("./core_suite.ts")), folder);
    await import(pathToFileURL(path).href);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const env = jasmine.getEnv();
  let bar: ProgressBar | undefined;
  env.configure({
    random: false,
    specFilter: (spec: { getFullName(): string }) => spec.getFullName().includes(filter),
  });
  env.addReporter({
    jasmineStarted: (suite: { totalSpecsDefined: number }) => {
      bar = new ProgressBar({ label: "tfjs-core", unit: "specs", total: suite.totalSpecsDefined });
    },
    specDone: (result: SpecResult) => {
      if (result.status === "excluded") return; // by the filter
      results.push(result);
      bar?.update(results.length);
    },
  });
  await env.execute();
  bar?.finish();
  return results;
}

/**
 * Runs the suite and prints what failed.
 *
 * @param filter Part of the names of the specs to run; all for an empty string.
 * @returns The counts, without those of tfjs-node's ignore list.
 */
export async function runTfjsCore(filter: string): Promise<Counts> {
  const start = performance.now();
  const ignoreList = readIgnoreList();
  const results = await runSuite(filter);

  const isIgnored = ({ fullName }: SpecResult) => ignoreList.some((part) => fullName.includes(part));
  const required = results.filter((result) => !isIgnored(result));
  const ignored = results.filter(isIgnored);
  const having = (list: SpecResult[], status: SpecResult["status"]) =>
    list.filter((result) => result.status === status);

  const surplus = having(ignored, "passed");
  console.log(`\nOn tfjs-node's ignore list, and passing here (${surplus.length}):`);
  for (const { fullName } of surplus) console.log(`  ${fullName}`);
  console.log(`On the ignore list, and failing (${having(ignored, "failed").length}):`);
  for (const { fullName, failedExpectations } of having(ignored, "failed")) {
    console.log(`  ${fullName}: ${failedExpectations[0]?.message.split("\n", 1)[0]}`);
  }
  const failures = having(required, "failed");
  if (failures.length > 0) console.log(`\nFailures (${failures.length}):`);
  for (const { fullName, failedExpectations } of failures) {
    console.log(`  ${fullName}`);
    for (const { message } of failedExpectations.slice(0, 3)) console.log(`    ${message}`);
  }
  console.log(
    `\ntfjs-core 4.22.0 on TensorFlow ${tensorflowInfo().version}, ${
      formatDuration((performance.now() - start) / 1000)
    }; of ` +
      `${ignored.length} specs on the ignore list ${surplus.length} pass`,
  );
  const passed = having(required, "passed").length;
  return { passed, failed: failures.length, skipped: required.length - passed - failures.length };
}
