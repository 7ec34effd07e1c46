/**
 * What the server answers, by method and path.
 *
 * @module
 */
import { checkTexts, readJson } from "./limits.ts";
import {
  answerTensors,
  inferResponse,
  modelMetadata,
  parseInferRequest,
  SERVER_METADATA,
  TEXT_INPUTS,
} from "./kserve.ts";
import { openApi } from "./openapi.ts";
import { PAGE_FILES } from "./page.ts";
import { RequestError } from "./request_error.ts";
import type { ServedModel } from "./served_model.ts";
import type { Service } from "./service.ts";
import { parseSimpleRequest, SIMPLE_FIELDS, simpleResponse } from "./simple_server.ts";

/** What is said. */
export interface Reply {
  /** Default 200. */
  readonly status?: number;
  readonly body: string;
  /** Default JSON. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request on its way. */
export interface Call {
  readonly request: Request;
  readonly service: Service;
  /** What the path has for `:name`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Ends the work: the sender went away, or time is up. */
  readonly signal: AbortSignal;
  /** What the log is told. */
  model?: string;
  texts?: readonly (readonly string[])[];
}

/** A method and a path, with what is answered. */
export interface Route {
  readonly method: "GET" | "POST";
  /** A segment that begins with a colon is a parameter. */
  readonly path: string;
  /** Whether it needs no token. */
  readonly isPublic?: boolean;
  answer(call: Call): Reply | Promise<Reply>;
}

/** Longest text that is looked up in a list of terms: a diagnosis, not a record. */
const LOOKED_UP_CHARACTERS = 200;

const get = (path: string, answer: Route["answer"], isPublic = false): Route => (
  { method: "GET", path, answer, isPublic }
);
const post = (path: string, answer: Route["answer"]): Route => ({ method: "POST", path, answer });

/** All there is. */
export const ROUTES: readonly Route[] = [
  ...PAGE_FILES.map(({ path, type, read, headers }) =>
    get(path, async () => ({ body: await read(), type, headers }), true)
  ),
  get("/openapi.json", () => json(openApi()), true),
  get("/metrics", ({ service }) => ({ body: `${service.metrics}`, type: "text/plain; version=0.0.4" })),
  get("/v2", () => json(SERVER_METADATA), true),
  get("/v2/health/live", () => json({ live: true }), true),
  get("/v2/health/ready", ({ service: { isReady } }) => json({ ready: isReady }, isReady ? 200 : 503), true),
  get("/v2/models", ({ service }) => json({ models: [...service.models.keys()] })),
  get("/v2/models/:model", (call) => {
    const { name, model } = modelOf(call);
    return json(modelMetadata(name, model));
  }),
  get("/v2/models/:model/ready", (call) => {
    const ready = modelOf(call).scheduler.workers > 0 && !call.service.isEnding;
    return json({ name: call.model, ready }, ready ? 200 : 503);
  }),
  post("/v2/models/:model/infer", async (call) => {
    const served = modelOf(call), { task } = served.model;
    const asked = parseInferRequest(await readJson(call.request, call.service.limits), task);
    const answers = await answer(call, served, asked.texts, TEXT_INPUTS);
    return json(inferResponse(served.name, asked, answerTensors(task, asked.texts, answers)));
  }),
  ...["/models/:model", "/:model"].map((path) =>
    post(path, async (call) => {
      const served = modelOf(call), { task } = served.model;
      const asked = parseSimpleRequest(await readJson(call.request, call.service.limits), task);
      const answers = await answer(call, served, asked.texts, SIMPLE_FIELDS);
      return json(simpleResponse(task, asked, answers));
    })
  ),
];

/**
 * Finds what answers a request.
 *
 * @throws {RequestError} 404, if there is no such path; 405, if it is for other methods.
 *
 * @example
 * ```ts
 * import { findRoute } from "./routes.ts";
 * console.log(findRoute("POST", "/models/cblue_ner").parameters); // { model: "cblue_ner" }
 * ```
 */
export function findRoute(
  method: string,
  path: string,
): { readonly route: Route; readonly parameters: Readonly<Record<string, string>> } {
  const found = ROUTES.flatMap((route) => {
    const parameters = match(route.path, path);
    return parameters ? [{ route, parameters }] : [];
  });
  if (found.length === 0) {
    throw new RequestError(404, "Cannot find the path: /openapi.json tells which there are");
  }
  const wanted = method === "HEAD" ? "GET" : method;
  const fitting = found.find(({ route }) => route.method === wanted);
  if (fitting) return fitting;
  const methods = [...new Set(found.map(({ route }) => route.method))].join(", ");
  throw new RequestError(405, `Cannot use this method here: use ${methods}`, { allow: methods });
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/"), found = path.split("/"), parameters: Record<string, string> = {};
  if (wanted.length !== found.length) return undefined;
  for (const [i, segment] of wanted.entries()) {
    if (segment.startsWith(":") && found[i] !== "") parameters[segment.slice(1)] = found[i]!;
    else if (segment !== found[i]) return undefined;
  }
  return parameters;
}

function modelOf(call: Call): ServedModel {
  const served = call.service.find(call.parameters.model!);
  call.model = served.name;
  return served;
}

async function answer(
  call: Call,
  served: ServedModel,
  texts: readonly (readonly string[])[],
  fields: readonly string[],
) {
  call.texts = texts;
  const { limits } = call.service, isLookup = served.model.task.kind === "normalization";
  const characters = isLookup ? Math.min(LOOKED_UP_CHARACTERS, limits.characters) : limits.characters;
  checkTexts(texts, fields, { ...limits, characters });
  return await served.answer(texts, call.signal);
}

/** An object as a reply. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, body: JSON.stringify(value) + "\n", headers };
}
