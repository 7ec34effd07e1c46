/** `deno task model info PATH`: what a file of weights is. */
import { type OptionTable, UserError } from "../lib/config/mod.ts";
import { describeModel, type ModelDescription } from "../lib/weights/mod.ts";
import { runTask } from "./flags.ts";

export const MODEL_OPTIONS = {
  command: {
    type: "paths",
    required: true,
    help: "info, then a folder or file: safetensors, .bin, .pt, .pdparams or .npz",
  },
  tensors: { type: "boolean", default: false, help: "Name, type and shape of every tensor too" },
  json: { type: "boolean", default: false, help: "All of it as JSON" },
} as const satisfies OptionTable;

await runTask(import.meta, {
  name: "model",
  summary: "Tell what a model is: parameters, data types, parts, what it can be used for.",
  table: MODEL_OPTIONS,
  positional: "command",
  examples: ["deno task model info ernie-health-chinese.pdparams", "deno task model info my-model --json"],
  async main({ command: [verb, model, ...rest], tensors, json }) {
    if (verb !== "info" || model === undefined || rest.length > 0) {
      throw new UserError("Cannot tell what to do; the command is `deno task model info PATH`");
    }
    const description = await describeModel(model);
    if (json) console.log(JSON.stringify(description, null, 2));
    else for (const line of linesOf(description, tensors)) console.log(line);
  },
});

function linesOf(model: ModelDescription, withTensors: boolean): string[] {
  const n = (value: number) => value.toLocaleString("en-US");
  const dtypes = Object.entries(model.dtypes).map(([dtype, count]) => `${dtype} (${count} tensors)`);
  const rows = model.parts.map(({ part, what, parameters }) => [part, what, n(parameters)]);
  return [
    `File        ${model.file}`,
    `Format      ${model.format}, names of ${model.names === "paddle" ? "PaddleNLP" : "transformers"}`,
    `Parameters  ${n(model.parameters)}, ${(model.bytes / 1e6).toFixed(1)} MB`,
    `Data types  ${dtypes.join(", ")}`,
    "",
    ...columns([["Part", "What", "Parameters"], ...rows]),
    "",
    "It can be used to",
    ...model.uses.map((use) => `  ${use}`),
    ...(model.unknown.length > 0 ? ["", `Unknown names: ${model.unknown.join(", ")}`] : []),
    ...(withTensors
      ? [
        "",
        ...columns(model.tensors.map(({ name, dtype, shape }) => [name, dtype, `[${shape.join(", ")}]`])),
      ]
      : []),
  ];
}

/** Rows as aligned columns, the last to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i === row.length - 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join(
      "  ",
    )
  );
}
