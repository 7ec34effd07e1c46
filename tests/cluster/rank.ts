/** A program that stands for training in these tests: joins, prints what it was handed, and ends as it is told. */
import { clusterFromEnvironment, joinCluster } from "../../lib/cluster/mod.ts";
import { PeerLostError, UserError } from "../../lib/config/mod.ts";
import { runTask } from "../../tasks/flags.ts";

await runTask(import.meta, {
  name: "rank",
  summary: "Join, then end as told.",
  table: {
    timeout: { type: "number", default: 20, help: "Seconds" },
    join_timeout: { type: "number", default: 20, help: "Seconds" },
    corpus: { type: "string", default: "c0ffee", help: "A fact" },
    then: {
      type: "string",
      default: "leave",
      choices: ["leave", "wait", "mistake", "crash", "return", "break", "part"],
      help: "What to do after joining",
    },
    on_rank: { type: "integer", default: -1, help: "Which rank does it; the others wait" },
    first_time: { type: "path", help: "Do so only if this file is not there, and create it" },
    num_threads: { type: "integer", help: "Printed" },
    device: { type: "string", help: "Printed" },
  },
  async main(options, { signal }) {
    const cluster = clusterFromEnvironment(Deno.env.toObject());
    const { rank, size } = cluster ?? { rank: 0, size: 1 };
    const env = (name: string) => Deno.env.get(name) ?? "";
    console.log(
      `rank ${rank} of ${size}, ${options.num_threads} threads, device ${options.device} "${
        env("CUDA_VISIBLE_DEVICES")
      }"`,
    );
    console.error(`warning of rank ${rank}`);
    if (cluster === undefined) return;
    const again = options.first_time !== undefined && !isFirst(options.first_time, rank);

    await using job = await joinCluster(cluster, { corpus: options.corpus, version: "1" }, {
      timeout: options.timeout,
      joinTimeout: options.join_timeout,
      reportInterval: 0.3,
      say: (line) => console.error(line),
      begin: (members) => ({ step: 500, members: members.length }),
      signal,
    });
    console.log(`begin ${JSON.stringify(job.begin)}`);

    const timer = setInterval(() => {}, 1000); // as a computation that does not end
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => {
        clearInterval(timer);
        resolve();
      });
    });
    const mine = options.on_rank < 0 || options.on_rank === rank;
    const then = again ? "leave" : mine ? options.then : "wait";
    if (then === "wait") await job.guard(stopped);
    else clearInterval(timer);
    if (then === "mistake") await job.guard(Promise.reject(new UserError("Cannot write: no space left")));
    if (then === "crash") await job.guard(Promise.reject(new TypeError("x is not a function")), () => false);
    if (then === "break") await job.guard(Promise.reject(new Error("Collective ops is aborted")));
    if (then === "part") await job.guard(Promise.reject(new PeerLostError("Collectives broke off")));
    if (then === "leave" || then === "wait") await job.leave();
    console.log("done");
  },
});

/** Whether a rank has not been here before. */
function isFirst(path: string, rank: number): boolean {
  try {
    Deno.writeTextFileSync(`${path}-${rank}`, "", { createNew: true });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}
