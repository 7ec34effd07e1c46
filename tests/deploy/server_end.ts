/** `deno task serve` as people start and stop it. */
import assert from "node:assert/strict";
import { start } from "./serve_process.ts";

/** SIGTERM under load: readiness says no, and every request that was taken is answered. */
export async function sigterm(model: string): Promise<void> {
  await using server = await start(
    "--model",
    `qic=${model}`,
    "--workers",
    "1",
    "--grace",
    "0.5",
    "--log_texts",
  );
  const body = JSON.stringify({ data: { text: "肺炎怎么治" } });
  let isOver = false, refused = 0;
  const statuses: number[] = [];
  const client = async () => {
    while (!isOver) {
      try {
        const response = await fetch(`${server.url}/qic`, { method: "POST", body });
        await response.json();
        statuses.push(response.status);
      } catch (error) {
        assert.ok(error instanceof TypeError); // nobody took it
        if (++refused > 3) return;
      }
    }
  };
  const clients = Array.from({ length: 8 }, client);
  while (statuses.length < 50) await new Promise((resolve) => setTimeout(resolve, 5));
  server.process.kill("SIGTERM");
  const ready = await waitForReadiness(server.url, 503);
  const before = statuses.length;
  while (statuses.length <= before) await new Promise((resolve) => setTimeout(resolve, 1)); // still taken
  const { code, stderr } = await server.ended;
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual([ready, code, [...new Set(statuses)]], [{ ready: false }, 143, [200]]);
  const lines = stderr.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const answered = lines.filter(({ route }) => route === "/:model");
  assert.equal(answered.length, statuses.length); // none was taken and lost
  assert.deepEqual(answered[0].text, [["肺炎怎么治"]]);
}

async function waitForReadiness(url: string, status: number): Promise<unknown> {
  while (true) {
    const response = await fetch(`${url}/v2/health/ready`), body = await response.json();
    if (response.status === status) return body;
  }
}
