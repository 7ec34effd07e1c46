/** Starts one process a device, passes signals on, and starts all again after a failure that may not come again. */
import { fileError, PEER_LOST_STATUS, PeerLostError } from "../config/mod.ts";
import { Child, type End } from "./child.ts";
import { loopbackPlaces, meetNodes, type Nodes, type Places } from "./nodes.ts";

/** A job to be launched. */
export interface LaunchOptions {
  /** The words after `deno` that start the program, its own flags apart: `["run", "-A", "tasks/pretrain.ts"]`. */
  readonly program: readonly string[];
  /** The program's own flags. */
  readonly flags: readonly string[];
  /** GPUs of this machine, a process each, as `CUDA_VISIBLE_DEVICES` names them; or how many processes on the CPU. */
  readonly devices: readonly string[] | number;
  /** The machines, where there are several. */
  readonly nodes?: Nodes | undefined;
  /** How often all processes are started again after a failure. Default: 0. */
  readonly maxRestarts?: number;
  /** Folder for the whole output of ranks other than 0. */
  readonly logDir?: string | undefined;
  /** Seconds that machines wait for each other. Default: 600. */
  readonly joinTimeout?: number;
  /** Seconds that processes have to end by themselves after one has failed, before they are told to. Default: 10. */
  readonly grace?: number;
  /** Ends the job: every process gets SIGTERM, once. */
  readonly signal?: AbortSignal;
  /** Hears what happens. Default: `console.error`. */
  readonly say?: (line: string) => void;
}

/** Seconds for the last processes to end after a stop that the user asked for: saving may take its time. */
const STOP_GRACE = 120;
/** Seconds after which launchers take the silence of another for its end. */
const LAUNCHER_TIMEOUT = 3600;

/**
 * Runs a job to its end.
 *
 * @param options what to run, on which devices
 * @returns 0, or the exit status of the process that failed first (128 + number for a signal)
 * @throws {UserError} if the machines do not agree
 * @throws {PeerLostError} if they do not meet in time
 */
export async function launch(options: LaunchOptions): Promise<number> {
  const { maxRestarts = 0, signal, say = console.error } = options;
  makeFolder(options.logDir);
  for (let restarts = 0;; restarts++) {
    const { status, what, again } = await runOnce(options);
    if (status === 0 || signal?.aborted || maxRestarts === 0) return status;
    if (!again) {
      say(`${what}; it would fail again, so the job is not started again`);
      return status;
    }
    if (restarts === maxRestarts) {
      say(`${what}; all ${maxRestarts} restarts are used up`);
      return status;
    }
    say(`${what}; starting all processes again (restart ${restarts + 1} of ${maxRestarts})`);
  }
}

/** How all processes of this machine ended. */
interface Outcome {
  readonly status: number;
  /** What failed first, if anything. */
  readonly what: string;
  /** Whether another try may succeed. */
  readonly again: boolean;
}

/** Starts all processes, here and, by the other launchers, elsewhere, and waits for their end. */
async function runOnce(options: LaunchOptions): Promise<Outcome> {
  const { devices, nodes, maxRestarts = 0, joinTimeout = 600, signal, say = console.error } = options;
  const processes = typeof devices === "number" ? devices : devices.length;
  if (nodes === undefined) {
    return outcomeOf(await supervise(start(options, processes, loopbackPlaces(processes)), options));
  }

  const facts = { "--max_restarts": String(maxRestarts) };
  // Silence is the processes' business, who know how long it may last; a launcher that dies is noticed at once.
  const { places, membership } = await meetNodes(nodes, processes, facts, {
    timeout: LAUNCHER_TIMEOUT,
    joinTimeout,
    say,
    ...(signal === undefined ? {} : { signal }),
  });
  await using _membership = membership;
  let lost: PeerLostError | undefined;
  const elsewhere = membership.failed.catch((error) => void (lost = error));
  const outcome = outcomeOf(await supervise(start(options, processes, places), options, elsewhere), lost);
  if (outcome.status === 0 || signal?.aborted) {
    await within(STOP_GRACE, membership.leave().catch(() => {})); // the processes have left each other already
  } else {
    const exitStatus = outcome.again ? PEER_LOST_STATUS : 1;
    await membership.fail(new PeerLostError(lowerFirst(outcome.what), { exitStatus }));
  }
  return outcome;
}

