/**
 * From a model's name to its folder: one on this disk, one on the hub, or one that PaddleNLP published.
 *
 * @module
 */
import { basename, join } from "node:path";
import { fileError, ProgressBar, UserError } from "../config/mod.ts";
import { CachedModel } from "./cache.ts";
import { download, type RemoteFile } from "./download.ts";
import { chooseFiles } from "./files.ts";
import { type HubName, parseHubName, PUBLISHED } from "./names.ts";
import { HttpError, isConnectionError, PATIENCE, type Patience, patientFetch } from "./requests.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/** How a name is resolved. */
export interface ResolveOptions {
  /** Default: those of the environment. */
  readonly settings?: HubSettings;
  /** Default: half a minute of tries. */
  readonly patience?: Patience;
  /** Ends a download; what came of it so far is not asked for again. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of downloads; default: a bar on standard error. */
  readonly onProgress?: (file: string, bytes: number, total: number | undefined) => void;
  /** Hears what people should know; default `console.error`. */
  readonly say?: (line: string) => void;
}

/** What it takes to ask a server. */
interface Asking extends Required<Pick<ResolveOptions, "patience" | "onProgress" | "say">> {
  readonly settings: HubSettings;
  readonly signal: AbortSignal | undefined;
}

/**
 * Finds a model; downloads what is not there yet.
 *
 * A path that exists is itself. `org/name` and `org/name@revision` are models of the Hugging Face hub (or of `HF_ENDPOINT`), kept
 * in its cache; `ernie-health-chinese` is PaddleNLP's, kept in that one's. Without the network, or with `HF_HUB_OFFLINE`, what
 * was downloaded before is taken.
 *
 * @param name A path or a name.
 * @returns A path: of the model's folder, or `name` where nothing else can be meant by it.
 * @throws {UserError} If the hub has no such model, does not give it, or cannot be reached, or the disk refuses.
 * @throws {DOMException} `AbortError`, if it was ended.
 *
 * @example
 * ```ts
 * import { resolveModel } from "./resolve.ts";
 * console.log(await resolveModel("tests/fixtures/tiny")); // tests/fixtures/tiny
 * ```
 */
export async function resolveModel(name: string, options: ResolveOptions = {}): Promise<string> {
  if (await exists(name)) return name;
  const published = PUBLISHED[name], model = parseHubName(name);
  if (!published && (!model || await exists(name.split("/")[0]!))) return name; // a path, and nothing is there
  const bar = new ProgressBar({ label: "Downloading", unit: "MB" });
  const asking: Asking = {
    settings: options.settings ?? hubSettings(),
    patience: options.patience ?? PATIENCE,
    signal: options.signal,
    say: options.say ?? ((line) => bar.aside(() => console.error(line))),
    onProgress: options.onProgress ??
      ((file, bytes, total) => bar.update(megabytes(bytes), `of ${total ? megabytes(total) : "?"}: ${file}`)),
  };
  try {
    return published ? await publishedFolder(name, published.files, asking) : await hubFolder(model!, asking);
  } finally {
    bar.finish();
  }
}

/** A model of the hub in Hugging Face's cache. */
async function hubFolder({ repository, revision }: HubName, asking: Asking): Promise<string> {
  const { settings, signal, patience, say } = asking;
  const cached = new CachedModel(settings.cache, repository), name = nameOf({ repository, revision });
  const kept = async () => {
    const commit = await cached.commitOf(revision);
    const isWhole = commit !== undefined && hasWeights(await cached.files(commit), name);
    return isWhole ? cached.snapshot(commit) : undefined;
  };
  if (settings.offline) {
    const folder = await kept();
    if (folder) return folder;
    throw new UserError(
      `Cannot find model "${name}": "${settings.cache}" does not have it, and HF_HUB_OFFLINE is set`,
    );
  }
  const headers = settings.token ? { authorization: `Bearer ${settings.token}` } : {};
  const { HUB_URL, listFiles, modelInfo } = await import("@huggingface/hub"); // few commands need it
  const hubUrl = settings.endpoint ?? HUB_URL, fetch = patientFetch({ patience, signal, headers });
  try {
    const { sha } = await modelInfo({ name: repository, revision, hubUrl, fetch, additionalFields: ["sha"] });
    const files = await Array.fromAsync(listFiles({ repo: repository, revision: sha, hubUrl, fetch }));
    const chosen = chooseFiles(files.filter(({ type }) => type === "file").map(({ path }) => path), name);
    const present = new Set(await cached.files(sha));
    for (const { path, size, oid, lfs } of files) {
      const digest = lfs?.oid ?? oid;
      if (!chosen.includes(path) || present.has(path) || digest === undefined) continue;
      const url = `${hubUrl}/${repository}/resolve/${sha}/${encodeURIComponent(path)}`;
      await fetchFile(
        { url, headers, size: lfs?.size ?? size, digest },
        path,
        await cached.blob(digest),
        asking,
      );
      await cached.link(sha, path, digest);
    }
    await cached.remember(revision, sha);
    return cached.snapshot(sha);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof HttpError) throw refusal(error, { repository, revision }, settings);
    if (!isConnectionError(error)) throw error;
    const folder = await kept(), reason = (error as Error).message;
    if (!folder) throw unreachable(name, reason, settings.cache);
    say(`The hub cannot be reached (${reason}): "${name}" is taken as it was downloaded before`);
    return folder;
  }
}

