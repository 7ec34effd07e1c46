/** A worker that starts and then dies or lags, in the way that its `field` option says. */
import { exit } from "node:process";
import { parentPort } from "node:worker_threads";
import type { WorkerRequest } from "../../lib/preprocessing/preprocess_worker.ts";

let way = "";
parentPort!.on("message", (request: WorkerRequest) => {
  if (request.kind === "start") {
    way = request.options.field;
    parentPort!.postMessage({ kind: "ready" });
    if (way === "exit while idle") setTimeout(() => exit(5), 10);
    return;
  }
  if (way === "exit at work") exit(7);
  if (way === "error at work") setTimeout(() => new Uint8Array(-1)); // nobody catches this
  const first = Uint8Array.of(request.block.start);
  if (way === "delay") setTimeout(() => parentPort!.postMessage({ kind: "hashed", hashes: first }), 20);
  if (way === "refusal") {
    const failed = request.block.start === 1;
    parentPort!.postMessage(
      failed
        ? { kind: "failed", error: new Error("Cannot encode block 1"), isUserError: true }
        : { kind: "hashed", hashes: first },
    );
  }
});
