/** Requests that are refused, each with a status and a message that names what is wrong. */
import assert from "node:assert/strict";

const text = (data: unknown, more = {}) => ({ name: "text", shape: [1], datatype: "BYTES", data, ...more });
const infer = (...inputs: unknown[]) => ({ inputs });
const bytes = (...values: number[]) => Uint8Array.from(values);

/** Path, body, status, message. Bodies that are no bytes and no text are sent as JSON. */
const REFUSALS: readonly (readonly [path: string, body: unknown, status: number, message: RegExp])[] = [
  ["/cblue_ner", "", 400, /^Cannot read the body as JSON: it is empty; send a JSON object$/],
  ["/cblue_ner", '{"data": ', 400, /^Cannot read the body as JSON: /],
  ["/cblue_ner", bytes(0x7b, 0x22, 0xff, 0xfe), 400, /^Cannot read the body: it is not UTF-8/],
  ["/cblue_ner", [1], 400, /^Cannot use the body: expected a JSON object, found a list$/],
  ["/cblue_ner", "[".repeat(100_000), 400, /^Cannot read the body as JSON/],
  ["/cblue_ner", "[".repeat(100_000) + "]".repeat(100_000), 400, /expected a JSON object, found a list$/],
  [
    "/cblue_ner",
    '{"__proto__": 1, "data": {"text": "a"}}',
    400,
    /it has "__proto__"; its fields are data, param/,
  ],
  ["/cblue_ner", {}, 400, /^Cannot use "data": expected an object as .*, it is missing$/],
  ["/cblue_ner", { data: { text: "a" }, extra: 1 }, 400, /it has "extra"; its fields are data, parameters$/],
  ["/cblue_ner", { data: "a" }, 400, /^Cannot use "data": expected a JSON object, found a string$/],
  [
    "/cblue_ner",
    { data: {} },
    400,
    /^Cannot use "data\.text": expected a text or a list of texts, it is missing$/,
  ],
  [
    "/cblue_ner",
    { data: { text: 5 } },
    400,
    /"data\.text": expected a text or a list of texts, found a number$/,
  ],
  ["/cblue_ner", { data: { text: ["a", null] } }, 400, /"data\.text\[1\]": expected .*, found null$/],
  ["/cblue_ner", { data: { text: [["a", 1]] } }, 400, /"data\.text\[0\]": expected .* found a list$/],
  ["/cblue_ner", { data: { text: [] } }, 400, /^Cannot answer no texts: "data\.text" is empty$/],
  ["/cblue_ner", { data: { text: ["a", " \n"] } }, 400, /^Cannot answer "data\.text" 1: it is empty/],
  [
    "/cblue_ner",
    { data: { text: "a", text_pair: "b" } },
    400,
    /"data\.text_pair": CMeEE takes one text; leave it out/,
  ],
  [
    "/chip-sts",
    { data: { text: "a" } },
    400,
    /"data\.text_pair": expected the second texts, as CHIP-STS takes two/,
  ],
  ["/chip-sts", { data: { text: ["a"], text_pair: ["b", "c"] } }, 400, /it has 2 texts, "data\.text" 1/],
  [
    "/cblue_ner",
    { data: { text: "a" }, parameters: 1 },
    400,
    /^Cannot use "parameters": expected a JSON object/,
  ],
  [
    "/cblue_ner",
    { data: { text: "a" }, parameters: { batch_size: 0 } },
    400,
    /"parameters\.batch_size": expected a/,
  ],
  [
    "/cblue_ner",
    { data: { text: Array(129).fill("a") } },
    413,
    /^Cannot take 129 texts in "data\.text": at most 128/,
  ],
  [
    "/cblue_ner",
    { data: { text: "长".repeat(10_001) } },
    413,
    /^Cannot take "data\.text" 0: it has more than 10000/,
  ],
  ["/cblue_ner", { data: { text: "长".repeat(100_000) } }, 413, /send it in parts$/],
  [
    "/cblue_ner",
    "x".repeat((1 << 20) + 1),
    413,
    /^Cannot take a body of more than 1048576 bytes: send fewer texts$/,
  ],
  ["/v2/models/cmeee/infer", {}, 400, /^Cannot use "inputs": expected a list of tensors, it is missing$/],
  [
    "/v2/models/cmeee/infer",
    infer(1),
    400,
    /^Cannot use "inputs\[0\]": expected a JSON object, found a number$/,
  ],
  ["/v2/models/cmeee/infer", infer(text("a")), 400, /"inputs\[0\]\.data": expected a list, found a string$/],
  ["/v2/models/cmeee/infer", infer(text(["a", "b"])), 400, /it has 2 values, shape \[1\] means 1$/],
  [
    "/v2/models/cmeee/infer",
    infer(text(["a"], { shape: [-1] })),
    400,
    /"inputs\[0\]\.shape": expected one or two/,
  ],
  [
    "/v2/models/cmeee/infer",
    infer(text(["a"], { shape: [1e300] })),
    400,
    /"inputs\[0\]\.shape": expected one or two/,
  ],
  [
    "/v2/models/cmeee/infer",
    infer(text(["a"], { datatype: "FP32" })),
    400,
    /of this datatype: expected BYTES$/,
  ],
  ["/v2/models/cmeee/infer", infer(text([7])), 400, /^Cannot use "text": expected texts, found a number$/],
  ["/v2/models/cmeee/infer", infer(text(["a"]), text(["a"])), 400, /two are called "text"$/],
  [
    "/v2/models/cmeee/infer",
    infer(text(["a"], { name: "ids" })),
    400,
    /^Cannot use input "ids": expected text$/,
  ],
  [
    "/v2/models/chip-sts/infer",
    infer(text(["a"])),
    400,
    /^Cannot go on without input "text_pair": a BYTES tensor/,
  ],
  [
    "/v2/models/cmeee/infer",
    { ...infer(text(["a"])), outputs: [{ name: "logits" }] },
    400,
    /^Cannot give output "logits": there are entities$/,
  ],
  ["/v2/models/cmeee/infer", { ...infer(text(["a"])), id: 1 }, 400, /^Cannot use "id": expected a text/],
  [
    "/models/none",
    { data: { text: "a" } },
    404,
    /^Cannot find the model: there are kuake-qic, chip-sts, cmeee, cme/,
  ],
  ["/v2/models/none/infer", infer(text(["a"])), 404, /^Cannot find the model/],
  ["/models/cblue_ner/x", {}, 404, /^Cannot find the path: \/openapi\.json tells which there are$/],
  ["/%ff/../..//", {}, 404, /^Cannot find the path/],
  ["/v2/health/ready", {}, 405, /^Cannot use this method here: use GET$/],
  ["/v2/models/cmeee", {}, 405, /^Cannot use this method here: use GET$/],
];

