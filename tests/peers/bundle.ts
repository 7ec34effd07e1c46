/**
 * Bundles modules that were published for bundlers, which no runtime loads as they are: tfjs-core's tests.
 */
import { createRequire, isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

/** Finds packages where Deno keeps them, as there is no `node_modules` folder. */
const denoCache: esbuild.Plugin = {
  name: "deno-cache",
  setup(build) {
    const project = fileURLToPath(import.meta.url);
    const core = dirname(dirname(createRequire(project).resolve("@tensorflow/tfjs-core")));
    build.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
      if (isBuiltin(path)) return { path, external: true };
      const module = /^@tensorflow\/tfjs-core(\/.*)$/.exec(path)?.[1];
      if (module !== undefined) return build.resolve(`.${module}`, { resolveDir: core, kind });
      for (const from of [importer, project]) {
        try {
          return { path: createRequire(from).resolve(path) };
        } catch { // this module's package does not declare it: the project may
        }
      }
      return { path, external: true }; // an optional dependency, whose user copes without it
    });
  },
};

/**
 * Writes one ES module that runs `entry` and all that it imports, in that order.
 *
 * @param entry Path of the module to start from.
 * @param folder Where to write it.
 * @returns Path of the bundle.
 */
export async function bundle(entry: string, folder: string): Promise<string> {
  const outfile = join(folder, "bundle.mjs");
  try {
    await esbuild.build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      mainFields: ["module", "main"],
      target: "esnext",
      logLevel: "error",
      // tfjs-core declares most of its modules free of side effects, which its tests are not.
      ignoreAnnotations: true,
      banner: {
        js: 'import { createRequire as $createRequire } from "node:module";' +
          "const require = $createRequire(import.meta.url);",
      },
      plugins: [denoCache],
    });
    return outfile;
  } finally {
    await esbuild.stop();
  }
}
