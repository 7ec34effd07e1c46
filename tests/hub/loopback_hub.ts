/** A hub on loopback: the API's answers, large files on another server behind a redirect, and faults on demand. */
import { createHash } from "node:crypto";
import type { HubSettings } from "../../lib/hub/mod.ts";

/** What goes wrong with a request; `undefined` where nothing does. */
export type Fault = (request: Request) => Response | Promise<Response> | undefined;

/** A request that came, as tests look at it. */
export interface Seen {
  readonly server: "hub" | "storage";
  readonly path: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

const LARGE = /\.(safetensors|bin)$/;
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** Two servers with one model, `org/model`, whose branch `main` and tag `v1` are one commit. */
export class LoopbackHub implements AsyncDisposable {
  readonly seen: Seen[] = [];
  fault: Fault = () => undefined;
  readonly #files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly #hub: Deno.HttpServer<Deno.NetAddr>;
  readonly #storage: Deno.HttpServer<Deno.NetAddr>;

  constructor(files: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>) {
    const bytes = (content: string | Uint8Array<ArrayBuffer>) =>
      typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.#files = new Map(Object.entries(files).map(([name, content]) => [name, bytes(content)]));
    const serve = (server: Seen["server"], answer: (request: Request) => Response) =>
      Deno.serve({
        port: 0,
        hostname: "127.0.0.1",
        onListen: () => {},
        onError: () => new Response(null, { status: 500 }),
      }, (request) => {
        const { pathname: path } = new URL(request.url), { headers } = request;
        this.seen.push({
          server,
          path,
          range: headers.get("range"),
          authorization: headers.get("authorization"),
        });
        return this.fault(request) ?? answer(request);
      });
    this.#hub = serve("hub", (request) => this.#answer(request));
    this.#storage = serve(
      "storage",
      (request) => this.#content(request, new URL(request.url).pathname.slice(1)),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  settings(cache: string, more: Partial<HubSettings> = {}): HubSettings {
    return {
      endpoint: this.url,
      token: undefined,
      cache,
      paddleCache: `${cache}/paddle`,
      offline: false,
      ...more,
    };
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const [, revision] = /^\/api\/models\/org\/model\/revision\/(.+)$/.exec(pathname) ?? [];
    if (revision) {
      if (!["main", "v1", COMMIT].includes(revision)) return refuse(404, "RevisionNotFound");
      return Response.json({ _id: "1", id: "org/model", sha: COMMIT });
    }
    if (pathname === `/api/models/org/model/tree/${COMMIT}`) return Response.json(this.#tree());
    const [, file] = /^\/org\/model\/resolve\/(?:main|[0-9a-f]{40})\/(.+)$/.exec(pathname) ?? [];
    if (!file) return refuse(404, "RepoNotFound");
    const content = this.#files.get(file);
    if (!content) return refuse(404, "EntryNotFound");
    const { git, sha256 } = digests(content), headers = { "x-repo-commit": COMMIT, etag: `"${git}"` };
    if (!LARGE.test(file)) return withHeaders(this.#content(request, file), headers);
    const location = `http://127.0.0.1:${this.#storage.addr.port}/${file}`;
    const linked = { "x-linked-etag": `"${sha256}"`, "x-linked-size": `${content.length}` };
    return new Response(null, { status: 302, headers: { ...headers, ...linked, location } });
  }

  #tree() {
    return [...this.#files].map(([path, content]) => {
      const { git: oid, sha256 } = digests(content);
      const lfs = { oid: sha256, size: content.length, pointerSize: 130 };
      return LARGE.test(path)
        ? { type: "file", path, size: content.length, oid: "f".repeat(40), lfs }
        : { type: "file", path, size: content.length, oid };
    });
  }

  #content({ headers }: Request, name: string): Response {
    const content = this.#files.get(name);
    if (!content) return refuse(404, "EntryNotFound");
    const [, start] = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "") ?? [];
    if (start === undefined) return new Response(content);
    if (Number(start) >= content.length) return new Response(null, { status: 416 });
    const range = `bytes ${start}-${content.length - 1}/${content.length}`;
    return new Response(content.subarray(Number(start)), {
      status: 206,
      headers: { "content-range": range },
    });
  }

  async [Symbol.asyncDispose]() {
    await Promise.all([this.#hub.shutdown(), this.#storage.shutdown()]);
  }
}

function digests(content: Uint8Array<ArrayBuffer>): { git: string; sha256: string } {
  return {
    git: createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex"),
    sha256: createHash("sha256").update(content).digest("hex"),
  };
}

function withHeaders(response: Response, headers: Record<string, string>): Response {
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

/** An answer as the hub refuses. */
export function refuse(status: number, code: string): Response {
  return new Response(null, { status, headers: { "x-error-code": code } });
}

/** Some bytes, then a connection that breaks. */
export function broken(content: Uint8Array<ArrayBuffer>, { status = 200, headers = {} } = {}): Response {
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent) {
        await new Promise((resolve) => setTimeout(resolve, 50)); // what was sent arrives
        return controller.error(new Error("the cable was pulled"));
      }
      sent = true;
      controller.enqueue(content);
    },
  });
  return new Response(body, { status, headers });
}
