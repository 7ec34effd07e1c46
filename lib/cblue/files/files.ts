/**
 * Finding a task's files: in a folder, in one of the task's name within, or in zips as they were downloaded.
 *
 * @module
 */
import { basename, join } from "node:path";
import { unzipSync } from "fflate";
import { fileError, UserError } from "../../config/mod.ts";
import type { Split, Task } from "../tasks.ts";

/** A file, on disk or within a zip. */
export interface DataFile {
  /** As errors name it: its path, behind that of its zip if it is in one. */
  readonly name: string;
  /** Its name without folders. */
  readonly base: string;
  /** @throws {UserError} If it cannot be read. */
  read(): Promise<Uint8Array>;
}

/** A file with the folders it lies in, from the place where the search begins. */
interface PlacedFile extends DataFile {
  readonly folders: readonly string[];
}

/** What each part of a data set may be called besides the task's own name for it. */
const SPLIT_NAMES: Readonly<Record<Split, readonly string[]>> = {
  train: ["train"],
  dev: ["dev", "valid", "val"],
  test: ["test"],
};
const EXTENSIONS = ["json", "jsonl", "tsv"];

/** A file on disk. */
export function dataFile(path: string): DataFile {
  const read = () =>
    Deno.readFile(path).catch((error) => {
      throw fileError("read", path, error);
    });
  return { name: path, base: basename(path), read };
}

/**
 * Finds one of a task's files.
 *
 * Its name may differ in case, and in the extension `.json`, `.jsonl` or `.tsv`; plain names such as `train.json` are taken
 * in the folder itself and where folder or zip has the task's name.
 *
 * @param task Which.
 * @param folder With the files, with a folder of the task's name, or with zips; or a zip.
 * @param split Which file.
 * @returns The file, or undefined if there is none.
 * @throws {UserError} If the folder is not there or a zip is damaged.
 *
 * @example
 * ```ts
 * import { findFile } from "./files.ts";
 * import { TASKS } from "../tasks.ts";
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/kuake-qic_dev.jsonl`, "");
 * console.log((await findFile(TASKS["KUAKE-QIC"], folder, "dev"))?.name); // …/kuake-qic_dev.jsonl
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function findFile(
  { name, files }: Pick<Task, "name" | "files">,
  folder: string,
  split: Split,
): Promise<DataFile | undefined> {
  const task = name.toLowerCase();
  const official = files[split].toLowerCase();
  const stems = [withoutExtension(official), `${task}_${split}`, ...SPLIT_NAMES[split]];
  const wanted = [
    official,
    ...stems.flatMap((stem) => EXTENSIONS.map((extension) => `${stem}.${extension}`)),
  ];
  for await (const placed of filesIn(folder, task)) {
    for (const one of wanted) {
      const found = placed.find(({ base, folders }) =>
        base.toLowerCase() === one && (one.startsWith(task) || isOf(task, folders))
      );
      if (found) return found;
    }
  }
  return undefined;
}

/**
 * Finds a file that belongs to a task beside its records.
 *
 * @param folder As in {@linkcode findFile}.
 * @param task The task's name.
 * @param isIt Whether a file's name is right.
 * @returns The file, or undefined if there is none.
 * @throws {UserError} If the folder is not there or a zip is damaged.
 */
export async function findCompanion(
  folder: string,
  task: string,
  isIt: (base: string) => boolean,
): Promise<DataFile | undefined> {
  for await (const placed of filesIn(folder, task.toLowerCase())) {
    const found = placed.find(({ base }) => isIt(base));
    if (found) return found;
  }
  return undefined;
}

/** The files of a zip on disk. */
export async function filesOfZip(path: string): Promise<DataFile[]> {
  return await placedInZip(path, []);
}

/** Place after place where files may lie: the folder, the one of the task's name, zips; the task's own zip first. */
async function* filesIn(folder: string, task: string): AsyncGenerator<PlacedFile[]> {
  const isOwn = (zip: string) => withoutExtension(zip).toLowerCase() === task;
  if (await isZip(folder)) {
    yield await placedInZip(folder, isOwn(folder) ? [task] : []);
    return;
  }
  const { files, folders } = await list(folder);
  yield files.map((base) => ({ ...dataFile(join(folder, base)), folders: [] }));
  for (const inner of folders.filter((one) => one.toLowerCase() === task)) {
    const { files } = await list(join(folder, inner));
    yield files.map((base) => ({ ...dataFile(join(folder, inner, base)), folders: [inner] }));
  }
  const zips = files.filter((base) => /\.zip$/i.test(base));
  for (const zip of [...zips.filter(isOwn), ...zips.filter((zip) => !isOwn(zip))]) {
    yield await placedInZip(join(folder, zip), [withoutExtension(zip)]);
  }
}

async function isZip(path: string): Promise<boolean> {
  const { isFile } = await Deno.stat(path).catch((error) => {
    throw fileError("read", path, error);
  });
  if (isFile && !/\.zip$/i.test(path)) {
    throw new UserError(`Cannot search "${path}" for data: it is neither a folder nor a zip`);
  }
  return isFile;
}

async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const files: string[] = [], folders: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isHidden(name)) (isDirectory ? folders : files).push(name);
  }
  return { files: files.sort(), folders: folders.sort() };
}

async function placedInZip(path: string, outer: readonly string[]): Promise<PlacedFile[]> {
  const bytes = await dataFile(path).read();
  const placed: PlacedFile[] = [];
  unzip(path, bytes, (member) => {
    const parts = member.split("/"), base = parts.pop()!;
    if (base !== "" && !isHidden(base) && !parts.includes("__MACOSX")) {
      const read = () => Promise.resolve(unzip(path, bytes, (one) => one === member)[member]!);
      placed.push({ name: `${path}:${member}`, base, folders: [...outer, ...parts], read });
    }
    return false;
  });
  return placed;
}

function unzip(path: string, bytes: Uint8Array, wants: (member: string) => boolean) {
  try {
    return unzipSync(bytes, { filter: ({ name }) => wants(name) });
  } catch (error) {
    throw new UserError(`Cannot read "${path}": it is no zip, or a damaged one`, { cause: error });
  }
}

/** Whether files in these folders are a task's, whatever their names. */
function isOf(task: string, folders: readonly string[]): boolean {
  return folders.length === 0 || folders.some((folder) => folder.toLowerCase() === task);
}

/** Hidden files, and those that Excel lays beside an open workbook. */
function isHidden(name: string): boolean {
  return name.startsWith(".") || name.startsWith("~$");
}

function withoutExtension(path: string): string {
  return basename(path).replace(/\.[^.]+$/, "");
}
