/**
 * Compares our segmenters with Python's LAC and jieba, really run, on sentences of `../shared/data/pretrain`: every
 * boundary of every sentence has to be the same.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ProgressBar, UserError } from "../../lib/config/mod.ts";
import { findLac } from "../../lib/install/mod.ts";
import { createSegmenter, stripLine } from "../../lib/text/mod.ts";
import type { Counts } from "./counts.ts";
import { peerPython } from "./python.ts";

/** What to compare, and with which Python. */
export interface SegmenterOptions {
  readonly tools: readonly string[];
  /** Sentences at least; fewer if the text has no more. */
  readonly sentences: number;
  /** A Python that has paddlepaddle and jieba. Default: one made in `.venv-peers`. */
  readonly python?: string | undefined;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TEXT = join(ROOT, "..", "shared", "data", "pretrain");
const BATCH = 256;
/** Differing sentences that are printed of each tool. */
const SHOWN = 10;

/**
 * Runs the comparison, one test for each tool.
 *
 * @param options Tools, number of sentences, Python.
 * @returns Tools that cut every sentence as Python does, and tools that do not.
 */
export async function compareSegmenters(options: SegmenterOptions): Promise<Counts> {
  const skip = (reason: string): Counts => {
    console.log(`Segmenters skipped: ${reason}`);
    return { passed: 0, failed: 0, skipped: options.tools.length };
  };
  const sentences = sample(TEXT, options.sentences);
  if (sentences.length === 0) return skip(`there is no text in "${TEXT}"`);
  const python = options.python ?? await peerPython(ROOT);
  if (python === undefined) {
    return skip("there is no Python 3.10, 3.11 or 3.12 on PATH (or give one by --python)");
  }
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const tool of options.tools) {
    const differing = await compare(tool, sentences, python);
    console.log(`${tool}: ${sentences.length} sentences, ${sentences.length - differing.length} equal`);
    for (const { ours, theirs } of differing.slice(0, SHOWN)) {
      console.log(`  ours   ${ours.join(" ")}\n  Python ${theirs.join(" ")}`);
    }
    if (differing.length > SHOWN) console.log(`  … and ${differing.length - SHOWN} more`);
    counts[differing.length === 0 ? "passed" : "failed"]++;
  }
  return counts;
}

/** Sentences from all of a folder's text, evenly spread; none if there is no such folder. */
function sample(folder: string, count: number): string[] {
  let files: string[];
  try {
    files = Array.from(Deno.readDirSync(folder), ({ name }) => join(folder, name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const lines = files.flatMap((file) => Deno.readTextFileSync(file).split(/\r\n|\n|\r/)).map(stripLine)
    .filter((line) => line !== "");
  const step = Math.max(1, Math.floor(lines.length / count));
  return lines.filter((_, index) => index % step === 0);
}

interface Difference {
  readonly ours: string[];
  readonly theirs: string[];
}

/** Cuts all sentences here and there; @returns those that were cut differently. */
async function compare(tool: string, sentences: readonly string[], python: string): Promise<Difference[]> {
  const segmenter = await createSegmenter(tool);
  const bar = new ProgressBar({ label: tool, unit: "sentences", total: sentences.length });
  const differing: Difference[] = [];
  let done = 0;
  for await (const theirs of cutByPython(tool, sentences, python)) {
    const ours = await segmenter.cut(sentences.slice(done, done + theirs.length));
    for (const [index, words] of theirs.entries()) {
      const same = JSON.stringify(ours[index]) === JSON.stringify(words);
      if (!same) differing.push({ ours: ours[index]!, theirs: words });
    }
    bar.update(done += theirs.length);
  }
  bar.finish();
  if (done !== sentences.length) {
    throw new UserError(
      `Cannot run Python's ${tool}: it ended after ${done} of ${sentences.length} sentences`,
    );
  }
  return differing;
}

/** Python's cuts of the sentences, in batches as they come. */
async function* cutByPython(
  tool: string,
  sentences: readonly string[],
  python: string,
): AsyncGenerator<string[][]> {
  const script = fileURLToPath(import.meta.resolve("./segment.py"));
  const lac = findLac(ROOT); // Python's own LAC goes first, if it has one
  const child = new Deno.Command(python, {
    args: [script, tool, ...(lac === undefined ? [] : [dirname(lac)])],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = new Blob(sentences.map((text) => JSON.stringify(text) + "\n")).stream();
  const fed = input.pipeTo(child.stdin).catch(() => {}); // it has ended: its count will tell
  let rest = "";
  let batch: string[][] = [];
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) batch.push(JSON.parse(line));
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
  await fed;
  await child.status;
}
