/** Models by name, from a hub that breaks, refuses and lies. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { PATIENCE, resolveModel, type ResolveOptions } from "../../lib/hub/mod.ts";
import { testInFolder } from "../folders.ts";
import { broken, COMMIT, LoopbackHub, refuse } from "./loopback_hub.ts";

const WEIGHTS = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const FILES = {
  "config.json": "{}",
  "vocab.txt": "[PAD]\n热\n",
  "README.md": "# model",
  "pytorch_model.bin": new Uint8Array(10),
  "model.safetensors": WEIGHTS,
};
const PATIENT = { ...PATIENCE, delay: 1, stall: 2000 };

/** Runs with a hub and an empty cache. */
function testHub(
  name: string,
  body: (
    hub: LoopbackHub,
    resolve: (name: string, more?: ResolveOptions) => Promise<string>,
    cache: string,
  ) => Promise<void>,
) {
  testInFolder(name, async (cache) => {
    await using hub = new LoopbackHub(FILES);
    const quiet = { patience: PATIENT, onProgress: () => {}, say: () => {} };
    await body(
      hub,
      (name, more) => resolveModel(name, { settings: hub.settings(cache), ...quiet, ...more }),
      cache,
    );
  });
}

async function assertWhole(folder: string) {
  const weights = await Deno.readFile(join(folder, "model.safetensors"));
  assert.equal(
    createHash("sha256").update(weights).digest("hex"),
    createHash("sha256").update(WEIGHTS).digest("hex"),
  );
  assert.equal(await Deno.readTextFile(join(folder, "vocab.txt")), FILES["vocab.txt"]);
}

testHub(
  "a model, in Hugging Face's layout; again, it is not downloaded; offline, it is there",
  async (hub, resolve, cache) => {
    const folder = await resolve("org/model");
    assert.equal(folder, join(cache, "models--org--model/snapshots", COMMIT));
    await assertWhole(folder);
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
    assert.deepEqual(names, ["config.json", "model.safetensors", "vocab.txt"]); // one format; nothing for people
    assert.equal(await Deno.readTextFile(join(cache, "models--org--model/refs/main")), COMMIT);
    const sha256 = createHash("sha256").update(WEIGHTS).digest("hex");
    assert.equal(await Deno.readLink(join(folder, "model.safetensors")), `../../blobs/${sha256}`);

    const contents = () =>
      hub.seen.filter(({ path }) => path.includes("resolve") || path.startsWith("/model")).length;
    const before = contents();
    assert.equal(await resolve("org/model@v1"), folder);
    assert.equal(contents(), before);
    const asked = hub.seen.length;
    assert.equal(await resolve("org/model", { settings: hub.settings(cache, { offline: true }) }), folder);
    assert.equal(
      await resolve(`org/model@${COMMIT}`, { settings: hub.settings(cache, { offline: true }) }),
      folder,
    );
    assert.equal(hub.seen.length, asked);
  },
);

testHub(
  "connections that break in mid-file, again and again: each goes on where the last one ended",
  async (hub, resolve) => {
    let breaks = 0;
    hub.fault = ({ url, headers }) => {
      if (new URL(url).pathname !== "/model.safetensors" || breaks === 12) return undefined;
      const start = Number(/\d+/.exec(headers.get("range") ?? "0")), end = start + 20_000;
      breaks++;
      const range = `bytes ${start}-${WEIGHTS.length - 1}/${WEIGHTS.length}`;
      return broken(
        WEIGHTS.slice(start, end),
        start > 0 ? { status: 206, headers: { "content-range": range } } : {},
      );
    };
    await assertWhole(await resolve("org/model"));
    assert.equal(breaks, 12); // more than the tries that may fail without progress
    const starts = hub.seen.filter(({ server }) => server === "storage").map(({ range }) => range);
    assert.deepEqual(starts.slice(0, 3), [null, "bytes=20000-", "bytes=40000-"]);
  },
);

const ODD: [string, (request: Request, count: number) => Response | undefined][] = [
  [
    "a server under load: 500, 503, then 429 with a time to wait",
    (_, count) =>
      count < 3
        ? new Response(null, { status: [500, 503, 429][count]!, headers: { "retry-after": "0" } })
        : undefined,
  ],
  [
    "a server that knows no ranges sends all of it",
    ({ headers }, count) =>
      count === 0 ? broken(WEIGHTS.slice(0, 1000)) : headers.has("range") ? new Response(WEIGHTS) : undefined,
  ],
  [
    "a server that refuses the range: from the beginning",
    ({ headers }, count) =>
      count === 0
        ? broken(WEIGHTS.slice(0, 1000))
        : headers.has("range")
        ? new Response(null, { status: 416 })
        : undefined,
  ],
  [
    "other bytes once: thrown away, downloaded again",
    (_, count) => count === 0 ? new Response(WEIGHTS.map((byte) => byte ^ 1)) : undefined,
  ],
];
for (const [name, fault] of ODD) {
  testHub(name, async (hub, resolve) => {
    let count = 0;
    hub.fault = (request) =>
      new URL(request.url).pathname === "/model.safetensors" ? fault(request, count++) : undefined;
    await assertWhole(await resolve("org/model"));
    assert.ok(count > 1);
  });
}

