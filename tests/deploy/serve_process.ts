/** `deno task serve` in a process of its own. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const TASK = fileURLToPath(new URL("../../tasks/serve.ts", import.meta.url));

/** A server that listens, and ends with the test, whatever comes of that. */
export interface ServeProcess extends AsyncDisposable {
  readonly url: string;
  readonly process: Deno.ChildProcess;
  /** What it wrote, when it has ended. */
  readonly ended: Promise<{ code: number; stderr: string }>;
}

/** Starts a server on a free port. */
export async function start(...flags: string[]): Promise<ServeProcess> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", TASK, "--port", "0", ...flags],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(process.stderr).text();
  const reader = process.stdout.pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  const { value = "" } = await reader.read(), [url] = /https?:\S+(?=\/)/.exec(value) ?? [];
  assert.ok(url, value === "" ? await stderr : value);
  const ended = (async () => {
    await reader.cancel();
    return { code: (await process.status).code, stderr: await stderr };
  })();
  return {
    ...{ url, process, ended },
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // it has ended
      }
      await ended;
    },
  };
}
