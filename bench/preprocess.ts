/**
 * Speed of preprocessing, against the original's Python: `deno task bench:preprocess --python PYTHON --original FILE`.
 *
 * Both sides read the same lines with the same vocabulary and number of workers, tokenize and mark words (original
 * marks), and write the corpus; they take turns. What is compared is lines per CPU-second of all processes in the
 * steady state: each side runs on the text and on every fourth line of it, and the time of the short run, which holds
 * start-up and the loading of models, is taken off that of the long one. Of each run the best of the rounds counts.
 *
 * Then our two workers against our one, by the clock: lines per second in the steady state. On an idle machine with
 * two free cores that is at least 1.7 times as many.
 *
 * `--python` is a Python with paddlenlp, LAC and jieba; `--original` is `preprocess.py` from PaddleNLP's
 * `model_zoo/ernie-health`. Without them only our side runs. The text is a sample of `../shared/data/pretrain`, or
 * generated where that is absent.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { generateCorpus } from "../lib/text/mod.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TEXT = join(ROOT, "..", "shared", "data", "pretrain");
const VOCABULARIES = [
  join(ROOT, "..", "shared", "data", "vocab", "vocab.txt"),
  join(ROOT, "tests", "fixtures", "text", "vocab.txt"),
];
/** One line in so many is in the short run. */
const SHORT = 4;
/** Lines of the long run: the original takes 15 to 30 s on each. */
const LINES: Readonly<Record<string, number>> = { lac: 8000, seg: 8000, jieba: 40000 };

