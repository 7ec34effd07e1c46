/**
 * What is wrong with a request, as its sender is told.
 *
 * @module
 */

/** A request that is refused; the message names the field and the remedy. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  /** Of the response, 400 to 599. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** @param headers Of the response, beside its type. */
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    [this.status, this.headers] = [status, headers];
  }
}
