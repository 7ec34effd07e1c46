/** A server with models trained a little: exchanges of PaddleNLP's clients and KServe's, refusals, faults. */
import assert from "node:assert/strict";
import { DEFAULT_LIMITS, Server, Service } from "../../lib/deploy/server/mod.ts";
import { PAGE_FILES } from "../../lib/deploy/server/page.ts";
import { ROUTES } from "../../lib/deploy/server/routes.ts";
import { withEmptyFolder } from "../folders.ts";
import { exported } from "./served.ts";
import { sigterm } from "./server_end.ts";
import { access, crash, queueing, rawConnections, tls } from "./server_faults.ts";
import { oddTexts, refusals } from "./server_refusals.ts";

// deno-lint-ignore no-explicit-any -- whatever a server says
type Json = Record<string, any>;
const whenever = new AbortController().signal;

/** Posts JSON. */
async function post(url: string, body: unknown): Promise<{ status: number; body: Json }> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

const open = (folders: readonly string[], limits = {}) =>
  Service.open(folders.map((folder) => ({ folder })), { workers: 1 }, { ...DEFAULT_LIMITS, ...limits });

Deno.test("a server of four models", async (t) => {
  await withEmptyFolder(async (folder) => {
    const folders = await exported(folder, ["KUAKE-QIC", "CHIP-STS", "CMeEE", "CMeIE"]);
    await using service = await open(folders);
    await using server = Server.open(service, { port: 0 });
    const ask = (path: string, body: unknown) => post(`${server.url}${path}`, body);
    await t.step("SimpleServer's clients: exact responses, right places", () => simpleServer(ask, service));
    await t.step("KServe's: metadata and inference", () => kserve(ask, server.url));
    await t.step("what /openapi.json and /metrics tell", () => selfDescription(server.url));
    await t.step("what is wrong is named, with its status", () => refusals(server.url));
    await t.step("odd texts are texts", () => oddTexts(server.url));
    const [qic] = folders as [string];
    await t.step("a full queue, a sender who leaves, an answer that is late", () => queueing(qic));
    await t.step("slow, half and senseless connections", () => rawConnections(qic));
    await t.step("a worker that dies under load costs nobody an answer", () => crash(qic));
    await t.step("a token, and a log without texts", () => access(qic));
    await t.step("HTTPS", () => tls(qic));
    await t.step("SIGTERM under load: what was taken is answered", () => sigterm(qic));
  });
});

type Ask = (path: string, body: unknown) => Promise<{ status: number; body: Json }>;

async function simpleServer(ask: Ask, service: Service) {
  // client_classification.py, single texts
  const parameters = { max_seq_len: 128, batch_size: 1 };
  const texts = ["心肌缺血如何治疗与调养呢？", "什么叫痔核脱出？什么叫外痔？"];
  const { status, body } = await ask("/models/cblue_cls", {
    data: { text: texts, text_pair: null },
    parameters,
  });
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ["result"]);
  const result = body.result as { label: number[]; confidence: number[] };
  assert.deepEqual(Object.keys(result), ["label", "confidence"]);
  const answers = await service.find("kuake-qic").answer(texts.map((text) => [text]), whenever);
  assert.deepEqual(
    result.label.map((label) => ["治疗方案", "病情诊断"][label]),
    answers.map((answer) => (answer as { label: string }).label),
  );
  assert.ok(result.confidence.every((confidence) => confidence >= 0.5 && confidence <= 1));

  // the same, pairs, with and without the prefix
  const pairs = {
    data: { text: ["糖尿病能吃减肥药吗？"], text_pair: ["糖尿病为什么不能吃减肥药"] },
    parameters,
  };
  for (const path of ["/models/chip-sts", "/chip-sts"]) {
    const { body } = await ask(path, pairs);
    assert.ok([0, 1].includes(body.result.label[0]));
  }

  // client_ner.py: lists of lower-cased characters
  const split = (text: string) => Array.from(text, (character) => character.toLowerCase());
  const ner = {
    data: { text: ["夜间 发热，𠮷考虑哮喘", "夜间咳嗽"].map(split) },
    parameters: { max_seq_len: 128, batch_size: 2, is_split_into_words: true },
  };
  const expected = {
    result: {
      entity: [
        [{ type: "临床表现", start_id: 3, end_id: 5 }, { type: "疾病", start_id: 9, end_id: 11 }],
        [{ type: "临床表现", start_id: 2, end_id: 4 }],
      ],
    },
  };
  assert.deepEqual((await ask("/models/cblue_ner", ner)).body, expected);
  assert.deepEqual((await ask("/cblue_ner", ner)).body, expected);
  const whole = { data: { text: "夜间 发热，𠮷考虑哮喘" } };
  assert.deepEqual((await ask("/cblue_ner", whole)).body, {
    result: { entity: [expected.result.entity[0]] },
  });
  const words = { data: { text: [["夜间", " ", "发热", "，", "𠮷", "考虑", "哮喘"]] } }; // places are elements'
  assert.deepEqual((await ask("/cblue_ner", words)).body, {
    result: {
      entity: [[{ type: "临床表现", start_id: 2, end_id: 3 }, { type: "疾病", start_id: 6, end_id: 7 }]],
    },
  });

  // client_spo.py
  const spo = {
    data: { text: ["肺炎可见咳嗽", "贫血伴乏力、头晕"].map(split) },
    parameters: { max_seq_len: 128, batch_size: 2, return_attention_mask: true, is_split_into_words: true },
  };
  assert.deepEqual((await ask("/models/cblue_spo", spo)).body, {
    result: {
      entity: [["肺炎", "咳嗽"], ["贫血", "乏力", "头晕"]],
      spo: [[["肺炎", "临床表现", "咳嗽"]], [["贫血", "临床表现", "乏力"], ["贫血", "临床表现", "头晕"]]],
    },
  });
}

