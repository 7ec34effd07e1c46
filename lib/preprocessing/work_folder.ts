/**
 * The folder of a run that is not finished: files that grow, and how far they were when all of them were on disk.
 *
 * Killed at any moment, a run finds the last state that was saved, cuts the files back to their sizes of then, and goes on.
 */
import { join } from "node:path";
import {
  diskErrorReason,
  fileError,
  lockFile,
  removePartials,
  UserError,
  writeAtomically,
} from "../config/mod.ts";

/** How to open a work folder. */
export interface WorkFolderOptions<S> {
  /** What the result depends on, by name: a state of another fingerprint is of no use. */
  readonly fingerprint: Readonly<Record<string, string>>;
  /** State of a run that starts. */
  readonly initial: () => S;
  /** What is being written, for the message if another process is at it: `corpus "data/samples"`. */
  readonly what: string;
  /** Seconds between two states on disk. Default: 2. */
  readonly saveSeconds?: number;
  /** Hears why an interrupted run's state is of no use. */
  readonly onLog?: (line: string) => void;
}

/** What `state.json` holds. */
interface Saved<S> {
  readonly fingerprint: Readonly<Record<string, string>>;
  readonly sizes: Readonly<Record<string, number>>;
  readonly state: S;
}

const STATE_FILE = "state.json";
const LOCK_FILE = ".lock";
/** What is added to a file waits in memory until it is worth a write. */
const BUFFER_BYTES = 1 << 16;
/** Saving takes at most one part in so many of the time. */
const SAVE_SHARE = 20;

