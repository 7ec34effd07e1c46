/** A server whose senders leave, wait, hurry and break off, and whose worker dies. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { findModel, type Session, TaskModel, type TokenBatch, WorkerSession } from "../../lib/deploy/mod.ts";
import {
  type AccessRecord,
  DEFAULT_LIMITS,
  type Limits,
  Scheduler,
  ServedModel,
  Server,
  type ServerOptions,
  Service,
} from "../../lib/deploy/server/mod.ts";

const KILLS = 2;

/** A worker that computes when it is let. */
class GatedSession implements Session {
  readonly parallel = 1;
  readonly #session: WorkerSession;
  readonly #gate: () => Promise<void>;

  constructor(session: WorkerSession, gate: () => Promise<void>) {
    [this.#session, this.#gate] = [session, gate];
  }

  async run(batch: TokenBatch) {
    await this.#gate();
    return await this.#session.run(batch);
  }

  async [Symbol.asyncDispose]() {
    await this.#session[Symbol.asyncDispose]();
  }
}

/** A server with one model of one worker, and the gate before it, which is open. */
async function gatedServer(folder: string, limits: Partial<Limits> = {}, options: ServerOptions = {}) {
  const model = await TaskModel.open(folder), log: AccessRecord[] = [];
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const open = async () => new GatedSession(await WorkerSession.open(findModel(folder)), () => gate.promise);
  const all = { ...DEFAULT_LIMITS, ...limits };
  const scheduler = await Scheduler.open({ open, workers: 1, padId: model.padId, queue: all.queue });
  const service = new Service([new ServedModel("qic", model, scheduler)], all);
  const server = Server.open(service, { port: 0, log: (record) => log.push(record), ...options });
  const ask = (text = "肺炎怎么治", init: RequestInit = {}) =>
    fetch(`${server.url}/qic`, { method: "POST", body: JSON.stringify({ data: { text } }), ...init });
  return {
    ...{ server, scheduler, service, log, ask },
    close: () => gate = Promise.withResolvers<void>(),
    open: () => gate.resolve(),
    async [Symbol.asyncDispose]() {
      gate.resolve();
      await server[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

const turn = (milliseconds = 5) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(isSo: () => boolean) {
  while (!isSo()) await turn();
}

async function json(answer: Response | Promise<Response>) {
  const response = await answer;
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** With a full queue: 429 and when to try again; who leaves makes room; what waits too long gets 504. */
export async function queueing(folder: string): Promise<void> {
  await using all = await gatedServer(folder, { queue: 2, seconds: 1 });
  const { scheduler, ask, log } = all;
  all.close();
  const computed = ask();
  await until(() => scheduler.computing === 1);
  const leaving = new AbortController();
  const left = assert.rejects(ask("头痛", { signal: leaving.signal })), waiting = json(ask("发热"));
  await until(() => scheduler.waiting === 2);
  const refused = await json(ask());
  assert.equal(refused.status, 429);
  assert.match(refused.body.error, /^Cannot queue the request: 2 rows wait for "qic"; try again in \d+ s$/);
  assert.match(refused.headers.get("retry-after")!, /^\d+$/);
  leaving.abort();
  await left;
  await until(() => scheduler.waiting === 1);
  const { status, body } = await waiting; // nobody came for it
  assert.deepEqual([status, body], [504, { error: "Cannot answer within 1 s: send fewer texts, or later" }]);
  assert.deepEqual([(await json(computed)).status, scheduler.waiting], [504, 0]);
  all.open();
  assert.equal((await json(ask())).status, 200);
  assert.deepEqual(log.map(({ status }) => status), [429, 499, 504, 504, 200]);
}

/** Raw connections: those that send slowly, half or nonsense keep nobody from being answered. */
export async function rawConnections(folder: string): Promise<void> {
  await using all = await gatedServer(folder, { bodySeconds: 0.2 });
  const port = Number(new URL(all.server.url).port), encoder = new TextEncoder();
  const send = async (head: string, { closes = false } = {}) => {
    const connection = await Deno.connect({ port });
    await connection.write(encoder.encode(head));
    if (closes) await connection.closeWrite();
    return connection;
  };
  const answerOf = async (connection: Deno.Conn) => {
    const buffer = new Uint8Array(4096), length = await connection.read(buffer).catch(() => null);
    connection.close();
    return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
  };
  const announced = "POST /qic HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
  assert.match(await answerOf(await send(announced)), /^HTTP\/1\.1 408 [^]*took more than 0\.2 s to come/);
  assert.match(await answerOf(await send("NONSENSE\r\n\r\n")), /^HTTP\/1\.1 400/);
  const idle = [
    await send("POST /qic HTTP/1.1\r\nhost:"),
    await send(""),
    await send(announced, { closes: true }),
  ];
  assert.equal((await json(all.ask())).status, 200);
  const ended = all.server.end(); // and connections without a request do not keep it from ending
  await ended;
  for (const connection of idle) connection.close();
  assert.equal(all.server.openRequests, 0);
}

/** The worker thread ends by an error that nobody catches: the request is answered by the next one. */
export async function crash(folder: string): Promise<void> {
  const workers: Worker[] = [], Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      workers.push(this);
    }
  };
  const errors: unknown[] = [], { error } = console;
  console.error = (...what: unknown[]) => errors.push(...what);
  try {
    await using service = await Service.open([{ name: "qic", folder }], { workers: 2 }, DEFAULT_LIMITS);
    await using server = Server.open(service, { port: 0 });
    assert.equal(workers.length, 2);
    const statuses: number[] = [];
    let isOver = false;
    const client = async () => {
      while (!isOver) {
        const text = ["肺炎怎么治", "头痛".repeat(1 + statuses.length % 9)];
        const response = await fetch(`${server.url}/qic`, {
          method: "POST",
          body: JSON.stringify({ data: { text } }),
        });
        statuses.push(response.status);
        await response.body?.cancel();
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (let killed = 0; killed < KILLS; killed++) {
      await until(() => statuses.length > 40 * (killed + 1));
      workers.at(-1)!.postMessage(null); // which it cannot read
      await until(() => workers.length === 3 + killed);
    }
    isOver = true;
    await Promise.all(clients);
    assert.deepEqual([...new Set(statuses)], [200]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(metrics, /^ernie_health_worker_restarts_total\{model="qic"\} 2$/m);
    assert.equal(
      errors.filter((line) => /^A worker of "qic" is started anew: /.test(`${line}`)).length,
      KILLS,
    );
  } finally {
    globalThis.Worker = Original;
    console.error = error;
  }
}

/** Who may ask, over what, and what is written down of it. */
export async function access(folder: string): Promise<void> {
  const lines: unknown[][] = [];
  await using all = await gatedServer(folder, {}, { token: "geheim", log: (...line) => lines.push(line) });
  const { url } = all.server, authorization = "Bearer geheim";
  for (const wrong of [undefined, "Bearer other", "Bearer", "Basic geheim", "Bearer geheim2"]) {
    const { status, headers, body } = await json(
      all.ask("x", wrong === undefined ? {} : { headers: { authorization: wrong } }),
    );
    assert.deepEqual([status, headers.get("www-authenticate")], [401, "Bearer"]);
    assert.equal(body.error, 'Cannot answer without the token: send "authorization: Bearer …"');
  }
  for (const path of ["/metrics", "/v2/models", "/v2/models/qic"]) {
    assert.equal((await json(await fetch(`${url}${path}`))).status, 401);
  }
  for (const path of ["/v2/health/live", "/v2/health/ready", "/openapi.json", "/v2"]) {
    assert.equal((await json(await fetch(`${url}${path}`))).status, 200);
  }
  lines.length = 0;
  const secret = "病人张三头痛", headers = { authorization, "x-request-id": "abc-1" };
  const answer = await json(all.ask(secret, { headers }));
  assert.deepEqual([answer.status, answer.headers.get("x-request-id")], [200, "abc-1"]);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const lost = await json(
    await fetch(`${url}/${secret}?q=${secret}`, { headers: { "x-request-id": secret.length + " x" } }),
  );
  assert.match(lost.headers.get("x-request-id")!, /^[\da-f-]{36}$/);
  const [[record, texts], [unknown]] = lines as [[AccessRecord, unknown], [AccessRecord]];
  const { milliseconds, ...rest } = record;
  assert.ok(milliseconds > 0);
  assert.deepEqual(rest, {
    ...{ id: "abc-1", remote: "127.0.0.1", method: "POST", route: "/:model", model: "qic" },
    ...{ status: 200, texts: 1, characters: 6 },
  });
  assert.deepEqual(texts, [[secret]]);
  assert.equal(JSON.stringify(unknown).includes("张三") || JSON.stringify(unknown).includes("%E5"), false);
}

/** HTTPS with a certificate made for it. */
export async function tls(folder: string): Promise<void> {
  const scratch = await Deno.makeTempDir(),
    [key, cert] = ["key.pem", "cert.pem"].map((name) => join(scratch, name));
  try {
    const made = await new Deno.Command("openssl", {
      args: [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ]
        .concat(
          "-subj",
          "/CN=localhost",
          "-addext",
          "subjectAltName=DNS:localhost",
          "-addext",
          "basicConstraints=critical,CA:FALSE",
          "-keyout",
          key!,
          "-out",
          cert!,
        ),
      stderr: "null",
    }).output().catch(() => undefined);
    if (!made?.success) return; // no openssl here
    const pem = { cert: await Deno.readTextFile(cert!), key: await Deno.readTextFile(key!) };
    await using all = await gatedServer(folder, {}, { tls: pem });
    using client = Deno.createHttpClient({ caCerts: [pem.cert] });
    const { port, protocol } = new URL(all.server.url);
    assert.equal(protocol, "https:");
    const response = await fetch(`https://localhost:${port}/v2/health/live`, { client });
    assert.deepEqual(await response.json(), { live: true });
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}
