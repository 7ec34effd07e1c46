/** The Python environment that peers run in: made once in a folder of the project, or one of the user's. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../lib/config/mod.ts";
import { digestOf, findPip, reasonOf, remove, run } from "../../lib/install/mod.ts";

/** What each environment is for: the folder, the requirements, and what they take. */
const ENVIRONMENTS = {
  paddle: {
    folder: ".venv-peers",
    file: "./requirements.txt",
    what: "Paddle, jieba and onnxruntime",
    size: "2 GB",
  },
  torch: {
    folder: ".venv-peers-torch",
    file: "./requirements-torch.txt",
    what: "PyTorch and transformers",
    size: "6 GB",
  },
} as const;
/** Pythons that Paddle has wheels for. */
const PYTHONS = ["python3.12", "python3.11", "python3.10", "python3"];

/**
 * Finds or makes an environment.
 *
 * @param root The project's folder.
 * @param name Which one; default: the one with Paddle.
 * @returns Its Python; `undefined` if there is no Python to make it with.
 * @throws {UserError} If its packages cannot be installed.
 */
export async function peerPython(
  root: string,
  name: keyof typeof ENVIRONMENTS = "paddle",
): Promise<string | undefined> {
  const { folder: inRoot, file, what, size } = ENVIRONMENTS[name],
    requirements = fileURLToPath(import.meta.resolve(file));
  const folder = join(root, inRoot), stamp = join(folder, "requirements");
  const environment = join(folder, "bin", "python3");
  if (await Deno.readTextFile(stamp).catch(() => "") === digestOf(requirements)) return environment;
  const python = await findPython();
  if (python === undefined) return undefined;
  console.error(`Installing ${what} into ${inRoot}, by ${python}`);
  remove(folder);
  const created = await run(python, ["-m", "venv", "--without-pip", folder], {});
  if (!created.success) throw new UserError(`Cannot create "${folder}": ${created.stderr.trim()}`);
  const pip = await findPip(what, environment, { python });
  const { success, stderr } = await pip.install(["-q", "-r", requirements]);
  if (!success) throw new UserError(`Cannot install ${what}: ${reasonOf(stderr, size)}`);
  await Deno.writeTextFile(stamp, digestOf(requirements));
  return environment;
}

async function findPython(): Promise<string | undefined> {
  for (const python of PYTHONS) {
    const version = await run(python, ["--version"], {}).catch(() => undefined);
    if (version?.success && /^Python 3\.1[012]\./.test(version.stdout)) return python;
  }
  return undefined;
}