/** A model in PaddleNLP's folder. */
async function publishedFolder(
  name: string,
  files: Readonly<Record<string, string>>,
  asking: Asking,
): Promise<string> {
  const { settings: { paddleCache, offline }, signal } = asking, folder = join(paddleCache, name);
  await Deno.mkdir(folder, { recursive: true }).catch((error) => {
    throw fileError("create", folder, error);
  });
  for (const [file, url] of Object.entries(files)) {
    const path = [join(folder, file), join(folder, basename(url))]; // ours, and what PaddleNLP calls it
    if (await exists(path[0]!) || await exists(path[1]!)) continue;
    if (offline) {
      throw new UserError(
        `Cannot find model "${name}": "${folder}" has no ${file}, and HF_HUB_OFFLINE is set`,
      );
    }
    try {
      await fetchFile({ url, headers: {} }, file, path[0]!, asking);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof HttpError) && !isConnectionError(error)) throw error;
      throw unreachable(name, (error as Error).message, folder);
    }
  }
  return folder;
}

/** Downloads a file, unless its content is there under another name. */
async function fetchFile(file: RemoteFile, name: string, path: string, asking: Asking): Promise<void> {
  if (await exists(path)) return;
  const { patience, signal, onProgress } = asking, lock = `${path}.lock`;
  using claim = await Deno.open(lock, { write: true, create: true }).catch((error) => {
    throw fileError("write", lock, error);
  });
  await claim.lock(true); // of several processes with the same model one downloads
  if (!await exists(path)) {
    await download(file, path, {
      patience,
      signal,
      onBytes: (bytes) => onProgress(name, bytes, file.size),
    })
      .finally(() => Deno.remove(lock).catch(() => {})); // another one may have
  }
}

function hasWeights(files: readonly string[], name: string): boolean {
  try {
    return chooseFiles(files, name).length > 0;
  } catch {
    return false;
  }
}

/** What a refusal means for whoever asked. */
function refusal({ status, code, message }: HttpError, model: HubName, { token }: HubSettings): UserError {
  const name = nameOf(model);
  if (code === "RevisionNotFound") {
    return new UserError(`Cannot find model "${model.repository}": it has no revision "${model.revision}"`);
  }
  if (code === "GatedRepo") {
    return new UserError(
      `Cannot download model "${name}": its owners ask for consent first; give it on the model's page, then set HF_TOKEN`,
    );
  }
  if (status === 401 || status === 403 || status === 404) {
    const token_ = token
      ? "or the token in use may not read it"
      : "or it is a private one: then set HF_TOKEN";
    return new UserError(
      `Cannot find model "${name}": there is no such path here, and none on the hub, ${token_}`,
    );
  }
  return new UserError(`Cannot download model "${name}": the hub answers with ${message}; try again later`);
}

function unreachable(name: string, reason: string, cache: string): UserError {
  return new UserError(
    `Cannot find model "${name}": there is no such path here, and nothing in "${cache}", and its server cannot be reached ` +
      `(${reason}); check the network, or name a mirror in HF_ENDPOINT`,
  );
}

function nameOf({ repository, revision }: HubName): string {
  return revision === "main" ? repository : `${repository}@${revision}`;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}