/**
 * A work folder, locked for this process until disposed of.
 *
 * @example
 * ```ts
 * import { WorkFolder } from "./work_folder.ts";
 * const folder = await Deno.makeTempDir();
 * await using work = await WorkFolder.open(`${folder}/work`, {
 *   fingerprint: { input: "a.txt" },
 *   initial: () => ({ lines: 0 }),
 *   what: `corpus "${folder}/samples"`,
 * });
 * await work.append("ids", Uint8Array.of(1, 2));
 * work.state.lines = 1; // no await between this and the commit
 * await work.commit();
 * await work.remove();
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class WorkFolder<S> implements AsyncDisposable {
  /** Path of the folder. */
  readonly path: string;
  /** How far the work is; change it in one go with {@linkcode commit}. */
  readonly state: S;
  /** Whether an interrupted run is being continued. */
  readonly isResumed: boolean;
  readonly #options: WorkFolderOptions<S>;
  readonly #lock: Disposable;
  readonly #files = new Map<string, Deno.FsFile>();
  /** What was added and is not in the files yet. */
  readonly #buffers = new Map<string, Uint8Array[]>();
  /** Bytes of each growing file. */
  readonly #sizes: Map<string, number>;
  #committed: ReadonlyMap<string, number>;
  #savedAt = performance.now();
  /** Milliseconds that the last save took. */
  #saveTime = 0;
  #isLocked = true;

  private constructor(path: string, options: WorkFolderOptions<S>, lock: Disposable, saved?: Saved<S>) {
    this.path = path;
    this.#options = options;
    this.#lock = lock;
    this.isResumed = saved !== undefined;
    this.state = saved === undefined ? options.initial() : saved.state;
    this.#sizes = new Map(Object.entries(saved?.sizes ?? {}));
    this.#committed = new Map(this.#sizes);
  }

  /**
   * Opens a work folder; goes on from its state if that is of the same fingerprint, else starts empty.
   *
   * @param path Path of the folder; it is made when missing.
   * @param options Fingerprint and first state.
   * @returns The folder, locked.
   * @throws {UserError} If another process works in it, or the disk refuses.
   */
  static async open<S>(path: string, options: WorkFolderOptions<S>): Promise<WorkFolder<S>> {
    const lock = lockFile(join(path, LOCK_FILE), {
      what: options.what,
      remedy: "choose another --output_file",
      remove: true,
    });
    try {
      await removePartials(path);
      const saved = await usableState(path, options);
      if (saved === undefined) await removeContents(path);
      return new WorkFolder(path, options, lock, saved);
    } catch (error) {
      lock[Symbol.dispose]();
      throw fileError("use", path, error);
    }
  }

  /**
   * Tells where a file of the folder lies.
   *
   * @param name Its name.
   */
  pathOf(name: string): string {
    return join(this.path, name);
  }

  /**
   * Tells how large a growing file is.
   *
   * @param name Its name.
   * @returns Bytes; 0 before the first.
   */
  sizeOf(name: string): number {
    return this.#sizes.get(name) ?? 0;
  }

  /**
   * Adds to the end of a growing file.
   *
   * @param name Its name; it is made when missing.
   * @param bytes What to add; they may wait in memory, and must not change.
   * @throws {UserError} If the disk refuses; what was saved before stays.
   */
  async append(name: string, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    const buffer = this.#buffers.get(name) ?? [];
    this.#buffers.set(name, buffer);
    buffer.push(bytes);
    this.#sizes.set(name, this.sizeOf(name) + bytes.length);
    if (this.sizeOf(name) - this.#writtenTo(name) >= BUFFER_BYTES) await this.#flush(name);
  }

  /** Declares that state and files belong together now; every few seconds they go to the disk. */
  async commit(): Promise<void> {
    this.#committed = new Map(this.#sizes);
    const { saveSeconds = 2 } = this.#options;
    const interval = Math.max(saveSeconds * 1000, SAVE_SHARE * this.#saveTime);
    if (performance.now() - this.#savedAt >= interval) await this.save();
  }

  /**
   * Puts the last committed state on disk.
   *
   * @throws {UserError} If the disk refuses; the state of before stays.
   */
  async save(): Promise<void> {
    const { fingerprint } = this.#options;
    const saved: Saved<S> = { fingerprint, sizes: Object.fromEntries(this.#committed), state: this.state };
    const json = new TextEncoder().encode(JSON.stringify(saved)); // before the state can change
    const start = performance.now();
    for (const [name, size] of this.#committed) {
      const isGrowing = this.#sizes.has(name); // else it is finished, and all of it on disk
      if (isGrowing && this.#writtenTo(name) < size) await this.#flush(name);
    }
    for (const [name, file] of this.#files) await this.attempt(name, () => file.sync());
    await this.attempt(STATE_FILE, () => writeAtomically(this.pathOf(STATE_FILE), [json]));
    this.#savedAt = performance.now();
    this.#saveTime = this.#savedAt - start;
  }

  /**
   * Ends the growth of a file: it is whole on disk, and no longer cut back when the run goes on.
   *
   * @param name Its name; it is made when missing.
   */
  async finish(name: string): Promise<void> {
    await this.#flush(name);
    await this.attempt(name, () => this.#files.get(name)!.sync());
    this.#close(name);
    this.#sizes.delete(name);
  }

  /**
   * Removes a growing file.
   *
   * @param name Its name; it may be missing.
   */
  async forget(name: string): Promise<void> {
    this.#close(name);
    this.#sizes.delete(name);
    await Deno.remove(this.pathOf(name)).catch(ignoreMissing);
  }

  /** Removes the folder and all in it. */
  async remove(): Promise<void> {
    for (const name of [...this.#files.keys()]) this.#close(name);
    await removeContents(this.path);
    this.#unlock();
    await Deno.remove(this.path).catch(() => {}); // unless the next run is there already
  }

  /** Closes the files and frees the lock; the folder stays. */
  // deno-lint-ignore require-await
  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#files.keys()]) this.#close(name);
    this.#unlock();
  }

  #unlock(): void {
    if (this.#isLocked) this.#lock[Symbol.dispose]();
    this.#isLocked = false;
  }

  #close(name: string): void {
    this.#files.get(name)?.close();
    this.#files.delete(name);
    this.#buffers.delete(name);
  }

  /** Writes what was added to a file; at first the file is cut back to its size in the state. */
  async #flush(name: string): Promise<void> {
    await this.attempt(name, async () => {
      const buffer = this.#buffers.get(name) ?? [];
      let file = this.#files.get(name);
      if (file === undefined) {
        file = await Deno.open(this.pathOf(name), { write: true, create: true });
        this.#files.set(name, file);
        await file.truncate(this.#writtenTo(name));
        await file.seek(0, Deno.SeekMode.End);
      }
      while (buffer.length > 0) { // what is written leaves the buffer, lest a second try writes it twice
        const written = await file.write(buffer[0]!);
        if (written === buffer[0]!.length) buffer.shift();
        else buffer[0] = buffer[0]!.subarray(written);
      }
    });
  }

  /** Bytes of a growing file that are not waiting in memory. */
  #writtenTo(name: string): number {
    return this.sizeOf(name) - (this.#buffers.get(name) ?? []).reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * Runs an operation on a file of the folder; a refusal of the disk becomes one line.
   *
   * @param name The file.
   * @param operation What to do with it.
   * @throws {UserError} If the disk refuses.
   */
  async attempt(name: string, operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      const reason = diskErrorReason((error as Error).cause ?? error);
      if (reason === undefined) throw error;
      throw new UserError(
        `Cannot write "${this.pathOf(name)}": ${reason}; make room and run the same command again, ` +
          "it goes on where it stopped",
        { cause: error },
      );
    }
  }
}

/** The saved state, if there is one of this fingerprint and its files are there. */
async function usableState<S>(path: string, options: WorkFolderOptions<S>): Promise<Saved<S> | undefined> {
  let json: string;
  try {
    json = await Deno.readTextFile(join(path, STATE_FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined; // nothing was saved yet
    throw error;
  }
  const saved = parseSaved<S>(json);
  if (saved === undefined) {
    options.onLog?.(`Starting over: what the interrupted run left is damaged (${STATE_FILE})`);
    return undefined;
  }
  const names = Object.keys({ ...options.fingerprint, ...saved.fingerprint });
  const changed = names.filter((name) => options.fingerprint[name] !== saved.fingerprint[name]);
  const damaged: string[] = [];
  for (const [name, size] of Object.entries(saved.sizes)) {
    const actual = await Deno.stat(join(path, name)).then((info) => info.size, () => -1);
    if (actual < size) damaged.push(name);
  }
  if (changed.length === 0 && damaged.length === 0) return saved;
  options.onLog?.(
    changed.length > 0
      ? `Starting over: ${changed.join(", ")} changed since the run that was interrupted`
      : `Starting over: what the interrupted run left is damaged (${damaged.join(", ")})`,
  );
  return undefined;
}

/** What a state file holds; nothing if it is cut short or none of ours. */
function parseSaved<S>(json: string): Saved<S> | undefined {
  try {
    const saved: Partial<Saved<S>> | null = JSON.parse(json);
    return saved?.fingerprint && saved.sizes && saved.state ? saved as Saved<S> : undefined;
  } catch {
    return undefined;
  }
}

async function removeContents(path: string): Promise<void> {
  for await (const { name } of Deno.readDir(path)) {
    if (name !== LOCK_FILE) await Deno.remove(join(path, name), { recursive: true });
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
