import assert from "node:assert/strict";
import { processMemory } from "../../lib/training/process_memory.ts";

const MB = 2 ** 20;

Deno.test("memory that is taken shows, and the peak outlives it", () => {
  const before = processMemory();
  let buffer: Uint8Array | undefined = new Uint8Array(100 * MB).fill(1);
  const during = processMemory();
  assert.ok(during.resident > before.resident + 70 * MB, `${before.resident} to ${during.resident}`);
  assert.equal(buffer[buffer.length - 1], 1);
  buffer = undefined;
  assert.ok(processMemory().peak >= during.resident);
});

Deno.test("where the system tells no peak, it is the most that was seen", () => {
  const { resident, peak } = processMemory("/no/such/file");
  assert.ok(resident > MB && peak >= resident);
});

Deno.test({
  name: "on Linux the peak is what the kernel tells",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, "Name:\tdeno\nVmPeak:\t99 kB\nVmHWM:\t1073741824 kB\nVmRSS:\t1 kB\n");
    assert.equal(processMemory(file).peak, 2 ** 40);
    await Deno.remove(file);
  },
});
