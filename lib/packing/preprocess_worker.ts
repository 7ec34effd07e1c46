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
  | { readonly kind: "encoded"; readonly result: EncodedLines; readonly bytes: Int32Array }
  | { readonly kind: "failed"; readonly error: Error; readonly isUserError: boolean };

let encoder: Promise<LineEncoder>;

self.onmessage = async ({ data }: MessageEvent<WorkerRequest>) => {
  try {
    if (data.kind === "start") {
      encoder = LineEncoder.create({
        tool: data.tool,
        vocabulary: Vocabulary.fromTokens(data.tokens),
        wordMarks: "original",
      });
      await encoder;
      respond({ kind: "started" });
    } else {
      const result = await (await encoder).encode(data.lines);
      const utf8 = new TextEncoder();
      const bytes = Int32Array.from(data.lines, (line) => utf8.encode(line).length + 1);
      respond({ kind: "encoded", result, bytes }, [result.ids.buffer, result.lens.buffer, bytes.buffer]);
    }
  } catch (error) {
    const isUserError = (error as Error).name === "UserError"; // the class does not survive the message
    respond({ kind: "failed", error: error as Error, isUserError });
  }
};

function respond(response: WorkerResponse, transfer: Transferable[] = []): void {
  self.postMessage(response, transfer);
}
