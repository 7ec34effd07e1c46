/** Training commands that are killed at some moment and started again, and the checkpoints they leave. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

const TASKS = fileURLToPath(new URL("../tasks/", import.meta.url));

/** How a command ended. */
export interface Outcome {
  readonly killed: boolean;
  readonly success: boolean;
  readonly out: string;
  readonly err: string;
}

/** Starts a task as a program. */
export function start(
  task: string,
  options: Readonly<Record<string, string | number | boolean>>,
): Deno.ChildProcess {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${TASKS}${task}.ts`, ...flags],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits for a command's end. */
export async function finish(child: Deno.ChildProcess): Promise<Outcome> {
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const { success, signal } = await child.status;
  return { killed: signal === "SIGKILL", success, out, err };
}

/** Runs a task that must reach its end. */
export async function complete(...run: Parameters<typeof start>): Promise<Outcome> {
  const outcome = await finish(start(...run));
  assert.ok(outcome.success, outcome.err);
  return outcome;
}

/** The names in a folder that may not be there. */
export function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return []; // not yet made, or just gone
    throw error;
  }
}

/** Steps of a run's checkpoints, ascending. */
export function stepsIn(output: string): number[] {
  return namesIn(output).flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.slice(1).map(Number) ?? [])
    .sort((a, b) => a - b);
}

/** Compares every file of every checkpoint with its checksum, by other code than the run's own. */
export async function checkAll(output: string): Promise<void> {
  for (const step of stepsIn(output)) {
    const folder = `${output}/checkpoint-${step}`;
    const lines = (await Deno.readTextFile(`${folder}/SHA256SUMS`)).trimEnd().split("\n");
    const listed = lines.map((line) => line.slice(66));
    assert.deepEqual(listed.sort(), namesIn(folder).filter((name) => name !== "SHA256SUMS").sort());
    for (const line of lines) {
      const hash = createHash("sha256").update(await Deno.readFile(`${folder}/${line.slice(66)}`));
      assert.equal(hash.digest("hex"), line.slice(0, 64), `${folder}/${line.slice(66)}`);
    }
  }
}

/** A hash of a checkpoint's weights and moments. */
export async function digest(checkpoint: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["model.safetensors", "training_state/optimizer.safetensors"]) {
    hash.update(await Deno.readFile(`${checkpoint}/${name}`));
  }
  return hash.digest("hex");
}

/** A moment of a run to kill it at: how it is spoken of, and the wait for it, which ends early if the run does. */
export interface Moment {
  readonly name: string;
  wait(output: string, isOver: () => boolean): Promise<void>;
}

/** So many milliseconds after the start. */
export function after(milliseconds: number): Moment {
  const wait = async (_: string, isOver: () => boolean) => {
    for (const begin = performance.now(); performance.now() - begin < milliseconds && !isOver();) {
      await pause(5);
    }
  };
  return { name: `after ${(milliseconds / 1000).toFixed(2)} s`, wait };
}

/** When so many checkpoints have been made, and so many milliseconds more. */
export function afterCheckpoint(step: number, milliseconds: number): Moment {
  const wait = async (output: string, isOver: () => boolean) => {
    while (!isOver() && !stepsIn(output).some((own) => own >= step)) await pause(5);
    await after(milliseconds).wait(output, isOver);
  };
  return { name: `${milliseconds} ms after checkpoint ${step}`, wait };
}

/** While a checkpoint is half-written: in the n-th save that is seen, when so many of its files are there. */
export function whileSaving(nth: number, files: number): Moment {
  const isSaving = (output: string) =>
    namesIn(output).some((name) =>
      /^\.checkpoint-\d+\.partial-/.test(name) && namesIn(`${output}/${name}`).length >= files
    );
  const wait = async (output: string, isOver: () => boolean) => {
    for (let saving = false, saves = 0; !isOver(); await pause(0)) {
      const now = isSaving(output);
      if (now && !saving && ++saves === nth) return;
      saving = now;
    }
  };
  return { name: `in save ${nth} at ${files} files`, wait };
}

/** Starts a task and kills it at a moment, unless it ends before. */
export async function runUntil(
  moment: Moment,
  output: string,
  ...run: Parameters<typeof start>
): Promise<Outcome & { readonly halfWritten: boolean }> {
  const child = start(...run);
  let over = false;
  const ending = finish(child).finally(() => over = true);
  await moment.wait(output, () => over);
  if (!over) child.kill("SIGKILL");
  const outcome = await ending;
  assert.ok(outcome.killed || outcome.success, outcome.err);
  return { ...outcome, halfWritten: namesIn(output).some((name) => name.endsWith(`.partial-${child.pid}`)) };
}

/** What a run that is killed over and over must come to. */
export interface Survival {
  /** The task's name and options, but its folder. */
  readonly task: string;
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** The run that nobody disturbed, and how many milliseconds it took. */
  readonly whole: string;
  readonly duration: number;
  readonly kills: number;
  /** Of the last checkpoint. */
  readonly steps: number;
  /** Further things that a finished run must have as the undisturbed one has them. */
  check?(output: string): Promise<void>;
}

/**
 * Kills one run over and over, at any moment or within a save; each process goes on where the one before was killed, and the
 * last one ends with the bytes of the undisturbed run.
 *
 * @param output The folder of the run.
 */
export async function surviveKills(
  output: string,
  { task, options, whole, duration, kills, steps, check = () => Promise.resolve() }: Survival,
): Promise<void> {
  const last = `checkpoint-${steps}`, expected = await digest(`${whole}/${last}`);
  const run = [task, { ...options, output_dir: output }] as const;
  let newest = 0, halfWritten = 0;
  for (let kill = 1; kill <= kills;) {
    const moment = kill % 2
      ? after(Math.random() * duration)
      : whileSaving(1 + Math.floor(Math.random() * 5), Math.floor(Math.random() * 8));
    const { killed, out, ...ended } = await runUntil(moment, output, ...run);
    if (out.includes("global step")) assert.equal(newest > 0, out.includes(`checkpoint-${newest}`), out);
    await checkAll(output);
    const found = stepsIn(output);
    assert.ok((found.at(-1) ?? 0) >= newest, `checkpoint ${newest} is lost: ${found}`);
    newest = found.at(-1) ?? 0;
    if (!killed) { // it got to its end first
      assert.equal(await digest(`${output}/${last}`), expected);
      await check(output);
      console.log("  finished in between: same bytes, begun anew");
      await Deno.remove(output, { recursive: true });
      newest = 0;
      continue;
    }
    if (ended.halfWritten) halfWritten++;
    console.log(
      `kill ${kill} ${moment.name}: checkpoints ${found.join(", ") || "none"} whole` +
        (ended.halfWritten ? ", one half-written" : ""),
    );
    kill++;
  }
  await complete(...run);
  assert.equal(await digest(`${output}/${last}`), expected);
  await check(output);
  const checkpoints = (folder: string) =>
    namesIn(folder).filter((name) => name.includes("checkpoint")).sort();
  assert.deepEqual(checkpoints(output), checkpoints(whole));
  assert.ok(halfWritten > 0, "a kill fell into a save");
  console.log(`finished after ${kills} kills, ${halfWritten} of them in a save: same bytes, ${expected}`);
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
