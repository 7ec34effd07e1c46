/** Sets up before notebooks: what can be installed is, and what cannot is told of. */
import { fileURLToPath } from "node:url";

/**
 * Runs `deno task setup --quiet`; without Python or a network those notebooks still run that need nothing of it.
 *
 * @param signal ends it
 */
export async function setUp(signal: AbortSignal): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fileURLToPath(import.meta.resolve("./setup.ts")), "--quiet"],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
    signal,
  }).output();
  signal.throwIfAborted();
  if (!success) console.error("Going on without: notebooks that need what is missing will say so");
}