async function kserve(ask: Ask, url: string) {
  const get = async (path: string) => await (await fetch(`${url}${path}`)).json();
  assert.deepEqual(await get("/v2/health/live"), { live: true });
  assert.deepEqual(await get("/v2/health/ready"), { ready: true });
  assert.deepEqual(await get("/v2/models"), { models: ["kuake-qic", "chip-sts", "cmeee", "cmeie"] });
  assert.deepEqual(await get("/v2/models/cmeee/ready"), { name: "cmeee", ready: true });
  const { parameters, ...metadata } = await get("/v2/models/chip-sts");
  assert.deepEqual(metadata, {
    name: "chip-sts",
    versions: ["1"],
    platform: "onnxruntime_onnx",
    inputs: ["text", "text_pair"].map((name) => ({ name, datatype: "BYTES", shape: [-1] })),
    outputs: [
      { name: "label", datatype: "BYTES", shape: [-1] },
      { name: "confidence", datatype: "FP32", shape: [-1] },
      { name: "probabilities", datatype: "FP32", shape: [-1, 2] },
    ],
  });
  assert.deepEqual([parameters.kind, parameters.labels.length], ["classification", 2]);

  const tensor = (name: string, data: string[]) => ({ name, shape: [data.length], datatype: "BYTES", data });
  const { body } = await ask("/v2/models/cmeee/infer", {
    id: "7",
    inputs: [tensor("text", ["夜间发热，考虑哮喘"])],
  });
  const entity = (type: string, name: string, text: string, start_id: number) => ({
    ...{ type, name, text, start_id, end_id: start_id + 2 },
  });
  const [{ data, ...output }] = body.outputs as [{ data: string[] }];
  assert.deepEqual({ ...body, outputs: [output] }, {
    model_name: "cmeee",
    model_version: "1",
    id: "7",
    outputs: [{ name: "entities", datatype: "BYTES", shape: [1] }],
  });
  assert.deepEqual(JSON.parse(data[0]!), [
    entity("sym", "临床表现", "发热", 2),
    entity("dis", "疾病", "哮喘", 7),
  ]);
  const pair = {
    inputs: [tensor("text_pair", ["哮喘怎么治", "肺炎"]), {
      ...tensor("text", ["肺炎", "肺炎"]),
      shape: [2, 1],
    }],
    outputs: [{ name: "probabilities" }, { name: "label" }],
  };
  const answered = await ask("/v2/models/chip-sts/infer", pair);
  const [probabilities, label] = answered.body.outputs as { shape: number[]; data: never[] }[];
  assert.deepEqual(probabilities!.shape, [2, 2]);
  assert.ok(Math.abs(probabilities!.data[0]! + probabilities!.data[1]! - 1) < 1e-6);
  assert.deepEqual(
    label!.data,
    [0, 2].map((at) => probabilities!.data[at]! > probabilities!.data[at + 1]! ? "0" : "1"),
  );
}

/** Paths that are documented are there, and those that are there are documented. */
async function selfDescription(url: string) {
  const { openapi, paths } = await (await fetch(`${url}/openapi.json`)).json();
  assert.match(openapi, /^3\.1/);
  const documented = Object.entries(paths as Record<string, Json>).flatMap(([path, methods]) =>
    Object.keys(methods).filter((name) => name !== "parameters").map((method) =>
      `${method.toUpperCase()} ${path}`
    )
  );
  const pageFiles = new Set(PAGE_FILES.map(({ path }) => path)).add("/openapi.json");
  const there = ROUTES.filter(({ path }) => !pageFiles.has(path))
    .map(({ method, path }) => `${method} ${path.replace(":model", "{model}")}`);
  assert.deepEqual(documented.sort(), there.sort());
  for (const { path } of ROUTES.filter(({ method }) => method === "GET")) {
    const response = await fetch(url + path.replace(":model", "cmeee"));
    assert.equal(response.status, 200, path);
    await response.body?.cancel();
    const policy = response.headers.get("content-security-policy");
    assert.equal(
      policy?.startsWith("default-src 'none'"),
      path === "/openapi.json" ? undefined : pageFiles.has(path) || undefined,
    );
  }
  const metrics = await (await fetch(`${url}/metrics`)).text(), families = new Map<string, string>();
  for (const line of metrics.trimEnd().split("\n")) {
    const [, family, type] = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (family) families.set(family, type!);
    if (line.startsWith("#")) continue;
    const [, name] = /^(\w+?)(?:\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? [\d.e+-]+$/.exec(line) ?? [];
    assert.ok(
      name && [name, name.replace(/_(bucket|sum|count)$/, "")].some((one) => families.has(one)),
      line,
    );
  }
  const value = (line: string) =>
    Number(metrics.split("\n").find((one) => one.startsWith(`${line} `))?.split(" ").at(-1));
  assert.ok(value('ernie_health_rows_total{model="cmeee"}') > 0);
  assert.equal(value('ernie_health_workers{model="cmeee"}'), 1);
  const route = 'route="/v2/models/:model/infer"';
  assert.equal(
    value(`ernie_health_request_seconds_bucket{${route},le="+Inf"}`),
    value(`ernie_health_request_seconds_count{${route}}`),
  );
}
