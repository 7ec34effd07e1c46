/** `deno task lab`: JupyterLab on the notebooks. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OptionTable, UserError } from "../lib/config/mod.ts";
import { installLab } from "../lib/install/mod.ts";
import { runTask } from "./flags.ts";
import { setUp } from "./set_up.ts";

export const LAB_OPTIONS = {
  port: {
    type: "integer",
    default: 8888,
    min: 1,
    max: 65535,
    help: "Port on this machine; the next free one if it is taken",
  },
  browser: { type: "boolean", default: true, help: "Open a browser; its address is printed in any case" },
  python: { type: "string", default: "python3", help: "Python whose pip installs JupyterLab" },
  install_only: { type: "boolean", default: false, help: "Install JupyterLab and the kernel, open nothing" },
} as const satisfies OptionTable;

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

await runTask(import.meta, {
  name: "lab",
  summary:
    "Open JupyterLab on the notebooks: on this machine alone, with a token. The first time it is installed into .venv, and the " +
    "Deno kernel with it.",
  table: LAB_OPTIONS,
  examples: ["deno task lab", "deno task lab --no-browser --port 9000"],
  async main({ port, browser, python, install_only }, { signal }) {
    const { program } = await installLab({ root: ROOT, python, signal, log: console.error }).catch(
      (error) => {
        if (!(error instanceof UserError)) throw error;
        throw new UserError(`${error.message} (\`deno task notebooks\` runs the notebooks without it)`, {
          cause: error,
        });
      },
    );
    await setUp(signal);
    if (install_only) return;
    // the token is Jupyter's own, a new one each time
    const lab = new Deno.Command(program, {
      args: [
        "--ip=127.0.0.1",
        `--port=${port}`,
        `--ServerApp.root_dir=${ROOT}`,
        `--FileContentsManager.preferred_dir=${join(ROOT, "notebooks")}`,
        "--MultiKernelManager.default_kernel_name=deno",
        "-y", // Ctrl-C ends it without a question
        "--log-level=WARN",
        ...(browser ? [] : ["--no-browser"]),
        ...(Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--allow-root"] : []),
      ],
      env: { JUPYTER_PREFER_ENV_PATH: "1" }, // our kernel, though another may be called deno too
    }).spawn();
    const end = () => lab.kill("SIGTERM"); // it ends its kernels
    signal.addEventListener("abort", end);
    const { code } = await lab.status;
    signal.removeEventListener("abort", end);
    if (code !== 0 && !signal.aborted) {
      throw new UserError(`JupyterLab ended with code ${code}; what it wrote is above`);
    }
  },
});
