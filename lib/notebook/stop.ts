/**
 * The Stop button: without a listener for its signal the kernel would die, and with it everything that was computed.
 *
 * @module
 */
import { kernel } from "./media.ts";

let current = new AbortController();
let listening = false;

/**
 * Gives the signal that the Stop button (in a terminal Ctrl-C) aborts; whatever is passed it saves and returns, and the
 * notebook's variables stay.
 *
 * The button is heard when the program waits for something: a loop that computes all the time calls `await turn()` now
 * and then.
 *
 * @returns a signal that is not aborted yet; after each Stop there is a new one
 *
 * @example
 * ```ts
 * import { onStop } from "./stop.ts";
 * const signal = onStop();
 * for (let step = 0; step < 3 && !signal.aborted; step++) console.log(step);
 * ```
 */
export function onStop(): AbortSignal {
  listen();
  return current.signal;
}

function listen() {
  if (listening) return;
  listening = true;
  Deno.addSignalListener("SIGINT", stop);
}

function stop() {
  const stopped = current;
  current = new AbortController();
  stopped.abort(new DOMException("Stopped", "AbortError"));
  if (kernel()) return;
  listening = false; // in a terminal the next Ctrl-C ends the program
  Deno.removeSignalListener("SIGINT", stop);
}

// from the import on: Stop must not end the kernel, whether or not the cell listens
if (kernel()) listen();
