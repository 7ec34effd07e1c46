/** Programs of peers as functions. */
import { UserError } from "../../lib/config/mod.ts";

/**
 * Runs a program that reads JSON and writes JSON.
 *
 * @throws {UserError} If it fails; what it says about that is on standard error.
 */
export async function ask<T>(command: string, args: readonly string[], request: unknown): Promise<T> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const fed = new Blob([JSON.stringify(request)]).stream().pipeTo(child.stdin).catch(() => {}); // its status will tell
  const { stdout, success } = await child.output();
  await fed;
  if (!success) throw new UserError(`Cannot run ${command} ${args[0]}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
