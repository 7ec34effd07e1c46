/**
 * A Deno kernel and its client, without Python: `deno jupyter` as a child process, spoken to over TCP.
 *
 * @module
 */
import { join } from "node:path";
import { type KernelMessage, MessageCodec } from "./messages.ts";
import { ZmtpSocket } from "./zmtp.ts";

/** How a kernel is started. */
export interface KernelOptions {
  /** The notebook's folder, from which relative imports and `deno.json` are found. */
  readonly folder: string;
  /** Ends it at once. */
  readonly signal?: AbortSignal | undefined;
}

/** How a cell is run. */
export interface ExecuteOptions {
  /** Hears of each output, in order. */
  readonly onOutput?: (message: KernelMessage) => void;
  /** Seconds after which the cell is given up. */
  readonly timeout?: number | undefined;
  /** Whether it is run behind the scenes: not counted, without outputs. */
  readonly silent?: boolean;
}

/** What became of a cell. */
export interface ExecuteReply {
  readonly status: "ok" | "error" | "aborted";
  readonly execution_count: number | null;
  readonly ename?: string;
  readonly evalue?: string;
}

const START_TIMEOUT = 30_000; // ms
const RETRY = 30; // ms between attempts to connect
const SHUTDOWN = 1500; // ms

/** The messages that belong to a cell's outputs. */
const OUTPUTS: ReadonlySet<string> = new Set([
  "stream",
  "display_data",
  "update_display_data",
  "execute_result",
  "error",
  "clear_output",
]);

/** The first, hidden cell: a kernel whose parent is gone ends, whatever became of the parent. */
const WATCH_PARENT = `Deno.unrefTimer(setInterval((parent) => {
  if (Deno.ppid !== parent) Deno.kill(Deno.pid, "SIGKILL");
}, 1000, Deno.ppid));`;

/** The kernel ended while a cell ran, or did not begin. */
export class KernelError extends Error {
  override name = "KernelError";
}

