/** Keeps strangers from a server that listens at all of the machine's addresses, as TensorFlow's does. Linux. */
import { networkInterfaces } from "node:os";
import { isLoopback, parseAddress, resolveHost } from "./addresses.ts";

/**
 * Lets what this process serves on a port hear what is sent to one address alone: the kernel drops all else before a
 * connection comes to be, as if nobody listened there. Some kernels want CAP_NET_ADMIN for it.
 *
 * @param address `host:port`, host being a name or an address of this machine
 * @returns why the port still answers at all addresses, if it does: elsewhere than on Linux, or where the name is that of
 *   something that stands before this machine, such as a service of Kubernetes
 */
export async function narrow(address: string): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "only Linux can narrow it";
  const { host, port } = parseAddress(address, "this process");
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((all) => all!.map(({ address }) => address)),
  );
  const ips = await resolveHost(host).catch(() => []);
  // some systems know their own name as 127.0.1.1, which is not what it means to others
  const isMeant = (ip: string) => isLoopback(ip) ? host === ip || host === "localhost" : own.has(ip);
  if (ips.length === 0 || !ips.every(isMeant)) {
    return `on this machine "${host}" means ${
      ips.join(", ") || "nothing"
    }, which may be another address to others`;
  }
  const sockets = socketsListeningAt(port);
  if (sockets.length === 0) return "its socket was not found";
  const program = filterProgram(ips);
  return sockets.every((socket) => attachFilter(socket, program))
    ? undefined
    : "the kernel wants CAP_NET_ADMIN for it";
}

/** File descriptors of this process that listen at a port. */
function socketsListeningAt(port: number): number[] {
  const LISTEN = "0A", inodes = new Set<string>();
  for (const table of ["tcp", "tcp6"]) {
    for (const line of lines(`/proc/self/net/${table}`)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTEN && parseInt(local!.split(":")[1]!, 16) === port) inodes.add(`socket:[${inode}]`);
    }
  }
  const isOne = (descriptor: string) => {
    try {
      return inodes.has(Deno.readLinkSync(`/proc/self/fd/${descriptor}`));
    } catch { // closed meanwhile
      return false;
    }
  };
  return Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => name).filter(isOne).map(Number);
}

function lines(file: string): string[] {
  try {
    return Deno.readTextFileSync(file).split("\n").slice(1, -1);
  } catch { // a kernel without IPv6
    return [];
  }
}

/** Operations of the kernel's classic packet filter (`linux/filter.h`). */
const LOAD_BYTE = 0x30, LOAD_WORD = 0x20, SHIFT_RIGHT = 0x74, JUMP_IF_EQUAL = 0x15, RETURN = 0x06;
/** Where the packet's IP header begins, as the filter addresses it. */
const IP_HEADER = 0xfff00000;
const DROP = 0, WHOLE_PACKET = 0xffffffff;

/** An instruction: operation, jumps if true and if false, operand. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** Lets packets to these addresses pass and drops all others. */
function filterProgram(ips: readonly string[]): Uint8Array<ArrayBuffer> {
  const instructions = [...ips.flatMap(passIfTo), [RETURN, 0, 0, DROP] as const];
  const bytes = new Uint8Array(8 * instructions.length), view = new DataView(bytes.buffer);
  instructions.forEach(([code, ifTrue, ifFalse, operand], i) => {
    view.setUint16(8 * i, code, true);
    view.setUint8(8 * i + 2, ifTrue);
    view.setUint8(8 * i + 3, ifFalse);
    view.setUint32(8 * i + 4, operand, true);
  });
  return bytes;
}

/** Ends the program for a packet to this address, and goes on behind itself for others. */
function passIfTo(ip: string): Instruction[] {
  const [version, offset, words] = ip.includes(":") ? [6, 24, wordsOfV6(ip)] : [4, 16, [wordOfV4(ip)]];
  const length = 4 + 2 * words.length;
  const skip = (at: number) => length - at - 1; // from the instruction at this place to behind the last
  return [
    [LOAD_BYTE, 0, 0, IP_HEADER],
    [SHIFT_RIGHT, 0, 0, 4],
    [JUMP_IF_EQUAL, 0, skip(2), version],
    ...words.flatMap((word, i): Instruction[] => [
      [LOAD_WORD, 0, 0, IP_HEADER + offset + 4 * i],
      [JUMP_IF_EQUAL, 0, skip(4 + 2 * i), word],
    ]),
    [RETURN, 0, 0, WHOLE_PACKET],
  ];
}

function wordOfV4(ip: string): number {
  return ip.split(".").reduce((word, part) => 256 * word + Number(part), 0);
}

function wordsOfV6(ip: string): number[] {
  // as URLs spell it: at most one "::", no dotted end
  const [head, tail] = new URL(`http://[${ip.replace(/%.*/, "")}]`).hostname.slice(1, -1).split("::");
  const parts = (text: string | undefined) => text ? text.split(":") : [];
  const before = parts(head), after = parts(tail);
  const all = [...before, ...new Array(8 - before.length - after.length).fill("0"), ...after];
  return [0, 2, 4, 6].map((i) => parseInt(all[i], 16) * 0x10000 + parseInt(all[i + 1], 16));
}

const SOL_SOCKET = 1, SO_ATTACH_FILTER = 26;

/** Gives a socket, and the connections that it will accept, a filter. */
function attachFilter(socket: number, program: Uint8Array<ArrayBuffer>): boolean {
  const libc = Deno.dlopen("libc.so.6", {
    setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  });
  const description = new Uint8Array(16), view = new DataView(description.buffer); // struct sock_fprog
  view.setUint16(0, program.length / 8, true);
  view.setBigUint64(8, Deno.UnsafePointer.value(Deno.UnsafePointer.of(program)), true);
  try {
    return libc.symbols.setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, description, description.length) ===
      0;
  } finally {
    libc.close();
  }
}