const { values: flags } = parseArgs({
  options: {
    python: { type: "string" },
    original: { type: "string" },
    tool: { type: "string", multiple: true },
    workers: { type: "string", default: "1" },
    lines: { type: "string" },
    rounds: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  console.log(
    "deno task bench:preprocess [--python PYTHON --original FILE] [--tool lac|seg|jieba]... [--workers 1|2] " +
      "[--lines N] [--rounds N] [--quick] [--json]",
  );
} else {
  const folder = await Deno.makeTempDir();
  try {
    await runAll(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What is timed: a side's command for one input, given where the output goes. */
type Side = (input: string, output: string, workers: number) => string[];

/** Seconds of a run. */
interface Seconds {
  readonly wall: number;
  /** User and system time of the process and all that it started. */
  readonly cpu: number;
}

async function runAll(folder: string) {
  const { python, original } = flags;
  const rounds = flags.quick ? 1 : Number(flags.rounds), workers = Number(flags.workers);
  const tools = flags.tool ?? (flags.quick ? ["lac"] : Object.keys(LINES));
  const vocabulary = VOCABULARIES.find(exists)!;
  if (!flags.json) console.log("case | ours | the original | ratio | unit");
  for (const tool of tools) {
    const count = Number(flags.lines ?? LINES[tool]!) / (flags.quick ? 4 : 1);
    const text = await writeText(folder, count);
    const ours = ourCommand(tool, vocabulary);
    const sides = python && original ? [ours, originalCommand(python, original, tool, vocabulary)] : [ours];
    const [mine, theirs] = await timeInTurn(sides.map((side) => ({ side, workers })), text, rounds);
    if (theirs) await checkSame(folder, tool);
    const rate = (run: Seconds | undefined) => run && text.extra / run.cpu;
    report(`${tool}, workers: ${workers}`, rate(mine), rate(theirs), "lines/CPU-s");
    if (flags.quick) continue;
    const alone = [1, 2].map((workers) => ({ side: ours, workers }));
    const [one, two] = await timeInTurn(alone, text, rounds);
    report(
      `${tool}, ours with 2 workers against 1`,
      text.extra / two!.wall,
      text.extra / one!.wall,
      "lines/s",
    );
  }
}

/** Prints one line of the table. */
function report(name: string, ours: number | undefined, peer: number | undefined, unit: string) {
  const ratio = ours !== undefined && peer !== undefined ? ours / peer : undefined;
  if (flags.json) {
    const orNull = (value: number | undefined) => value ?? null;
    console.log(
      JSON.stringify({
        bench: "preprocess",
        case: name,
        ours,
        peer: orNull(peer),
        ratio: orNull(ratio),
        unit,
      }),
    );
  } else {
    const cell = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? "–";
    console.log([name, cell(ours, 0), cell(peer, 0), cell(ratio, 2), unit].join(" | "));
  }
}

/** The long and the short input, and by how many lines they differ. */
interface Text {
  readonly long: string;
  readonly short: string;
  readonly extra: number;
}

async function writeText(folder: string, count: number): Promise<Text> {
  const all = exists(TEXT) ? await readText(TEXT) : [...generateCorpus({ sentences: count, seed: 1 })];
  const step = Math.max(1, Math.floor(all.length / count));
  const lines = all.filter((_, index) => index % step === 0).slice(0, count);
  const few = lines.filter((_, index) => index % SHORT === 0);
  const characters = lines.reduce((sum, line) => sum + [...line].length, 0);
  if (!flags.json) {
    console.log(`\n${lines.length} lines of ${(characters / lines.length).toFixed(1)} characters`);
  }
  const text = { long: join(folder, "long.txt"), short: join(folder, "short.txt") };
  await Deno.writeTextFile(text.long, lines.join("\n") + "\n");
  await Deno.writeTextFile(text.short, few.join("\n") + "\n");
  return { ...text, extra: lines.length - few.length };
}

async function readText(folder: string): Promise<string[]> {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  const texts = await Promise.all(names.map((name) => Deno.readTextFile(join(folder, name))));
  return texts.flatMap((text) => text.split(/\r\n|\n|\r/)).filter((line) => line.trim() !== "");
}

function ourCommand(tool: string, vocabulary: string): Side {
  return (input, output, workers) => [
    ...[Deno.execPath(), "run", "-A", join(ROOT, "tasks", "preprocess.ts")],
    ...["--input_path", input, "--output_file", output, "--vocab_file", vocabulary],
    ...["--tokenize_tool", tool, "--num_worker", `${workers}`, "--word_marks", "original"],
    ...["--logging_steps", "1000000000"],
  ];
}

function originalCommand(python: string, original: string, tool: string, vocabulary: string): Side {
  const driver = fileURLToPath(import.meta.resolve("./original_preprocess.py"));
  return (input, output, workers) => [
    ...[python, driver, original, vocabulary],
    ...["--input_path", input, "--output_file", output],
    ...["--tokenize_tool", tool, "--num_worker", `${workers}`, "--logging_steps", "1000000000"],
  ];
}

/** Runs the sides one after another, round by round; @returns of each the steady state's seconds. */
async function timeInTurn(
  sides: readonly { readonly side: Side; readonly workers: number }[],
  text: Text,
  rounds: number,
): Promise<Seconds[]> {
  const runs = sides.map(() => ({ long: [] as Seconds[], short: [] as Seconds[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, { side, workers }] of sides.entries()) {
      for (const size of ["short", "long"] as const) {
        const output = join(`${text[size]}.${index}`, "corpus");
        await Deno.remove(`${text[size]}.${index}`, { recursive: true }).catch(() => {});
        await Deno.mkdir(`${text[size]}.${index}`);
        runs[index]![size].push(await time(side(text[size], output, workers)));
      }
    }
  }
  const best = (runs: Seconds[], key: keyof Seconds) => Math.min(...runs.map((run) => run[key]));
  return runs.map(({ long, short }) => {
    const extra = (key: keyof Seconds) => best(long, key) - best(short, key);
    const seconds = { wall: extra("wall"), cpu: extra("cpu") };
    if (Math.min(seconds.wall, seconds.cpu) < 0.5) {
      console.error("Warning: these runs are too short to tell from noise; give more --lines or --rounds");
    }
    return seconds;
  });
}

/** Runs a command under the shell's `time`, which counts all processes that were waited for. */
async function time(command: string[]): Promise<Seconds> {
  const script = 'TIMEFORMAT="%R %U %S"; exec 3>&2; { time "$@" >/dev/null 2>&3; } 2>&1';
  const { success, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script, "bash", ...command],
    env: { PYTHONUTF8: "1", LC_ALL: "C.UTF-8" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) {
    console.error(text.decode(stderr));
    Deno.exit(1);
  }
  const [wall, user, system] = text.decode(stdout).trim().split(" ").map(Number);
  return { wall: wall!, cpu: user! + system! };
}

/** Both sides have to have done the same work. */
async function checkSame(folder: string, tool: string) {
  for (const file of ["corpus_ids.npy", "corpus_idx.npz"]) {
    const read = (index: number) => Deno.readFile(join(folder, `long.txt.${index}`, file));
    const [ours, theirs] = [await read(0), await read(1)];
    const same = ours.length === theirs.length && ours.every((byte, index) => byte === theirs[index]);
    if (!same) console.error(`Warning: with ${tool} the two ${file} differ`);
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
