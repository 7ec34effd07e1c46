import assert from "node:assert/strict";
import { formatDuration, ProgressBar } from "../../lib/config/mod.ts";

/** A stream that remembers, and a clock that is set by hand. */
function fake(terminal: boolean) {
  const state = { text: "", time: 0 };
  const stream = {
    isTerminal: () => terminal,
    writeSync: (bytes: Uint8Array) => {
      state.text += new TextDecoder().decode(bytes.subarray(0, 5)); // short writes must be taken up again
      return Math.min(5, bytes.length);
    },
  };
  return { state, options: { stream, now: () => state.time } };
}

Deno.test("on a terminal one line is rewritten", () => {
  const { state, options } = fake(true);
  const bar = new ProgressBar({ label: "Training", unit: "steps", total: 300, ...options });
  bar.update(1);
  assert.equal(state.text, ""); // too early for a rate
  state.time = 10_000;
  bar.update(100, "loss 9.50");
  assert.equal(state.text, "\rTraining: 100/300 steps (33 %), 9.90 steps/s, 20 s left, loss 9.50");
  state.text = "";
  bar.update(101); // within a tenth of a second
  assert.equal(state.text, "");
  bar.log("saved");
  assert.match(state.text, /^\r +\rsaved\n\rTraining: 101\/300/);
  state.text = "";
  state.time = 60_000;
  bar.update(300);
  bar.finish();
  assert.match(state.text, /\rTraining: 300\/300 steps \(100 %\), 5\.00 steps\/s, took 1 min 00 s *\n$/);
  state.text = "";
  bar.log("stopped");
  bar.finish();
  assert.equal(state.text, "stopped\n"); // the bar does not come back
});

Deno.test("a slow first step, which compiles, does not spoil the time left", () => {
  const { state, options } = fake(true);
  const bar = new ProgressBar({ label: "Training", unit: "steps", total: 110, done: 10, ...options });
  const last = () => state.text.split("\r").at(-1)!.trim();
  state.time = 60_000;
  bar.update(11);
  assert.equal(last(), "Training: 11/110 steps (10 %), 60.0 s each, 1 h 39 min left"); // nobody knows better
  state.time += 4000;
  bar.update(12);
  assert.equal(last(), "Training: 12/110 steps (10 %), 4.00 s each, 6 min 32 s left");
  for (let step = 13; step <= 110; step++) {
    state.time += 1000;
    bar.update(step);
  }
  assert.equal(last(), "Training: 110/110 steps (100 %), 0.617 steps/s, took 2 min 42 s");
});

Deno.test("a hidden bar shows nothing, and lines pass it", () => {
  const { state, options } = fake(true);
  const bar = new ProgressBar({ label: "Training", unit: "steps", total: 300, hidden: true, ...options });
  state.time = 20_000;
  bar.update(100);
  bar.log("saved");
  bar.finish();
  assert.equal(state.text, "saved\n");
});

Deno.test("elsewhere a plain line comes about every ten seconds", () => {
  const { state, options } = fake(false);
  const bar = new ProgressBar({ label: "Reading", unit: "lines", ...options });
  for (state.time = 0; state.time <= 25_000; state.time += 100) bar.update(state.time);
  assert.equal(
    state.text,
    "Reading: 10000 lines, 1000 lines/s, 10 s\nReading: 20000 lines, 1000 lines/s, 20 s\n",
  );
  bar.log("note");
  bar.finish();
  assert.match(state.text, /note\nReading: 25000 lines, \d+ lines\/s, 25 s\n$/);
});

Deno.test("a short job leaves nothing in a log file", () => {
  const { state, options } = fake(false);
  const bar = new ProgressBar({ label: "Reading", unit: "lines", total: 5, ...options });
  bar.update(5);
  bar.finish();
  assert.equal(state.text, "");
});

Deno.test("durations read as people write them", () => {
  const texts = [0, 59.4, 59.6, 185, 3600, 7620].map(formatDuration);
  assert.deepEqual(texts, ["0 s", "59 s", "1 min 00 s", "3 min 05 s", "1 h 00 min", "2 h 07 min"]);
});