/** Sends them all to a server. */
export async function refusals(url: string): Promise<void> {
  for (const [path, sent, status, message] of REFUSALS) {
    const body = typeof sent === "string" || sent instanceof Uint8Array ? sent : JSON.stringify(sent);
    const response = await fetch(`${url}${path}`, { method: "POST", body: body as BodyInit });
    const label = `${path} ${String(body).slice(0, 80)}`, answer = await response.json();
    assert.deepEqual([response.status, Object.keys(answer)], [status, ["error"]], label);
    assert.match(answer.error, message, label);
    assert.equal(response.headers.get("content-type"), "application/json", label);
  }
  for (const [method, path] of [["GET", "/models/cmeee"], ["DELETE", "/v2/models"], ["OPTIONS", "/cmeee"]]) {
    const response = await fetch(`${url}${path}`, { method: method! });
    assert.deepEqual([response.status, response.headers.get("allow")], [
      405,
      path === "/v2/models" ? "GET" : "POST",
    ]);
    await response.body?.cancel();
  }
  const chunked = new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      controller.enqueue(new Uint8Array(1 << 18).fill(0x20));
    },
  });
  const endless = await fetch(`${url}/cblue_ner`, { method: "POST", body: chunked });
  assert.equal(endless.status, 413); // no length was announced
  assert.match((await endless.json()).error, /^Cannot take a body of more than/);
}

/** Odd texts that are answered, with places in range. */
export async function oddTexts(url: string): Promise<void> {
  const odd = [
    "\u0000\u0007\u001b[31m",
    "\ud800",
    "a\udfb7",
    "\u202e咳嗽",
    "👨‍👩‍👧‍👦头痛",
    "İ".repeat(50),
    "长".repeat(9_999),
    "\ufeff咳嗽",
  ];
  for (const model of ["cblue_cls", "cblue_ner", "cblue_spo"]) {
    const response = await fetch(`${url}/models/${model}`, {
      method: "POST",
      body: JSON.stringify({ data: { text: odd } }),
    });
    const { result } = await response.json();
    assert.equal(response.status, 200);
    const places = (result.entity ?? []).flat().flatMap((
      entity: { start_id?: number; end_id?: number },
    ) => [entity.start_id, entity.end_id]);
    assert.ok(model === "cblue_spo" || places.every((place: unknown) => Number.isSafeInteger(place)));
    assert.ok(Object.values(result).every((list) => (list as unknown[]).length === odd.length));
  }
}
