/**
 * Hugging Face's cache on disk: what Python's `huggingface_hub` downloaded is found here, and the other way round.
 *
 *   models--org--name/refs/main               the commit that `main` was when it was last asked for
 *   models--org--name/blobs/<digest>          contents, each once
 *   models--org--name/snapshots/<commit>/…    the files of a commit, links to blobs
 *
 * Source: huggingface_hub's guide "Understand caching".
 *
 * @module
 */
import { dirname, join, relative } from "node:path";
import { fileError } from "../config/mod.ts";

const COMMIT = /^[0-9a-f]{40}$/;

/** A model's part of the cache. */
export class CachedModel {
  readonly #folder: string;

  /**
   * @param cache Folder of the cache.
   * @param repository `org/name`.
   */
  constructor(cache: string, repository: string) {
    this.#folder = join(cache, `models--${repository.replaceAll("/", "--")}`);
  }

  /** The commit that a branch or tag was when it was last downloaded; a commit is itself. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision;
    const text = await Deno.readTextFile(this.#ref(revision)).catch(() => ""); // never asked for
    return COMMIT.test(text.trim()) ? text.trim() : undefined;
  }

  /** Keeps in mind which commit a branch or tag is. */
  async remember(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const path = this.#ref(revision);
    await makeFolder(dirname(path));
    await Deno.writeTextFile(path, commit).catch((error) => {
      throw fileError("write", path, error);
    });
  }

  /** Where the files of a commit are. */
  snapshot(commit: string): string {
    return join(this.#folder, "snapshots", commit);
  }

  /** Where a content is, or belongs. */
  async blob(digest: string): Promise<string> {
    await makeFolder(join(this.#folder, "blobs"));
    return join(this.#folder, "blobs", digest);
  }

  /** The names of a commit's files that are there, contents and all. */
  async files(commit: string): Promise<string[]> {
    const names: string[] = [], folder = this.snapshot(commit);
    try {
      for await (const { name } of Deno.readDir(folder)) {
        if (await isFile(join(folder, name))) names.push(name);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw fileError("read", folder, error);
    }
    return names;
  }

  /** Gives a content its name in a commit: a link, or a copy where the disk has no links. */
  async link(commit: string, name: string, digest: string): Promise<void> {
    const path = join(this.snapshot(commit), name), blob = await this.blob(digest);
    await makeFolder(dirname(path));
    if (!await isFile(path)) await Deno.remove(path).catch(() => {}); // a link to what is no longer there
    try {
      await Deno.symlink(relative(dirname(path), blob), path);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) return; // another process was faster
      await Deno.copyFile(blob, path).catch((error) => {
        throw fileError("write", path, error);
      });
    }
  }

  #ref(revision: string): string {
    return join(this.#folder, "refs", revision);
  }
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

async function makeFolder(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true }).catch((error) => {
    throw fileError("create", path, error);
  });
}
