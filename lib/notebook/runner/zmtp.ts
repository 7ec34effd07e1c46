/**
 * ZeroMQ's wire protocol, as much of it as a client of a Jupyter kernel needs: DEALER and SUB sockets, no encryption.
 *
 * Source: ZMTP 3.0 (rfc.zeromq.org/spec/23), NULL mechanism.
 *
 * @module
 */

import { joined } from "../bytes.ts";

/** A message: one part or several. */
export type Multipart = readonly Uint8Array[];

const MORE = 1, LONG = 2, COMMAND = 4; // flags of a frame
const GREETING = 64; // bytes

/** A connection to one ZeroMQ socket. */
export class ZmtpSocket implements Disposable {
  readonly #connection: Deno.TcpConn;
  #buffer = new Uint8Array(65_536);
  /** What is read but not taken lies between these. */
  #start = 0;
  #end = 0;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /**
   * Connects, shakes hands, and as a subscriber asks for all messages.
   *
   * @param port on this machine
   * @param type what this end is
   * @throws {Deno.errors.ConnectionRefused} if nobody listens yet
   * @throws {Error} if the other end speaks no ZMTP 3
   */
  static async connect(port: number, type: "DEALER" | "SUB"): Promise<ZmtpSocket> {
    const socket = new ZmtpSocket(await Deno.connect({ hostname: "127.0.0.1", port }));
    try {
      await socket.#greet();
      await socket.#write(frame(COMMAND, ready(type)));
      await socket.#frame(); // the other end's READY
      if (type === "SUB") await socket.send([Uint8Array.of(1)]); // subscribe to every prefix
      return socket;
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
  }

  /** Sends a message. */
  async send(parts: Multipart): Promise<void> {
    await this.#write(joined(parts.map((part, i) => frame(i < parts.length - 1 ? MORE : 0, part))));
  }

  /**
   * Waits for a message.
   *
   * @throws {Error} if the other end closed the connection
   */
  async receive(): Promise<Multipart> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const { flags, body } = await this.#frame();
      if (flags & COMMAND) continue;
      parts.push(body);
      if (!(flags & MORE)) return parts;
    }
  }

  [Symbol.dispose]() {
    try {
      this.#connection.close();
    } catch { /* closed by the other end */ }
  }

  async #greet(): Promise<void> {
    const greeting = new Uint8Array(GREETING);
    greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3]); // signature, version 3.0
    new TextEncoder().encodeInto("NULL", greeting.subarray(12));
    await this.#write(greeting);
    const [first, , , , , , , , , tenth, version] = await this.#read(GREETING);
    if (first !== 0xff || tenth !== 0x7f || version! < 3) {
      throw new Error("Cannot talk to the kernel: it speaks no ZMTP 3");
    }
  }

  async #frame(): Promise<{ flags: number; body: Uint8Array }> {
    const [flags] = await this.#read(1);
    const isLong = (flags! & LONG) !== 0;
    const length = await this.#read(isLong ? 8 : 1);
    const size = isLong ? Number(new DataView(length.buffer).getBigUint64(0)) : length[0]!;
    return { flags: flags!, body: await this.#read(size) };
  }

  /** The next bytes, in an array of their own. */
  async #read(count: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#end - this.#start < count) {
      this.#makeRoom(count);
      const read = await this.#connection.read(this.#buffer.subarray(this.#end));
      if (read === null) throw new Error("The kernel closed the connection");
      this.#end += read;
    }
    return this.#buffer.slice(this.#start, this.#start += count);
  }

  #makeRoom(count: number) {
    const rest = this.#buffer.subarray(this.#start, this.#end);
    if (this.#start + count > this.#buffer.length || this.#end === this.#buffer.length) {
      const size = Math.max(this.#buffer.length, 2 * count);
      const target = size > this.#buffer.length ? new Uint8Array(size) : this.#buffer;
      target.set(rest); // `set` copies as if from a copy where both are one
      [this.#buffer, this.#start, this.#end] = [target, 0, rest.length];
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#connection.write(rest));
  }
}

function frame(flags: number, body: Uint8Array): Uint8Array {
  const isLong = body.length > 255;
  const head = new Uint8Array(isLong ? 9 : 2);
  head[0] = flags | (isLong ? LONG : 0);
  if (isLong) new DataView(head.buffer).setBigUint64(1, BigInt(body.length));
  else head[1] = body.length;
  return joined([head, body]);
}

/** The READY command: its name and what this end is. */
function ready(type: string): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(value);
  const property = (name: string, value: string) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, value.length);
    return [Uint8Array.of(name.length), text(name), length, text(value)];
  };
  return joined([
    Uint8Array.of(5),
    text("READY"),
    ...property("Socket-Type", type),
    ...property("Identity", ""),
  ]);
}
