/**
 * The server's routes as OpenAPI 3.1.
 *
 * @module
 */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const whole: Schema = { type: "integer" };
const listOf = (items: Schema): Schema => ({ type: "array", items });
const objectOf = (properties: Schema, required: readonly string[] = Object.keys(properties)): Schema => ({
  type: "object",
  properties,
  required,
});
const json = (schema: Schema) => ({ "application/json": { schema } });
const pieces: Schema = { oneOf: [text, listOf(text)], description: "A text, or the list of its characters" };
const texts: Schema = { oneOf: [text, listOf(pieces)] };

const SIMPLE_REQUEST: Schema = {
  ...objectOf({
    data: objectOf({ text: texts, text_pair: { oneOf: [texts, { type: "null" }] } }, ["text"]),
    parameters: objectOf({ max_seq_len: whole, batch_size: whole }, []),
  }, ["data"]),
  additionalProperties: false,
};
const SIMPLE_RESPONSE = objectOf({
  result: {
    oneOf: [
      objectOf({ label: listOf(whole), confidence: listOf({ type: "number" }) }),
      objectOf({ entity: listOf(listOf(objectOf({ type: text, start_id: whole, end_id: whole }))) }),
      objectOf({ entity: listOf(listOf(text)), spo: listOf(listOf(listOf(text))) }),
      objectOf({ terms: listOf(listOf(text)) }),
    ],
  },
});
const TENSOR = objectOf({
  name: text,
  shape: listOf(whole),
  datatype: { enum: ["BYTES", "FP32"] },
  data: { type: "array" },
});
const INFER_REQUEST = objectOf({
  id: text,
  inputs: listOf(TENSOR),
  outputs: listOf(objectOf({ name: text })),
}, ["inputs"]);
const INFER_RESPONSE = objectOf(
  { model_name: text, model_version: text, id: text, outputs: listOf(TENSOR) },
  ["model_name", "model_version", "outputs"],
);

const REFUSALS: Readonly<Record<string, string>> = {
  400: "The request is not as it should be; the message names the field",
  401: "The token is missing or wrong",
  404: "There is no such model",
  408: "The body came too slowly",
  413: "The body, a text or the number of texts is too large",
  429: "Too much waits already; retry-after tells when to try again",
  500: "The server failed",
  504: "It took too long",
};
const ERROR = { schema: objectOf({ error: text }) };

/** What `GET /openapi.json` says. */
export function openApi() {
  const model = { name: "model", in: "path", required: true, schema: text };
  const get = (summary: string, schema: Schema, more: Schema = {}) => ({
    get: { summary, responses: { 200: { description: summary, content: json(schema) } }, ...more },
  });
  const post = (summary: string, request: Schema, response: Schema) => ({
    parameters: [model],
    post: {
      summary,
      requestBody: { required: true, content: json(request) },
      responses: {
        200: { description: "The answers, in the order of the texts", content: json(response) },
        ...Object.fromEntries(
          Object.entries(REFUSALS).map(([status, description]) => [
            status,
            { description, content: { "application/json": ERROR } },
          ]),
        ),
      },
    },
  });
  const simple = post("Answer texts, as PaddleNLP's SimpleServer", SIMPLE_REQUEST, SIMPLE_RESPONSE);
  const ofModel = { parameters: [model] };
  return {
    openapi: "3.1.0",
    info: { title: "ERNIE-Health", version: "1", license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    security: [{}, { token: [] }],
    paths: {
      "/models/{model}": simple,
      "/{model}": simple,
      "/v2/models/{model}/infer": post(
        "Answer texts, as KServe's protocol V2",
        INFER_REQUEST,
        INFER_RESPONSE,
      ),
      "/v2/models/{model}/ready": {
        ...ofModel,
        ...get("Whether a model answers", objectOf({ ready: { type: "boolean" } })),
      },
      "/v2/models/{model}": {
        ...ofModel,
        ...get("A model's inputs, outputs and labels", { type: "object" }),
      },
      "/v2/models": get("The models' names", objectOf({ models: listOf(text) })),
      "/v2/health/live": get("Whether the server runs", objectOf({ live: { type: "boolean" } })),
      "/v2/health/ready": get("Whether requests are answered", objectOf({ ready: { type: "boolean" } })),
      "/v2": get("The server's name and version", { type: "object" }),
      "/metrics": {
        get: {
          summary: "Numbers for Prometheus",
          responses: { 200: { description: "Text format", content: { "text/plain": { schema: text } } } },
        },
      },
    },
  };
}
