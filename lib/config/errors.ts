/**
 * A mistake that the user can mend: tasks print its one-line message and exit with code 1, without a stack.
 *
 * @example
 * ```ts
 * import { UserError } from "./errors.ts";
 * const error = new UserError('Cannot read vocabulary "v.txt": no such file; build one with `deno task vocab`');
 * console.log(error.message);
 * ```
 */
export class UserError extends Error {
  override name = "UserError";
}
