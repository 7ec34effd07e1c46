/**
 * Hosts with addresses of their own on one machine: network namespaces, each with a cable (a veth pair) to a common bridge.
 * Linux, root only.
 */
import { Running } from "./processes.ts";

/** Runs `ip`; throws what it says. */
async function ip(words: string): Promise<string> {
  const output = await new Deno.Command("ip", { args: words.split(" ") }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!output.success) throw new Error(`ip ${words}: ${text(output.stderr)}`);
  return text(output.stdout);
}

/** Whether this process may make hosts here. */
export async function canMakeHosts(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  try {
    await using _hosts = await Hosts.make(1);
    return true;
  } catch { // no iproute2, or a container without the right to do so
    return false;
  }
}

let networks = 0;

/** Some hosts in a network that nobody else is in; disposing of them removes all traces. */
export class Hosts implements AsyncDisposable {
  readonly count: number;
  readonly #name: string; // of bridge, namespaces and cables: at most 15 characters

  private constructor(count: number) {
    this.count = count;
    this.#name = `eh${Deno.pid}n${networks++}`;
  }

  /** Makes so many hosts, 10.77.0.1 and the following. */
  static async make(count: number): Promise<Hosts> {
    const hosts = new Hosts(count), name = hosts.#name;
    try {
      await ip(`link add ${name} type bridge`);
      await ip(`link set ${name} up`);
      for (let host = 0; host < count; host++) {
        const namespace = hosts.#namespace(host), cable = hosts.#cable(host);
        await ip(`netns add ${namespace}`);
        await ip(`link add ${cable} type veth peer name eth0 netns ${namespace}`);
        await ip(`link set ${cable} master ${name} up`);
        await ip(`-n ${namespace} addr add ${hosts.address(host)}/24 dev eth0`);
        await ip(`-n ${namespace} link set eth0 up`);
        await ip(`-n ${namespace} link set lo up`);
      }
      return hosts;
    } catch (error) {
      await hosts[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A host's IP address. */
  address(host: number): string {
    return `10.77.0.${host + 1}`;
  }

  /** Starts a program of ours on a host. */
  start(host: number, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    return new Running(args, env, ["ip", "netns", "exec", this.#namespace(host)]);
  }

  /** Runs any command on a host and returns what it prints. */
  async output(host: number, command: string): Promise<string> {
    return await ip(`netns exec ${this.#namespace(host)} ${command}`);
  }

  /** Whether something answers there, seen from a host. */
  async reaches(host: number, address: string, port: number): Promise<boolean> {
    const knock = ["timeout", "1", "bash", "-c", `: > /dev/tcp/${address}/${port}`];
    const args = ["netns", "exec", this.#namespace(host), ...knock];
    return (await new Deno.Command("ip", { args, stderr: "null" }).output()).success;
  }

  /** Pulls a host's cable, or plugs it in again: whatever is sent vanishes, and no connection is told. */
  async plug(host: number, isIn: boolean): Promise<void> {
    await ip(`link set ${this.#cable(host)} ${isIn ? "up" : "down"}`);
  }

  /** Cuts a host off for some seconds. */
  async cut(host: number, seconds: number): Promise<void> {
    await this.plug(host, false);
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    await this.plug(host, true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let host = 0; host < this.count; host++) {
      await ip(`netns del ${this.#namespace(host)}`).catch(() => {}); // its end of the cable goes with it, and so the other
      await ip(`link del ${this.#cable(host)}`).catch(() => {}); // at once
    }
    await ip(`link del ${this.#name}`).catch(() => {});
  }

  #namespace(host: number): string {
    return `${this.#name}-${host}`;
  }

  #cable(host: number): string {
    return `${this.#name}v${host}`;
  }
}
