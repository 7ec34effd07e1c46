/**
 * The server: connections, deadlines, who may ask, what is logged, and an end that loses nothing.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { UserError } from "../../config/mod.ts";
import type { AccessLog } from "./access_log.ts";
import { RequestError } from "./request_error.ts";
import { type Call, findRoute, json, type Reply, type Route } from "./routes.ts";
import type { Service } from "./service.ts";

/** Where a server listens, and to whom. */
export interface ServerOptions {
  /** Default: this machine alone, 127.0.0.1. */
  readonly hostname?: string;
  /** 0: whichever is free. Default 8000. */
  readonly port?: number;
  /** What `authorization: Bearer …` has to say; default: everybody may ask. */
  readonly token?: string | undefined;
  /** Certificate and private key (PEM) of HTTPS; default: HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Seconds from {@linkcode Server.end} in which requests are still taken, for those who balance loads to notice; default 0. */
  readonly graceSeconds?: number;
  /** Gets a record of each request; default: none is kept. */
  readonly log?: AccessLog | undefined;
}

/** A sender that went away before its answer, as nginx counts it. */
const GONE = 499;
/** Connections without a request may stay open while the server ends: so many times so many milliseconds. */
const LINGER = 20, TICK = 50;
const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store", // answers are about patients
};

/** A server that runs. */
export class Server implements AsyncDisposable {
  /** Where it is, without a slash at the end. */
  readonly url: string;
  readonly #service: Service;
  readonly #options: ServerOptions;
  readonly #http: Deno.HttpServer<Deno.NetAddr>;
  readonly #cut = new AbortController();
  readonly #countRequest: (labels: Record<string, string>) => void;
  readonly #timeRequest: (labels: Record<string, string>, seconds: number) => void;
  readonly #tokenHash: Uint8Array | undefined;
  #open = 0;
  #ended: Promise<void> | undefined;

