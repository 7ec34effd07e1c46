/** A worker of `preprocess`: is told how to encode, then gets blocks, and gives back packed sentences or hashes. */
import { parentPort } from "node:worker_threads";
import {
  BlockEncoder,
  type BlockEncoderOptions,
  type BlockRequest,
  type EncodedBlock,
} from "./block_encoder.ts";

/** What a worker is told. */
export type WorkerRequest =
  | { readonly kind: "start"; readonly options: BlockEncoderOptions }
  | BlockRequest;

/** What a worker answers, in the order of the requests. */
export type WorkerResponse =
  | { readonly kind: "ready" }
  | { readonly kind: "hashed"; readonly hashes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "encoded"; readonly encoded: EncodedBlock }
  | { readonly kind: "failed"; readonly error: Error; readonly isUserError: boolean };

let encoder: BlockEncoder;
let last = Promise.resolve(); // one request at a time, in order

parentPort!.on("message", (request: WorkerRequest) => {
  last = last.then(async () => {
    try {
      respond(await answer(request));
    } catch (error) {
      const isUserError = (error as Error).name === "UserError"; // the class does not survive the message
      respond({ kind: "failed", error: error as Error, isUserError });
    }
  });
});

async function answer(request: WorkerRequest): Promise<WorkerResponse> {
  switch (request.kind) {
    case "start":
      encoder = await BlockEncoder.create(request.options);
      return { kind: "ready" };
    case "hash":
      return { kind: "hashed", hashes: encoder.hash(request) };
    case "encode":
      return { kind: "encoded", encoded: await encoder.encode(request) };
  }
}

function respond(response: WorkerResponse): void {
  const transfer = response.kind === "hashed"
    ? [response.hashes.buffer]
    : response.kind === "encoded"
    ? [response.encoded.ids, response.encoded.lens, response.encoded.marks].flatMap((a) =>
      a?.buffer as ArrayBuffer ?? []
    )
    : [];
  parentPort!.postMessage(response, transfer);
}
