/** Shares a cache with Python's `huggingface_hub`, in both directions, over a hub on loopback. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { resolveModel } from "../../lib/hub/mod.ts";
import { LoopbackHub } from "../hub/loopback_hub.ts";
import { ask } from "./ask.ts";
import type { Counts } from "./counts.ts";
import { peerPython } from "./python.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = fileURLToPath(import.meta.resolve("./hub_cache.py"));
const FILES = {
  "config.json": "{}",
  "vocab.txt": "[PAD]\n",
  "model.safetensors": Uint8Array.from({ length: 300_000 }, (_, i) => i),
};

/** Runs the comparison: a test for each direction. */
export async function compareHubCache(given: string | undefined): Promise<Counts> {
  const python = given ?? Deno.env.get("ERNIE_HEALTH_PYTHON") ?? await peerPython(ROOT);
  if (python === undefined) return { passed: 0, failed: 0, skipped: 2 };
  const counts = { passed: 0, failed: 0, skipped: 0 }, files = Object.keys(FILES);
  const [ours, theirs] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    await using hub = new LoopbackHub(FILES);
    const askPython = (cache: string, offline: boolean) =>
      ask<{ version: string; paths: string[] }>(python, [SCRIPT], {
        ...{ model: "org/model", cache, files, offline },
        endpoint: hub.url,
      });
    const told = (name: string, expected: readonly string[], found: readonly string[]) => {
      const isSame = `${expected}` === `${found}`;
      console.log(`${name}: ${isSame ? "equal" : `${found} instead of ${expected}`}`);
      counts[isSame ? "passed" : "failed"]++;
    };
    const downloaded = await resolveModel("org/model", { settings: hub.settings(ours) });
    const { version, paths } = await askPython(ours, true);
    told(`what we downloaded, by ${version} offline`, files.map((name) => join(downloaded, name)), paths);

    const { paths: [first] } = await askPython(theirs, false);
    const before = hub.seen.length;
    const folder = await resolveModel("org/model", { settings: hub.settings(theirs) });
    const contents = hub.seen.slice(before).filter(({ path }) => !path.startsWith("/api/"));
    told(`what ${version} downloaded, by us`, [first!], [
      join(folder, files[0]!),
      ...contents.map(({ path }) => path),
    ]);
  } finally {
    for (const folder of [ours, theirs]) await Deno.remove(folder, { recursive: true });
  }
  return counts;
}