function outcomeOf(ends: readonly End[], lost?: PeerLostError): Outcome {
  const again = ends.every(mayNotComeAgain) && (lost?.exitStatus ?? PEER_LOST_STATUS) === PEER_LOST_STATUS;
  const failures = ends.filter(({ status }) => status !== 0);
  const failure = failures.find(({ status, told }) => !told && status !== PEER_LOST_STATUS) ?? // the cause
    failures.find(({ told }) => !told) ?? // a consequence
    (lost === undefined ? failures[0] : undefined);
  if (failure !== undefined) {
    return { status: failure.status, what: `Rank ${failure.rank} ${describe(failure)}`, again };
  }
  return { status: lost?.exitStatus ?? 0, what: lost?.message ?? "", again };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function makeFolder(path: string | undefined): void {
  if (path === undefined) return;
  try {
    Deno.mkdirSync(path, { recursive: true });
  } catch (error) {
    throw fileError("use log folder", path, error);
  }
}

function start(
  options: LaunchOptions,
  processes: number,
  { addresses, coordinator, first }: Places,
): Child[] {
  const { program, flags, devices, logDir } = options;
  return Array.from({ length: processes }, (_, i) => {
    const config = { cluster: { worker: addresses }, task: { type: "worker", index: first + i } };
    return new Child({
      rank: first + i,
      args: [...program, ...deviceFlags(devices, flags), ...flags],
      env: {
        TF_CONFIG: JSON.stringify(config),
        ERNIE_HEALTH_COORDINATOR: coordinator,
        CUDA_VISIBLE_DEVICES: typeof devices === "number" ? "-1" : devices[i]!,
      },
      logDir,
    });
  });
}

/** What the launcher knows of the device and the user did not say: its kind, and a fair share of the cores. */
function deviceFlags(devices: LaunchOptions["devices"], flags: readonly string[]): string[] {
  const given = (name: RegExp) => flags.some((flag) => name.test(flag));
  const chosen: string[] = [];
  if (!given(/^--device(=|$)/)) chosen.push("--device", typeof devices === "number" ? "cpu" : "gpu");
  if (typeof devices === "number" && !given(/^--num[-_]threads(=|$)/)) {
    chosen.push("--num_threads", String(Math.max(1, Math.floor(navigator.hardwareConcurrency / devices))));
  }
  return chosen;
}

/** Waits until all have ended, which they have to when one fails, here or `elsewhere`: in the order in which they did. */
async function supervise(
  children: readonly Child[],
  { signal, grace = 10 }: LaunchOptions,
  elsewhere: Promise<void> = new Promise(() => {}),
): Promise<End[]> {
  const ends: End[] = [];
  const firstEnd = Promise.withResolvers<void>(); // the first that means that the others have to end, too
  const all = Promise.all(children.map(async (child) => {
    const end = await child.end;
    ends.push(end);
    if (end.status !== 0 || signal?.aborted) firstEnd.resolve();
  }));
  const stop = () => children.forEach((child) => child.tell("SIGTERM"));
  const kill = () => children.forEach((child) => child.tell("SIGKILL"));
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop);
  globalThis.addEventListener("unload", kill); // the second Ctrl-C ends the launcher at once
  try {
    await Promise.race([all, firstEnd.promise, elsewhere]);
    if (signal?.aborted) {
      await within(STOP_GRACE, all);
    } else if (!await within(grace, all)) { // they hang, or do not know yet of the failure
      stop();
      await within(grace, all);
    }
    kill();
    await all;
    return ends;
  } finally {
    signal?.removeEventListener("abort", stop);
    globalThis.removeEventListener("unload", kill);
  }
}

/** Whether a promise settles within so many seconds. */
async function within(seconds: number, promise: Promise<unknown>): Promise<boolean> {
  let timer;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), 1000 * seconds));
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}

/** Whether a process ended well, or for a reason that another try may not meet. */
function mayNotComeAgain({ status, signal, told }: End): boolean {
  return status === 0 || signal !== null || status === PEER_LOST_STATUS || told;
}

function describe({ status, signal }: End): string {
  return signal === null ? `ended with status ${status}` : `was killed by ${signal}`;
}
