/** A project's folder with a Python that only pretends, for tests of what set-up installs. */
import { join } from "node:path";
import type { InstallOptions } from "../../lib/install/mod.ts";

export const suffix = Deno.build.os === "darwin" ? "2.dylib" : "so.2";

/** Shell that does what pip does to `$site`, a site-packages folder, when it installs TensorFlow. */
export const WHEEL = `mkdir -p "$site/tensorflow" "$site/tensorflow_cpu-2.21.0.dist-info"
  touch "$site/tensorflow/libtensorflow_cc.${suffix}" "$site/tensorflow/libtensorflow_framework.${suffix}"`;

/** Shell that does what pip does to `$site` when it installs LAC. */
export const LAC_PACKAGE =
  `mkdir -p "$site/LAC/lac_model" "$site/LAC/seg_model" "$site/LAC/rank_model" "$site/LAC-2.1.2.dist-info"
  touch "$site/LAC/__init__.py"`;

/** How the pretended Python behaves: shell for each of its commands. */
export interface Behaviour {
  /** Installs TensorFlow's requirements. */
  readonly install?: string;
  /** Installs LAC's. */
  readonly lac?: string;
  /** Installs what builds LAC. */
  readonly build?: string;
  /** Installs JupyterLab into `$here/.venv`. */
  readonly lab?: string;
  /** `pip --version`. */
  readonly pip?: string;
  readonly ensurepip?: string;
}

/** A Python that notes its arguments in `calls` and answers as Python, venv and pip do. */
function fakePython(behaviour: Behaviour): string {
  const { install = WHEEL, lac = LAC_PACKAGE, build = ":", ensurepip = "exit 1" } = behaviour;
  const { pip = "echo 'pip 24.0 from here (python 3.12)'" } = behaviour;
  return `#!/usr/bin/env bash
here="$(cd "$(dirname "$0")" && pwd)"
[ -f "$here/project" ] && here="$(cat "$here/project")"
echo "$*" >> "$here/calls"
case "$*" in
  --version) echo 'Python 3.12.0' ;;
  '-m pip --version') ${pip} ;;
  '-m ensurepip') ${ensurepip} ;;
  '-m venv --without-pip '*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python3" && echo "$here" > "$4/bin/project" ;;
  *' install '*requirements-lab.txt*) ${behaviour.lab ?? ":"} ;;
  *' install '*requirements-lac-build.txt*) ${build} ;;
  *' install '*requirements-lac.txt*)
  site="$here/.venv/lib/python3.11/site-packages"
  ${lac} ;;
  *' install '*)
  site="$here/.venv/lib/python3.11/site-packages"
  case "$*" in *--target*) site="$here/.venv/lib/python3.12/site-packages" ;; esac
  ${install} ;;
esac
`;
}

/** A project under test. */
export interface Project {
  readonly options: InstallOptions;
  readonly venv: string;
  /** Lets the fake Python behave otherwise. */
  replacePython(behaviour: Behaviour): void;
  /** Arguments of every call of pip's `install` so far. */
  installs(): string[];
}

/** Runs `body` in a folder with the requirements files and a fake Python, away from the user's own libraries. */
export async function inProject(
  behaviour: Behaviour,
  body: (project: Project) => Promise<void>,
): Promise<void> {
  const root = Deno.makeTempDirSync();
  const variables = ["ERNIE_HEALTH_TF", "ERNIE_HEALTH_LAC"].map((name) =>
    [name, Deno.env.get(name)] as const
  );
  for (const [name] of variables) Deno.env.delete(name);
  const python = join(root, "python3");
  const replacePython: Project["replacePython"] = (behaviour) => {
    Deno.writeTextFileSync(python, fakePython(behaviour));
    Deno.chmodSync(python, 0o755);
  };
  replacePython(behaviour);
  Deno.writeTextFileSync(join(root, "requirements.txt"), "tensorflow-cpu==2.21.0\n");
  Deno.writeTextFileSync(join(root, "requirements-gpu.txt"), "tensorflow[and-cuda]==2.21.0\n");
  Deno.writeTextFileSync(join(root, "requirements-lab.txt"), "jupyterlab==4.6.6\n");
  Deno.writeTextFileSync(join(root, "requirements-lac.txt"), "LAC==2.1.2\n");
  Deno.writeTextFileSync(join(root, "requirements-lac-build.txt"), "setuptools==80.9.0\n");
  Deno.writeTextFileSync(join(root, "calls"), "");
  const installs = () =>
    Deno.readTextFileSync(join(root, "calls")).split("\n").filter((line) => line.includes(" install "));
  try {
    await body({
      options: { root, python, echo: () => {} },
      venv: join(root, ".venv"),
      replacePython,
      installs,
    });
  } finally {
    for (const [name, value] of variables) if (value !== undefined) Deno.env.set(name, value);
    Deno.removeSync(root, { recursive: true });
  }
}

/** Waits for a condition. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The text of a file; empty if there is none. */
export function readText(path: string): string {
  return exists(path) ? Deno.readTextFileSync(path) : "";
}

/** Whether anything is there, a dangling link included. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
