/** `deno task setup`: TensorFlow's shared libraries, checked by loading them, and LAC's models into `.venv`. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { formatDuration, type OptionTable, UserError } from "../lib/config/mod.ts";
import { installLac, type InstallOptions } from "../lib/install/mod.ts";
// Not by the room's door, which loads TensorFlow.js: every task runs this first, and mostly finds nothing to do.
import { installTensorFlow, type TensorFlowInstallOptions } from "../lib/tensorflow/install.ts";
import type { TensorFlowLibrary } from "../lib/tensorflow/library.ts";
import { runTask } from "./flags.ts";

export const SETUP_OPTIONS = {
  gpu: { type: "boolean", default: false, help: "Install TensorFlow with CUDA (Linux, NVIDIA driver)" },
  force: { type: "boolean", default: false, help: "Install into .venv again, whatever is there" },
  quiet: { type: "boolean", default: false, help: "Say nothing unless something must be installed" },
  only: {
    type: "string",
    choices: ["tensorflow", "lac"],
    help: "Install one alone: tensorflow for training, lac (65 MB) for the tokenize tools lac and seg",
  },
  python: { type: "string", default: "python3", help: "Python whose pip is used, and asked for TensorFlow" },
} as const satisfies OptionTable;

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** What is ready after set-up. */
interface Part {
  readonly what: string;
  readonly installed: boolean;
}

/** Loads the library, which a mere look at its file cannot replace. */
async function loadedVersion(): Promise<string> {
  const door = "../lib/tensorflow/mod.ts"; // a variable, lest Deno fetch the packages before they are needed
  const { tensorflowInfo } = await import(door) as typeof import("../lib/tensorflow/mod.ts");
  return tensorflowInfo().version;
}

function describe({ version, source, folder, gpu }: TensorFlowLibrary): string {
  return `TensorFlow ${version}${gpu ? " with CUDA" : ""} from ${source} (${folder})`;
}

/** Installs or finds TensorFlow, and loads what is new. */
async function setUpTensorFlow(options: TensorFlowInstallOptions): Promise<Part> {
  const { library, installed } = await installTensorFlow(options);
  const version = installed ? await loadedVersion() : library.version;
  if (version !== library.version) {
    throw new UserError(
      `Cannot use "${library.cc}": it says that it is TensorFlow ${version}, not ${library.version}; ` +
        "run `deno task setup --force`",
    );
  }
  return { what: describe(library), installed };
}

/** Installs or finds LAC's models. */
async function setUpLac(options: InstallOptions): Promise<Part> {
  const { folder, installed } = await installLac(options);
  return { what: `LAC's models (${folder})`, installed };
}

await runTask(import.meta, {
  name: "setup",
  summary:
    "Install into .venv what is not TypeScript: TensorFlow's shared libraries for training, and LAC's models for " +
    "cutting text into words.",
  table: SETUP_OPTIONS,
  examples: [
    "deno task setup",
    "deno task setup --gpu",
    "deno task setup --only lac",
    "ERNIE_HEALTH_TF=/opt/tensorflow deno task setup",
  ],
  async main({ quiet, only, ...flags }, { signal }) {
    const start = performance.now();
    const options = { ...flags, root: ROOT, signal, log: console.error };
    const parts: Part[] = [];
    if (only !== "lac") parts.push(await setUpTensorFlow(options));
    if (only !== "tensorflow") parts.push(await setUpLac(options));
    const what = parts.map(({ what }) => what).join(" and ");
    if (parts.some(({ installed }) => installed)) {
      console.error(`Ready in ${formatDuration((performance.now() - start) / 1000)}: ${what}`);
    } else if (!quiet) {
      console.error(`Nothing to install: using ${what}`);
    }
  },
});
