/// <reference lib="deno.worker" />
/** A worker of `preprocess`: gets the vocabulary first and then lines, gives back ids. */
import { Vocabulary } from "../text/mod.ts";
import { type EncodedLines, LineEncoder } from "./line_encoder.ts";

/** What a worker is told. */
export type WorkerRequest =
  | { readonly kind: "start"; readonly tool: string; readonly tokens: readonly string[] }
  | { readonly kind: "encode"; readonly lines: readonly string[] };

/** What a worker answers, in the order of the requests. */
export type WorkerResponse =
  | { readonly kind: "started" }
  | { readonly kind: "encoded"; readonly result: EncodedLines }
  | { readonly kind: "failed"; readonly error: Error; readonly isUserError: boolean };

let encoder: Promise<LineEncoder>;

self.onmessage = async ({ data }: MessageEvent<WorkerRequest>) => {
  try {
    if (data.kind === "start") {
      encoder = LineEncoder.create(data.tool, Vocabulary.fromTokens(data.tokens));
      await encoder;
      respond({ kind: "started" });
    } else {
      const result = (await encoder).encode(data.lines);
      respond({ kind: "encoded", result }, [result.ids.buffer, result.lens.buffer, result.bytes.buffer]);
    }
  } catch (error) {
    const isUserError = (error as Error).name === "UserError"; // the class does not survive the message
    respond({ kind: "failed", error: error as Error, isUserError });
  }
};

function respond(response: WorkerResponse, transfer: Transferable[] = []): void {
  self.postMessage(response, transfer);
}
