/** Compiles the kernel: `deno task build:kernel`. */
import asc from "assemblyscript/asc";

const OPTIONS = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd,relaxed-simd"];

/**
 * Compiles kernel.ts.
 *
 * @returns The WebAssembly module.
 * @throws {Error} If the compiler finds fault with it.
 */
export async function compileKernel(): Promise<Uint8Array<ArrayBuffer>> {
  const source = await Deno.readTextFile(new URL("kernel.ts", import.meta.url));
  let module = new Uint8Array();
  const { error, stderr } = await asc.main(["kernel.ts", "--outFile", "kernel.wasm", ...OPTIONS], {
    readFile: (name) => name === "kernel.ts" ? source : null,
    writeFile: (_name, contents) => {
      module = new Uint8Array(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error !== null) throw new Error(`Cannot compile kernel.ts: ${error.message}\n${stderr}`);
  return module;
}

if (import.meta.main) {
  await Deno.writeFile(new URL("../kernel.wasm", import.meta.url), await compileKernel());
}
