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

/** The exit status of a process that could not go on without another, and might if started again: `EX_TEMPFAIL`. */
export const PEER_LOST_STATUS = 75;

/**
 * Another process of the job died, hangs, cannot be reached, or gave up: tasks print the one-line message and exit at
 * once, since computations that wait for that process never end.
 *
 * @example
 * ```ts
 * import { PeerLostError } from "./errors.ts";
 * const error = new PeerLostError("Lost rank 2 on gpu-b (10.0.0.3:2222): its process ended");
 * console.log(error.exitStatus); // 75
 * ```
 */
export class PeerLostError extends Error {
  override name = "PeerLostError";
  /** 75 where another try may succeed; 1 where the other process stopped for a reason that would come again. */
  readonly exitStatus: number;

  /**
   * @param message which rank, on which host, and what became of it
   * @param options the status to exit with (default: 75), and the cause
   */
  constructor(message: string, options: ErrorOptions & { exitStatus?: number } = {}) {
    super(message, options);
    this.exitStatus = options.exitStatus ?? PEER_LOST_STATUS;
  }
}
