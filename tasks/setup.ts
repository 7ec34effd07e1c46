/** `deno task setup`: TensorFlow's shared libraries into `.venv`, checked by loading them. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { formatDuration, type OptionTable, UserError } from "../lib/config/mod.ts";
// Not by the room's door, which loads TensorFlow.js: every task runs this first, and mostly finds nothing to do.
import { installTensorFlow } from "../lib/tensorflow/install.ts";
import type { TensorFlowLibrary } from "../lib/tensorflow/library.ts";
import { runTask } from "./flags.ts";

export const SETUP_OPTIONS = {
  gpu: { type: "boolean", default: false, help: "Install TensorFlow with CUDA (Linux, NVIDIA driver)" },
  force: { type: "boolean", default: false, help: "Install into .venv again, whatever is there" },
  quiet: { type: "boolean", default: false, help: "Say nothing unless something must be installed" },
  python: { type: "string", default: "python3", help: "Python whose pip is used, and asked for TensorFlow" },
} as const satisfies OptionTable;

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Loads the library, which a mere look at its file cannot replace. */
async function loadedVersion(): Promise<string> {
  const door = "../lib/tensorflow/mod.ts"; // a variable, lest Deno fetch the packages before they are needed
  const { tensorflowInfo } = await import(door) as typeof import("../lib/tensorflow/mod.ts");
  return tensorflowInfo().version;
}

function describe({ version, source, folder, gpu }: TensorFlowLibrary): string {
  return `TensorFlow ${version}${gpu ? " with CUDA" : ""} from ${source} (${folder})`;
}

await runTask(import.meta, {
  name: "setup",
  summary: "Install what training needs: TensorFlow's shared libraries, into .venv.",
  table: SETUP_OPTIONS,
  examples: ["deno task setup", "deno task setup --gpu", "ERNIE_HEALTH_TF=/opt/tensorflow deno task doctor"],
  async main({ quiet, ...options }, { signal }) {
    const start = performance.now();
    const { library, installed } = await installTensorFlow({
      ...options,
      root: ROOT,
      signal,
      log: console.error,
    });
    if (!installed) {
      if (!quiet) console.error(`Nothing to install: using ${describe(library)}`);
      return;
    }
    const version = await loadedVersion();
    if (version !== library.version) {
      throw new UserError(
        `Cannot use "${library.cc}": it says that it is TensorFlow ${version}, not ${library.version}; ` +
          "run `deno task setup --force`",
      );
    }
    console.error(`Ready in ${formatDuration((performance.now() - start) / 1000)}: ${describe(library)}`);
  },
});
