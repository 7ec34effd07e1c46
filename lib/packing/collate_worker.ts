/** A worker that makes batches: is told where the corpus lies, then what goes into each batch, and gives back its arrays. */
import { parentPort, workerData } from "node:worker_threads";
import { Vocabulary } from "../text/mod.ts";
import type { PlannedSentence } from "./batch_plan.ts";
import { type Batch, collate, type CollateOptions } from "./collator.ts";
import type { Span, TokenFilePaths } from "./sentences.ts";
import { TokenFiles } from "./token_files.ts";

/** What a worker is told at its start. */
export interface CollateSetup extends Omit<CollateOptions, "vocabulary" | "draws"> {
  readonly files: TokenFilePaths;
  /** Of the vocabulary. */
  readonly tokens: readonly string[];
}

/** One batch to make. */
export interface BatchRequest {
  readonly sentences: readonly (PlannedSentence & { readonly spans: readonly Span[] })[];
}

/** What a worker answers, in the order of the requests. */
export type CollateResponse =
  | { readonly kind: "batch"; readonly batch: Batch }
  | { readonly kind: "failed"; readonly error: Error; readonly isUserError: boolean };

const { files, tokens, ...setup }: CollateSetup = workerData;
const vocabulary = Vocabulary.fromTokens(tokens);
const opening = TokenFiles.open(files, vocabulary);
opening.catch(() => {}); // the first request tells of it

let last = Promise.resolve(); // one request at a time, in order

parentPort!.on("message", (request: BatchRequest) => {
  last = last.then(async () => {
    try {
      const corpus = await opening;
      const batch = collate(
        request.sentences.map(({ spans, ...planned }) => ({ ...corpus.sentence(spans), ...planned })),
        { ...setup, vocabulary },
      );
      const arrays = Object.values(batch).filter((value) => value instanceof Int32Array);
      respond({ kind: "batch", batch }, arrays.map(({ buffer }) => buffer as ArrayBuffer));
    } catch (error) {
      const isUserError = (error as Error).name === "UserError"; // the class does not survive the message
      respond({ kind: "failed", error: error as Error, isUserError });
    }
  });
});

function respond(response: CollateResponse, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(response, transfer);
}
