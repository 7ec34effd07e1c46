/**
 * Installs LAC's models into the project's `.venv` by pip.
 *
 * LAC, Baidu's Chinese word segmenter, ships its models inside its Python package, under the same licence
 * (Apache-2.0). No Python runs them: `lib/text/lac` reads the files. The package comes as source only, so pip
 * builds it, by the setuptools of `requirements-lac-build.txt`.
 *
 * @module
 */
import { join } from "node:path";
import { UserError } from "../config/errors.ts";
import {
  digestOf,
  environmentPath,
  installOnce,
  type InstallOptions,
  prepareEnvironment,
  remove,
  sitePackages,
  Stamp,
} from "./environment.ts";
import { reasonOf } from "./pip.ts";

/** What {@linkcode installLac} came to. */
export interface LacInstallation {
  /** The package's folder, which holds `lac_model` and `seg_model`. */
  readonly folder: string;
  /** Whether it was installed, rather than found. */
  readonly installed: boolean;
}

/** The environment variable that names a folder with LAC's models of the user's own. */
export const LAC_VARIABLE = "ERNIE_HEALTH_LAC";

const STAMP_FILE = "ernie-health-lac";
const MODELS = ["lac_model", "seg_model"];
/** Another model of the package, of the same size as all the rest, that nothing here reads. */
const UNUSED_MODEL = "rank_model";

/**
 * Makes sure that LAC's models are there: finds them, or installs them into `.venv`.
 *
 * @param options Where, and by which Python.
 * @returns Their folder, and whether they are new.
 * @throws {UserError} If Python or its pip is missing, the network or the disk fails, or `.venv` is not ours.
 *
 * @example
 * ```ts ignore
 * import { installLac } from "./lac.ts";
 * const { folder } = await installLac({ root: ".", log: console.error });
 * ```
 */
export async function installLac(options: InstallOptions): Promise<LacInstallation> {
  const find = (force: boolean) => force && !Deno.env.get(LAC_VARIABLE) ? undefined : findLac(options.root);
  const { found, installed } = await installOnce(options, find, () => install(options));
  return { folder: found, installed };
}

/**
 * Finds LAC's models without reading them: in the folder of `$ERNIE_HEALTH_LAC`, else in `.venv`.
 *
 * @param root The project's folder.
 * @returns Their folder; `undefined` if they are missing, half installed, or those of other requirements.
 * @throws {UserError} If `$ERNIE_HEALTH_LAC` names a folder without them.
 */
export function findLac(root: string): string | undefined {
  const chosen = Deno.env.get(LAC_VARIABLE);
  if (chosen) {
    if (holdsModels(chosen)) return chosen;
    throw new UserError(
      `Cannot use ${LAC_VARIABLE}="${chosen}": no lac_model and seg_model in it; name a folder that holds them, ` +
        "or unset it and run `deno task setup --only lac`",
    );
  }
  const venv = environmentPath(root);
  const stamp = new Stamp(venv, STAMP_FILE).read(); // none: the user's own environment, perhaps with LAC in it
  if (stamp !== undefined && stamp !== digest(root)) return undefined;
  return sitePackages(venv).map((folder) => join(folder, "LAC")).find(holdsModels);
}

async function install(options: InstallOptions): Promise<string> {
  const venv = environmentPath(options.root);
  const stamp = new Stamp(venv, STAMP_FILE);
  const pip = await prepareEnvironment("LAC", stamp, options);
  options.log?.("Installing LAC's models into .venv (65 MB)");
  sitePackages(venv).forEach(removeLac); // lest pip thinks that it is there already

  const plain = ["--no-compile", "--no-deps"];
  const steps = [
    [...plain, "--only-binary=:all:", "-r", buildRequirements(options.root)],
    // Not in an environment of its own, which would get the newest setuptools: that cannot build LAC.
    [...plain, "--no-binary=LAC", "--use-pep517", "--no-build-isolation", "-r", requirements(options.root)],
  ];
  for (const args of steps) {
    const { success, stderr } = await pip.install(args);
    if (!success) throw new UserError(`Cannot install LAC: ${reasonOf(stderr, "500 MB")}`);
  }
  const folder = sitePackages(venv).map((folder) => join(folder, "LAC")).find(holdsModels);
  if (folder === undefined) throw new UserError(`Cannot install LAC: pip left no models in "${venv}"`);
  remove(join(folder, UNUSED_MODEL));
  stamp.write(digest(options.root));
  return folder;
}

function digest(root: string): string {
  return digestOf(requirements(root), buildRequirements(root));
}

function requirements(root: string): string {
  return join(root, "requirements-lac.txt");
}

function buildRequirements(root: string): string {
  return join(root, "requirements-lac-build.txt");
}

function holdsModels(folder: string): boolean {
  try {
    return MODELS.every((name) => Deno.statSync(join(folder, name)).isDirectory);
  } catch {
    return false;
  }
}

/** Removes the package and what pip wrote down about it, whole or half. */
function removeLac(folder: string) {
  for (const { name } of Deno.readDirSync(folder)) {
    if (/^LAC($|-.*-info$)/i.test(name)) remove(join(folder, name));
  }
}
