/** The parameters of a model, part by part. */
import { formatShare } from "../../chart/mod.ts";
import { table } from "./table.ts";
import type { View } from "./view.ts";

/**
 * Adds up parameters by the part of the model that they belong to; all layers of an encoder are one row.
 *
 * @param shapes shape of each parameter by its name, as `parameterShapes` and state dicts have them
 * @param caption line above the table
 * @returns a table of parts, shapes and counts
 *
 * @example
 * ```ts
 * import { parameterTable } from "./parameters.ts";
 * const shapes = new Map([["classifier.weight", [128, 5]], ["classifier.bias", [5]]]);
 * console.log(String(parameterTable(shapes)));
 * ```
 */
export function parameterTable(shapes: ReadonlyMap<string, readonly number[]>, caption?: string): View {
  const parts = new Map<string, { layers: Set<string>; shapes: Set<string>; parameters: number }>();
  let total = 0;
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, length) => product * length, 1);
    const [layer] = /(?<=\.layers\.)\d+/.exec(name) ?? [];
    const part = name.replace(/\.layers\.\d+/, ".layers.*").replace(/\.(weight|bias)$/, "");
    const sum = parts.get(part) ?? { layers: new Set(), shapes: new Set(), parameters: 0 };
    parts.set(part, sum);
    if (layer !== undefined) sum.layers.add(layer);
    sum.shapes.add(shape.join(" × "));
    sum.parameters += size;
    total += size;
  }
  const rows = [...parts].map(([part, { layers, shapes, parameters }]) => ({
    part,
    layers: layers.size || null,
    shapes: [...shapes].join(", "),
    parameters,
    share: formatShare(parameters / total),
  }));
  const sum = { part: "all", parameters: total, share: formatShare(1) };
  return table([...rows, sum], { limit: Infinity, ...(caption !== undefined && { caption }) });
}
