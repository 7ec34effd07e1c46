/** `deno task serve`: exported models behind HTTP, and a page to try them. */
import { fileError, type OptionsOf, type OptionTable, UserError } from "../lib/config/mod.ts";
import { BATCH_TOKENS, FORMATS } from "../lib/deploy/mod.ts";
import {
  accessLog,
  DEFAULT_LIMITS,
  type Limits,
  type NamedFolder,
  Server,
  Service,
} from "../lib/deploy/server/mod.ts";
import { runTask } from "./flags.ts";

/** Where the token is looked for first: flags are seen by all who list processes. */
const TOKEN_VARIABLE = "ERNIE_HEALTH_TOKEN";

/** A day. */
const MOST_SECONDS = 86_400;

export const SERVE_OPTIONS = {
  model: {
    type: "strings",
    required: true,
    help:
      "Folder of `deno task export`, or NAME=FOLDER; the flag may be given several times. Default name: the task's",
  },
  host: {
    type: "string",
    default: "127.0.0.1",
    aliases: ["hostname"],
    help: "Address to listen on; 0.0.0.0 lets other machines in",
  },
  port: { type: "integer", default: 8000, min: 0, max: 65535, help: "Port; 0: whichever is free" },
  workers: {
    type: "integer",
    default: 0,
    min: 0,
    help: "Workers of each model, each with its own weights; 0: the cores, divided among the models",
  },
  num_threads: {
    type: "integer",
    default: 1,
    min: 1,
    unit: "threads",
    help:
      "Threads of a worker: one worker with several answers a single user sooner, several with one more users",
  },
  format: {
    type: "string",
    choices: FORMATS,
    help: "Which of the folders' files; default fp32, fp16 or int8",
  },
  device: { type: "string", default: "cpu", choices: ["cpu", "gpu"], help: "Where to compute; gpu is CUDA" },
  device_id: { type: "integer", default: 0, min: 0, help: "Which GPU" },
  max_seq_length: { type: "integer", min: 3, unit: "tokens", help: "Longest row; default: as in training" },
  long: {
    type: "string",
    choices: ["truncate", "windows"],
    help:
      "Of longer texts, tagging tasks lose the end, or read windows that overlap; default: as in training",
  },
  batch_tokens: {
    type: "integer",
    default: BATCH_TOKENS,
    min: 1,
    unit: "tokens",
    help: "Most tokens at once, padding included",
  },
  max_queue: {
    type: "integer",
    default: DEFAULT_LIMITS.queue,
    min: 1,
    unit: "rows",
    help: "Rows of a model that may wait; beyond, requests get 429",
  },
  max_body: {
    type: "integer",
    default: DEFAULT_LIMITS.bodyBytes,
    min: 1,
    unit: "bytes",
    help: "Longest request; a longer one gets 413",
  },
  max_texts: {
    type: "integer",
    default: DEFAULT_LIMITS.texts,
    min: 1,
    unit: "texts",
    help: "Most texts of a request; with more it gets 413",
  },
  max_characters: {
    type: "integer",
    default: DEFAULT_LIMITS.characters,
    min: 1,
    unit: "characters",
    help: "Longest text; a longer one gets 413",
  },
  timeout: {
    type: "number",
    default: DEFAULT_LIMITS.seconds,
    min: 0.001,
    max: MOST_SECONDS,
    unit: "seconds",
    help: "Longest time for an answer; then the request gets 504",
  },
  body_timeout: {
    type: "number",
    default: DEFAULT_LIMITS.bodySeconds,
    min: 0.001,
    max: MOST_SECONDS,
    unit: "seconds",
    help: "Longest time for a request's body to come; then it gets 408",
  },
  grace: {
    type: "number",
    default: 1,
    min: 0,
    max: MOST_SECONDS,
    unit: "seconds",
    help: "Time from SIGTERM or Ctrl-C in which requests are still taken while /v2/health/ready says no",
  },
  token: {
    type: "string",
    help:
      `Requests have to send "authorization: Bearer TOKEN"; better set ${TOKEN_VARIABLE} in the environment`,
  },
  cert: { type: "path", help: "Certificate chain of HTTPS (PEM), with --key" },
  key: { type: "path", help: "Private key of HTTPS (PEM), with --cert" },
  access_log: { type: "boolean", default: true, help: "Print a line of JSON for each request on stderr" },
  log_texts: { type: "boolean", default: false, help: "Log the texts too, which may be about patients" },
} as const satisfies OptionTable;

type ServeOptions = OptionsOf<typeof SERVE_OPTIONS>;

await runTask(import.meta, {
  name: "serve",
  summary: "Answer HTTP requests with exported models: SimpleServer, KServe V2, and a page at / to try them.",
  table: SERVE_OPTIONS,
  examples: [
    "deno task serve --model export/cmeee --format int8",
    "deno task serve --model cblue_cls=export/qic --model cblue_ner=export/cmeee --host 0.0.0.0 --port 8189",
  ],
  async main(options, { signal }) {
    const token = options.token ?? (Deno.env.get(TOKEN_VARIABLE) || undefined), tls = await readTls(options);
    const folders = options.model.map(namedFolder);
    await using service = await Service.open(folders, {
      workers: options.workers || Math.max(1, Math.floor(navigator.hardwareConcurrency / folders.length)),
      threads: options.num_threads,
      format: options.format,
      device: options.device,
      deviceId: options.device_id,
      maxLength: options.max_seq_length,
      long: options.long,
      batchTokens: options.batch_tokens,
    }, limitsOf(options));
    const { host: hostname, port, grace: graceSeconds } = options;
    const log = options.access_log ? accessLog(undefined, { texts: options.log_texts }) : undefined;
    const server = Server.open(service, { hostname, port, graceSeconds, token, tls, log });
    console.log(`${[...service.models.keys()].join(", ")}: ${server.url}/`);
    if (token === undefined && !isLoopback(hostname)) {
      console.error(`Anybody who reaches ${hostname} may ask; set ${TOKEN_VARIABLE} to ask for a token`);
    }
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await server.end();
  },
});

function namedFolder(text: string): NamedFolder {
  const [, name, folder] = /^([^=/\\]*)=(.+)$/s.exec(text) ?? [];
  if (name === undefined) return { folder: text };
  if (/^[\w.-]+$/.test(name) && !["v2", "models", "metrics"].includes(name)) return { name, folder: folder! };
  throw new UserError(
    `Cannot call a model "${name}": letters, digits, "_", "-" and "." make a name, and v2, models and metrics are taken`,
  );
}

function limitsOf(options: ServeOptions): Limits {
  return {
    ...DEFAULT_LIMITS,
    bodyBytes: options.max_body,
    texts: options.max_texts,
    characters: options.max_characters,
    queue: options.max_queue,
    seconds: options.timeout,
    bodySeconds: options.body_timeout,
  };
}

async function readTls({ cert, key }: ServeOptions): Promise<{ cert: string; key: string } | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UserError("Cannot use one of --cert and --key: give both");
  }
  const read = async (path: string) => {
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      throw fileError("read", path, error);
    }
  };
  return { cert: await read(cert), key: await read(key) };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
