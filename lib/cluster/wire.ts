/** JSON, one value a line, over TCP: how the processes of a job talk. */

/** What a line may hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A message: an object whose `type` says which. */
export type Message = { readonly type: string; readonly [name: string]: Json };

/** One end of a connection. */
export class Wire {
  readonly #conn: Deno.TcpConn;
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #closed = false;
  /** When something last came in, on `performance.now`'s clock. */
  heardAt: number = performance.now();

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  /** IP address of the other end. */
  get remote(): string {
    return this.#conn.remoteAddr.hostname;
  }

  /** Whether something sent has not left yet: the other end does not read, or the network is cut. */
  get busy(): boolean {
    return this.#queued > 0;
  }

  /**
   * Sends a message after those before it.
   *
   * @returns when it has left or never will; a broken connection shows in {@linkcode messages}, not here
   */
  send(message: Message): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(message) + "\n");
    this.#queued++;
    return this.#tail = this.#tail.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    }).catch(() => {}).finally(() => this.#queued--);
  }

  /**
   * Reads what the other end sends, until it closes.
   *
   * @param limit longest line in bytes
   * @throws {SyntaxError} if a line is too long or no message
   */
  async *messages(limit: number): AsyncGenerator<Message> {
    const buffer = new Uint8Array(16_384);
    let parts: Uint8Array[] = [], length = 0; // of the line that has not ended
    for (;;) {
      const count = await this.#read(buffer);
      if (count === null) return;
      this.heardAt = performance.now();
      for (let at = 0; at < count;) {
        const end = buffer.subarray(0, count).indexOf(0x0a, at);
        const part = buffer.slice(at, end < 0 ? count : end);
        parts.push(part);
        length += part.length;
        if (length > limit) throw new SyntaxError(`A line is longer than ${limit} bytes`);
        at += part.length + 1;
        if (end < 0) break;
        yield parseMessage(parts, length);
        [parts, length] = [[], 0];
      }
    }
  }

  /** A reset by the other end is an end, as is our own closing. */
  async #read(buffer: Uint8Array): Promise<number | null> {
    try {
      return await this.#conn.read(buffer);
    } catch {
      return null;
    }
  }

  /** Closes the connection; once is enough. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#conn.close();
    } catch { // the other end was faster
    }
  }
}

function parseMessage(parts: readonly Uint8Array[], length: number): Message {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const message = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof message?.type === "string") return message;
  throw new SyntaxError("A line is no message");
}

/**
 * How often a sign of life is sent.
 *
 * @param timeout seconds of silence that are too many
 * @returns milliseconds between two beats
 */
export function beatInterval(timeout: number): number {
  return Math.min(5_000, timeout * 1000 / 4);
}

/**
 * Sends a sign of life at regular intervals, and notices when none comes back.
 *
 * A process whose own event loop stood still (a long computation, a paused machine) has heard nothing because it did not
 * listen: such time does not count against the other end.
 */
export class Heartbeat implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /**
   * @param wire whose other end does the same
   * @param timeout seconds of silence that are too many
   * @param onSilence called once, when that much has passed
   */
  constructor(wire: Wire, timeout: number, onSilence: () => void) {
    const interval = beatInterval(timeout);
    let tickAt = performance.now(), heardAt = wire.heardAt;
    let deaf = 0; // milliseconds in which this process did not listen, since it last heard something
    this.#timer = setInterval(() => {
      if (!wire.busy) wire.send({ type: "beat" });
      const now = performance.now();
      const late = Math.max(0, now - tickAt - 2 * interval);
      deaf = wire.heardAt === heardAt ? deaf + late : late;
      [tickAt, heardAt] = [now, wire.heardAt];
      if (now - heardAt - deaf <= timeout * 1000) return;
      this[Symbol.dispose]();
      onSilence();
    }, interval);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
