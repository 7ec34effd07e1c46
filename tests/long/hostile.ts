/** Requests that nobody should send, by the thousand. */
import { RandomStream } from "../../lib/packing/mod.ts";

/** Sends one. @returns The status; "cut" where the server closed the connection without one. */
export type Send = () => Promise<string>;

/** How many are sent at a time. */
const TOGETHER = 50;

/**
 * Makes requests, in batches to be sent together.
 *
 * @param url Of a server with the model `cblue_ner`.
 */
export function* hostileRequests(url: string, count: number): Generator<Send[]> {
  const random = new RandomStream({ seed: 1, purpose: "held", epoch: 0 });
  for (let sent = 0; sent < count; sent += TOGETHER) {
    yield Array.from({ length: Math.min(TOGETHER, count - sent) }, (_, i) => {
      if (i % 5 === 0) return raw(url, random);
      const body = hostileBody(random),
        path = random.below(3)
          ? MODEL_PATHS[random.below(3)]!
          : OTHER_PATHS[random.below(OTHER_PATHS.length)]!;
      return async () => {
        const response = await fetch(`${url}${path}`, { method: "POST", body });
        await response.body?.cancel();
        return `${response.status}`;
      };
    });
  }
}

const MODEL_PATHS = ["/cblue_ner", "/models/cblue_ner", "/v2/models/cblue_ner/infer"];
const OTHER_PATHS = [
  ...[
    "/models/none",
    "/v2/models/none/infer",
    "/metrics",
    "/%00",
    "/..%2f..%2fetc/passwd",
    "//",
    "/v2/models/",
  ],
  ...[`/${"a".repeat(5000)}`, "/cblue_ner/__proto__", "/constructor"],
];

/** Values of a wrong type, or of none. */
const WRONG = [
  "null",
  "1e999",
  "-0",
  "[]",
  "{}",
  '""',
  "true",
  '"\\u0000"',
  "[[[]]]",
  '{"a":',
  "[1,",
  '"',
  "NaN",
  "\u0001",
];

function hostileBody(random: RandomStream): BodyInit {
  const wrong = () => WRONG[random.below(WRONG.length)]!;
  switch (random.below(10)) {
    case 0: // random bytes
      return Uint8Array.from({ length: random.below(2000) }, () => random.below(256));
    case 1: // a good request that was cut
      return '{"data": {"text": ["夜间发热"]}}'.slice(0, random.below(26));
    case 2: // invalid UTF-8 within
      return Uint8Array.from([
        ...new TextEncoder().encode('{"data": {"text": "'),
        0xc0,
        0xaf,
        0xed,
        0xa0,
        0x80,
        0x22,
      ]);
    case 3:
      return `{"data": {"text": ${wrong()}, "text_pair": 1}, "parameters": ${wrong()}}`;
    case 4: // 100,000 characters
      return JSON.stringify({ data: { text: "长".repeat(100_000) } });
    case 5: // too many
      return JSON.stringify({ data: { text: Array(1000 + random.below(1000)).fill("热") } });
    case 6: // deep
      return "[".repeat(50_000) + "]".repeat(random.below(50_000));
    case 7:
      return `{"inputs": [{"name": ${wrong()}, "shape": ${wrong()}, "datatype": "BYTES", "data": ${wrong()}}]}`;
    case 8: // control characters
      return `{"data": {"text": "${String.fromCharCode(1 + random.below(31))}"}}`;
    default: // too long, a megabyte and more
      return " ".repeat((1 << 20) + 1 + random.below(1000));
  }
}

/** What HTTP does not allow, or never ends. Those who never send what they announced wait for 408. */
function raw(url: string, random: RandomStream): Send {
  const { port } = new URL(url), post = "POST /cblue_ner HTTP/1.1\r\nhost: x\r\n";
  const kinds: readonly (readonly [head: string, closes: boolean])[] = [
    ["\u0000\u0001\u0002\r\n\r\n", false],
    ["GET / HTTP/9.9\r\n\r\n", false],
    [`${post}content-length: -1\r\n\r\n`, false],
    [`${post}content-length: 5\r\ncontent-length: 6\r\n\r\n{}`, false],
    [`${post}transfer-encoding: chunked\r\n\r\nzz\r\n`, false],
    [`${post}x: ${"y".repeat(500_000)}\r\n\r\n`, false],
    [`${post}content-length: 100\r\n\r\n{`, false],
    [`${post}content-length: 100\r\n\r\n{`, true],
    [post, true],
    ["", true],
  ];
  const [head, closes] = kinds[random.below(kinds.length)]!;
  return async () => {
    const connection = await Deno.connect({ port: Number(port) });
    try {
      const bytes = new TextEncoder().encode(head);
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      if (closes) await connection.closeWrite();
      const buffer = new Uint8Array(1000), length = await connection.read(buffer);
      return /^HTTP\/1\.1 (\d+)/.exec(new TextDecoder().decode(buffer.subarray(0, length ?? 0)))?.[1] ??
        "cut";
    } catch {
      return "cut"; // in the middle of what was sent
    } finally {
      connection.close();
    }
  };
}