  private constructor(service: Service, options: ServerOptions) {
    [this.#service, this.#options] = [service, options];
    const { hostname = "127.0.0.1", port = 8000, token, tls } = options, { metrics } = service;
    this.#countRequest = metrics.counter("ernie_health_requests_total", "Requests by route and status");
    this.#timeRequest = metrics.histogram("ernie_health_request_seconds", "Seconds from request to answer");
    metrics.gauge(
      "ernie_health_requests_open",
      "Requests that are not answered yet",
      () => [[{}, this.#open]],
    );
    this.#tokenHash = token === undefined ? undefined : hashOf(token);
    this.#http = Deno.serve(
      { hostname, port, signal: this.#cut.signal, onListen() {}, ...tls },
      (request, info) => this.#handle(request, info),
    );
    const { addr } = this.#http, host = addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname;
    this.url = `${tls ? "https" : "http"}://${host}:${addr.port}`;
  }

  /**
   * Listens.
   *
   * @param service Stays open when the server ends.
   * @throws {UserError} If the address is taken or not this machine's, or the certificate is none.
   */
  static open(service: Service, options: ServerOptions = {}): Server {
    try {
      return new Server(service, options);
    } catch (error) {
      const { hostname = "127.0.0.1", port = 8000 } = options;
      if (error instanceof Deno.errors.AddrInUse) {
        throw new UserError(`Cannot listen on ${hostname}:${port}: it is in use; choose another port`, {
          cause: error,
        });
      }
      throw new UserError(`Cannot listen on ${hostname}:${port}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Requests that are not answered yet. */
  get openRequests(): number {
    return this.#open;
  }

  /**
   * Ends in two stages: readiness says no while requests are still taken, for the seconds of grace; then nobody connects any
   * more, and what was taken is answered.
   */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  /** The same. */
  async [Symbol.asyncDispose]() {
    await this.end();
  }

  async #end(): Promise<void> {
    this.#service.isEnding = true;
    await seconds(this.#options.graceSeconds ?? 0);
    // a connection on which no request ever comes would keep it from closing
    let quiet = 0;
    const timer = setInterval(() => {
      quiet = this.#open === 0 ? quiet + 1 : 0;
      if (quiet === LINGER) this.#cut.abort();
    }, TICK);
    await this.#http.shutdown();
    clearInterval(timer);
  }

  async #handle(request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>): Promise<Response> {
    this.#open++;
    const begin = performance.now(), abort = new AbortController();
    const id = requestId(request), { limits } = this.#service;
    const gone = () => abort.abort(new RequestError(GONE, "The sender went away"));
    const timer = setTimeout(() => {
      abort.abort(
        new RequestError(504, `Cannot answer within ${limits.seconds} s: send fewer texts, or later`),
      );
    }, 1000 * limits.seconds);
    request.signal.addEventListener("abort", gone);
    if (request.signal.aborted) gone();
    const call: Partial<Call> & { route?: Route } = {};
    let reply: Reply;
    try {
      reply = await this.#reply(request, abort.signal, call);
    } catch (error) {
      reply = errorReply(error);
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", gone);
    }
    const { status = 200, body, type = "application/json", headers } = reply;
    const milliseconds = performance.now() - begin, route = call.route?.path ?? "none";
    this.#countRequest({ route, status: `${status}` });
    this.#timeRequest({ route }, milliseconds / 1000);
    this.#log(request, info, { id, status, milliseconds, call });
    this.#open--;
    return new Response(body, {
      status,
      headers: {
        ...SECURITY_HEADERS,
        "content-type": type,
        "x-request-id": id,
        ...headers,
        ...(this.#service.isEnding && { connection: "close" }),
      },
    });
  }

  async #reply(
    request: Request,
    signal: AbortSignal,
    noted: Partial<Call> & { route?: Route },
  ): Promise<Reply> {
    const service = this.#service, { openRequests } = service.limits;
    if (this.#open > openRequests) {
      throw new RequestError(429, `Cannot take more than ${openRequests} requests at a time`, {
        "retry-after": "1",
        connection: "close",
      });
    }
    const { route, parameters } = findRoute(request.method, new URL(request.url).pathname);
    const call = Object.assign(noted, { route, request, service, parameters, signal });
    if (!route.isPublic) this.#checkToken(request);
    return await route.answer(call);
  }

  #checkToken(request: Request): void {
    if (!this.#tokenHash) return;
    const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
    if (token !== undefined && timingSafeEqual(hashOf(token), this.#tokenHash)) return;
    throw new RequestError(401, 'Cannot answer without the token: send "authorization: Bearer …"', {
      "www-authenticate": "Bearer",
    });
  }

  #log(
    { method }: Request,
    { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>,
    { id, status, milliseconds, call: { route, model, texts } }: {
      id: string;
      status: number;
      milliseconds: number;
      call: Partial<Call> & { route?: Route };
    },
  ): void {
    this.#options.log?.({
      ...{ id, remote: remoteAddr.hostname, method, route: route?.path ?? null },
      ...(model !== undefined && { model }),
      ...{ status, milliseconds: Math.round(10 * milliseconds) / 10 },
      ...(texts && {
        texts: texts.length,
        characters: texts.flat().reduce((sum, { length }) => sum + length, 0),
      }),
    }, texts);
  }
}

/** The sender's, if it is one, or a new one. */
function requestId(request: Request): string {
  const sent = request.headers.get("x-request-id");
  return sent !== null && /^[\w.-]{1,64}$/.test(sent) ? sent : crypto.randomUUID();
}

function errorReply(error: unknown): Reply {
  if (error instanceof RequestError) return json({ error: error.message }, error.status, error.headers);
  console.error(error);
  return json({ error: "Cannot answer: the server failed; its log tells why" }, 500);
}

function hashOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}

async function seconds(count: number): Promise<void> {
  if (count > 0) await new Promise((resolve) => setTimeout(resolve, 1000 * count));
}
