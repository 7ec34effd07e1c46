/** The other end of `worker_session.ts`: a session in a thread of its own. */
import { UserError } from "../config/mod.ts";
import { LocalSession } from "./session.ts";
import type { WorkerReply, WorkerRequest } from "./worker_session.ts";

// the part of a worker's global scope that is used here; Deno's own types describe the main thread
declare const self: {
  onmessage: ((event: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(reply: WorkerReply, transfer: Transferable[]): void;
};

let session: LocalSession | undefined;

self.onmessage = async ({ data: request }) => {
  const { id } = request;
  try {
    if ("path" in request) {
      session = await LocalSession.open(request.path, request.options);
      self.postMessage({ id }, []);
    } else {
      const outputs = await session!.run(request.batch);
      self.postMessage({ id, outputs }, outputs.map(({ values }) => values.buffer as ArrayBuffer));
    }
  } catch (error) {
    const { message } = error as Error;
    self.postMessage({ id, error: { message, isUsers: error instanceof UserError } }, []);
  }
};