testHub("other bytes twice: refused, nothing of it stays", async (hub, resolve, cache) => {
  hub.fault = ({ url }) =>
    new URL(url).pathname === "/model.safetensors"
      ? new Response(WEIGHTS.map((byte) => byte ^ 1))
      : undefined;
  await assert.rejects(
    resolve("org/model"),
    /^UserError: Cannot trust ".*": its checksum is [0-9a-f]{64}, the hub tells [0-9a-f]{64}/,
  );
  const names = Array.from(Deno.readDirSync(join(cache, "models--org--model/blobs")), ({ name }) => name);
  assert.ok(names.every((name) => /^[0-9a-f]{40}$/.test(name)), `${names}`); // the small files alone
});

testHub("the token goes to the hub, and not to where it points", async (hub, resolve, cache) => {
  await resolve("org/model", { settings: hub.settings(cache, { token: "hf_secret" }) });
  for (const { server, authorization } of hub.seen) {
    assert.equal(authorization, server === "hub" ? "Bearer hf_secret" : null);
  }
  assert.ok(hub.seen.some(({ server }) => server === "storage"));
});

const REFUSALS: [string, Response | undefined, string, RegExp][] = [
  [
    "no such model",
    undefined,
    "org/other",
    /Cannot find model "org\/other": there is no such path here, and none on the hub, or it is a private one: then set HF_TOKEN$/,
  ],
  ["no such revision", undefined, "org/model@v9", /Cannot find model "org\/model": it has no revision "v9"$/],
  ["a private one", refuse(401, "RepoNotFound"), "org/model", /then set HF_TOKEN$/],
  [
    "a gated one",
    refuse(403, "GatedRepo"),
    "org/model",
    /its owners ask for consent first; .* then set HF_TOKEN$/,
  ],
  ["a hub that is down", refuse(500, ""), "org/model", /the hub answers with status 500; try again later$/],
];
for (const [name, answer, model, message] of REFUSALS) {
  testHub(`refused: ${name}`, async (hub, resolve) => {
    if (answer) hub.fault = () => answer.clone();
    await assert.rejects(resolve(model), { name: "UserError", message });
  });
}

testHub(
  "without the network: what was downloaded before, said aloud; else what can be done",
  async (hub, resolve, cache) => {
    const settings = { ...hub.settings(cache), endpoint: "http://127.0.0.1:1" };
    await assert.rejects(
      resolve("org/model", { settings }),
      /UserError: .* its server cannot be reached .*; check the network, or name a mirror in HF_ENDPOINT$/,
    );
    const folder = await resolve("org/model"), lines: string[] = [];
    assert.equal(await resolve("org/model", { settings, say: (line) => lines.push(line) }), folder);
    assert.match(lines.join(), /"org\/model" is taken as it was downloaded before$/);
    await assert.rejects(
      resolve("org/absent", { settings: hub.settings(cache, { offline: true }) }),
      /UserError: .* does not have it, and HF_HUB_OFFLINE is set$/,
    );
  },
);

testHub("ended by a signal, and begun again: what came is not asked for again", async (hub, resolve) => {
  const stop = new AbortController();
  const onProgress = (_: string, bytes: number) => bytes >= 1000 && bytes < WEIGHTS.length && stop.abort();
  hub.fault = ({ url, headers }) =>
    new URL(url).pathname === "/model.safetensors" && !headers.has("range")
      ? new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(WEIGHTS.slice(0, 5000)) }),
      )
      : undefined;
  await assert.rejects(resolve("org/model", { signal: stop.signal, onProgress }), { name: "AbortError" });
  await assertWhole(await resolve("org/model"));
  assert.equal(hub.seen.findLast(({ server }) => server === "storage")!.range, "bytes=5000-");
});

testHub(
  "paths are themselves, whether something is there or not; a folder's name is no organisation",
  async (_, resolve, cache) => {
    assert.equal(await resolve(cache), cache);
    for (const path of ["no/such/path", "model.safetensors", "org/model.bin", "../org/model"]) {
      assert.equal(
        await resolve(path),
        path,
      );
    }
    assert.equal(await resolve("lib/model"), "lib/model"); // what is missing is a file, not a model
  },
);

testHub("eight at once: one of them downloads", async (hub, resolve) => {
  const folders = await Promise.all(Array.from({ length: 8 }, () => resolve("org/model")));
  await assertWhole(folders[0]!);
  assert.equal(hub.seen.filter(({ server }) => server === "storage").length, 1);
});

testHub(
  "PaddleNLP's published model lies in its folder, under its names or ours",
  async (hub, resolve, cache) => {
    const settings = hub.settings(cache, { offline: true }),
      folder = join(settings.paddleCache, "ernie-health-chinese");
    await assert.rejects(
      resolve("ernie-health-chinese", { settings }),
      /UserError: .* has no vocab\.txt, and HF_HUB_OFFLINE is set$/,
    );
    await Deno.writeTextFile(join(folder, "vocab.txt"), "");
    await assert.rejects(
      resolve("ernie-health-chinese", { settings }),
      /UserError: .* has no model_state\.pdparams/,
    );
    for (const name of ["model_state.pdparams", "ernie-health-chinese.pdparams"]) {
      await Deno.writeTextFile(join(folder, name), "");
      assert.equal(await resolve("ernie-health-chinese", { settings }), folder);
      await Deno.remove(join(folder, name));
    }
  },
);