/** A running kernel; it executes one cell at a time. */
export class Kernel implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly #codec: MessageCodec;
  readonly #sockets: ZmtpSocket[] = [];
  #shell!: ZmtpSocket;
  #control!: ZmtpSocket;
  /** Who waits for messages about a request. */
  readonly #waiting = new Map<string, (message: KernelMessage) => void>();
  /** The last cell's requests. */
  #past: readonly string[] = [];
  /** Rejects when the process ends. */
  readonly #ended: Promise<never>;

  private constructor(process: Deno.ChildProcess, folder: string, codec: MessageCodec) {
    this.#process = process;
    this.#folder = folder;
    this.#codec = codec;
    this.#ended = process.status.then(({ code, signal }) => {
      throw new KernelError(
        signal ? `The kernel was ended by ${signal}` : `The kernel ended with code ${code}`,
      );
    });
    this.#ended.catch(() => {}); // whoever runs a cell hears of it
  }

  /**
   * Starts a kernel and waits until it answers.
   *
   * @throws {KernelError} if it does not
   */
  static async start({ folder, signal }: KernelOptions): Promise<Kernel> {
    signal?.throwIfAborted();
    const connectionFolder = await Deno.makeTempDir({ prefix: "ernie-health-kernel-" }); // readable by its owner alone
    const codec = new MessageCodec(crypto.randomUUID());
    const ports = freePorts();
    const path = join(connectionFolder, "connection.json");
    const connection = {
      ...ports,
      ip: "127.0.0.1",
      transport: "tcp",
      key: codec.key,
      signature_scheme: "hmac-sha256",
    };
    await Deno.writeTextFile(path, JSON.stringify(connection));
    const process = new Deno.Command(Deno.execPath(), {
      args: ["jupyter", "--quiet", "--kernel", "--conn", path],
      cwd: folder,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
      ...(signal && { signal }),
    }).spawn();
    const kernel = new Kernel(process, connectionFolder, codec);
    try {
      await kernel.#connect(ports);
      await kernel.execute(WATCH_PARENT, { silent: true });
      return kernel;
    } catch (error) {
      await kernel[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Process id, by which tests see that it is gone. */
  get pid(): number {
    return this.#process.pid;
  }

  /**
   * Runs a cell to its end.
   *
   * @param code TypeScript
   * @returns whether it went well; outputs were heard by `onOutput`
   * @throws {KernelError} if the kernel ended, or the time is over; the kernel is then to be disposed of
   */
  async execute(
    code: string,
    { onOutput = () => {}, timeout, silent = false }: ExecuteOptions = {},
  ): Promise<ExecuteReply> {
    const late = Promise.withResolvers<never>();
    const timer = timeout === undefined
      ? undefined
      : setTimeout(() => late.reject(new KernelError(`It ran longer than ${timeout} s`)), 1000 * timeout);
    const giveUp = Promise.race([late.promise, this.#ended]);
    try {
      const cell = this.#request(code, silent, onOutput);
      const reply = await Promise.race([cell.done, giveUp]);
      // The protocol has "idle" as the last message about a cell, but this kernel may send outputs after it, even as those of
      // the next request: what it had by then has come when it has dealt with another, or comes while the next cell runs.
      const next = this.#request("0", true, onOutput);
      await Promise.race([next.done, giveUp]);
      for (const id of this.#past) this.#waiting.delete(id);
      this.#past = [cell.id, next.id];
      return reply;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Does what the Stop button does. */
  interrupt() {
    this.#process.kill("SIGINT");
  }

  /** Ends the kernel, if need be by force, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const id = crypto.randomUUID();
    await this.#control?.send(this.#codec.encode(id, "shutdown_request", { restart: false })).catch(() => {});
    const timer = setTimeout(() => this.#kill(), this.#control ? SHUTDOWN : 0);
    await this.#process.status;
    clearTimeout(timer);
    for (const socket of this.#sockets) socket[Symbol.dispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #kill() {
    try {
      this.#process.kill("SIGKILL");
    } catch { /* gone by itself */ }
  }

  async #connect(ports: Ports): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT;
    const open = async (port: number, type: "DEALER" | "SUB") => {
      const socket = await this.#untilOpen(port, type, deadline);
      this.#sockets.push(socket);
      this.#listen(socket);
      return socket;
    };
    await open(ports.iopub_port, "SUB");
    this.#shell = await open(ports.shell_port, "DEALER");
    this.#control = await open(ports.control_port, "DEALER");
    // A subscription takes a moment to reach the kernel: ask until its status comes over it.
    for (;;) {
      if (await Promise.race([this.#hearsStatus(), this.#ended])) return;
      if (performance.now() > deadline) throw new KernelError("The kernel did not answer");
    }
  }

  async #untilOpen(port: number, type: "DEALER" | "SUB", deadline: number): Promise<ZmtpSocket> {
    for (;;) {
      try {
        return await ZmtpSocket.connect(port, type);
      } catch (error) {
        if (performance.now() > deadline) throw new KernelError("The kernel did not start", { cause: error });
        await Promise.race([delay(RETRY), this.#ended]);
      }
    }
  }

  /** Sends code; `done` is the reply, once the kernel is idle again. */
  #request(
    code: string,
    silent: boolean,
    onOutput: (message: KernelMessage) => void,
  ): { id: string; done: Promise<ExecuteReply> } {
    const id = crypto.randomUUID();
    const idle = Promise.withResolvers<void>(), replied = Promise.withResolvers<ExecuteReply>();
    this.#waiting.set(id, (message) => {
      if (message.type === "execute_reply") replied.resolve(message.content as unknown as ExecuteReply);
      else if (message.type === "status" && message.content.execution_state === "idle") idle.resolve();
      else if (OUTPUTS.has(message.type)) onOutput(message);
    });
    const request = {
      code,
      silent,
      store_history: !silent,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    };
    const done = (async () => {
      await this.#shell.send(this.#codec.encode(id, "execute_request", request));
      const [reply] = await Promise.all([replied.promise, idle.promise]);
      return reply;
    })();
    return { id, done };
  }

  async #hearsStatus(): Promise<boolean> {
    const id = crypto.randomUUID();
    const heard = Promise.withResolvers<boolean>();
    this.#waiting.set(id, ({ type }) => type === "status" && heard.resolve(true));
    await this.#shell.send(this.#codec.encode(id, "kernel_info_request", {}));
    const timer = setTimeout(() => heard.resolve(false), 100);
    const isHeard = await heard.promise;
    clearTimeout(timer);
    this.#waiting.delete(id);
    return isHeard;
  }

  async #listen(socket: ZmtpSocket): Promise<void> {
    try {
      for (;;) {
        const message = this.#codec.decode(await socket.receive());
        this.#waiting.get(message.parent)?.(message);
      }
    } catch { /* closed: the process ended, and who waits hears of that */ }
  }
}

type Ports = Record<`${"shell" | "iopub" | "stdin" | "control" | "hb"}_port`, number>;

/** Ports that nobody uses now. */
function freePorts(): Ports {
  const names = ["shell", "iopub", "stdin", "control", "hb"] as const;
  const listeners = names.map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  for (const listener of listeners) listener.close();
  return Object.fromEntries(names.map((name, i) => [`${name}_port`, ports[i]])) as Ports;
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
