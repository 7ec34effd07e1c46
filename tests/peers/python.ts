/** The Python environment that peers run in: made once in `.venv-peers`, or one of the user's. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../lib/config/mod.ts";
import { digestOf, findPip, reasonOf, remove, run } from "../../lib/install/mod.ts";

const REQUIREMENTS = fileURLToPath(import.meta.resolve("./requirements.txt"));
/** Pythons that Paddle has wheels for. */
const PYTHONS = ["python3.12", "python3.11", "python3.10", "python3"];

/**
 * Finds or makes the environment of `requirements.txt`.
 *
 * @param root The project's folder.
 * @returns Its Python; `undefined` if there is no Python to make it with.
 * @throws {UserError} If its packages cannot be installed.
 */
export async function peerPython(root: string): Promise<string | undefined> {
  const folder = join(root, ".venv-peers"), stamp = join(folder, "requirements");
  const environment = join(folder, "bin", "python3");
  if (await Deno.readTextFile(stamp).catch(() => "") === digestOf(REQUIREMENTS)) return environment;
  const python = await findPython();
  if (python === undefined) return undefined;
  console.error(`Installing Paddle, jieba and onnxruntime into .venv-peers, by ${python}`);
  remove(folder);
  const created = await run(python, ["-m", "venv", "--without-pip", folder], {});
  if (!created.success) throw new UserError(`Cannot create "${folder}": ${created.stderr.trim()}`);
  const pip = await findPip("Paddle", environment, { python });
  const { success, stderr } = await pip.install(["-q", "-r", REQUIREMENTS]);
  if (!success) throw new UserError(`Cannot install Paddle: ${reasonOf(stderr, "2 GB")}`);
  await Deno.writeTextFile(stamp, digestOf(REQUIREMENTS));
  return environment;
}

async function findPython(): Promise<string | undefined> {
  for (const python of PYTHONS) {
    const version = await run(python, ["--version"], {}).catch(() => undefined);
    if (version?.success && /^Python 3\.1[012]\./.test(version.stdout)) return python;
  }
  return undefined;
}
