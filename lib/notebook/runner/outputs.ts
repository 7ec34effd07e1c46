/** From a kernel's messages to the outputs of cells. */
import type { KernelMessage } from "./messages.ts";
import { linesOf, type Output, type OutputData, textOf } from "./notebook_file.ts";

/** Collects the outputs of one notebook; a later cell may change what an earlier one showed. */
export class OutputCollector {
  readonly #byId = new Map<string, { outputs: Output[]; output: Output }[]>();
  #clearNext: Output[] | undefined;

  /**
   * Puts a message into the outputs of the cell that runs.
   *
   * @param outputs of the cell, changed in place
   */
  add(outputs: Output[], { type, content }: KernelMessage): void {
    switch (type) {
      case "stream":
        this.#addText(this.#ready(outputs), String(content.name), String(content.text));
        break;
      case "display_data":
        this.#addDisplay(this.#ready(outputs), content);
        break;
      case "update_display_data":
        this.#update(content);
        break;
      case "execute_result":
        this.#ready(outputs).push({
          output_type: "execute_result",
          data: neat(content.data as OutputData),
          metadata: content.metadata as object ?? {},
          execution_count: content.execution_count as number,
        });
        break;
      case "error":
        this.#ready(outputs).push({
          output_type: "error",
          ename: String(content.ename),
          evalue: String(content.evalue),
          traceback: content.traceback as string[] ?? [],
        });
        break;
      case "clear_output":
        if (content.wait) this.#clearNext = outputs;
        else outputs.length = 0;
    }
  }

  /** The outputs, cleared if that was to wait for the next one. */
  #ready(outputs: Output[]): Output[] {
    if (this.#clearNext === outputs) outputs.length = 0;
    this.#clearNext = undefined;
    return outputs;
  }

  #addText(outputs: Output[], name: string, text: string) {
    const last = outputs.at(-1);
    const goesOn = last?.output_type === "stream" && last.name === name;
    if (goesOn) outputs.pop();
    const whole = goesOn ? textOf(last.text) + text : text;
    outputs.push({ output_type: "stream", name, text: linesOf(whole) });
  }

  #addDisplay(outputs: Output[], { data, metadata, transient }: KernelMessage["content"]) {
    const output: Output = {
      output_type: "display_data",
      data: neat(data as OutputData),
      metadata: metadata as object ?? {},
    };
    outputs.push(output);
    const id = (transient as { display_id?: string } | undefined)?.display_id;
    if (id !== undefined) this.#byId.set(id, [...this.#byId.get(id) ?? [], { outputs, output }]);
  }

  #update({ data, metadata, transient }: KernelMessage["content"]) {
    const id = (transient as { display_id?: string } | undefined)?.display_id ?? "";
    for (const place of this.#byId.get(id) ?? []) {
      const output: Output = {
        output_type: "display_data",
        data: neat(data as OutputData),
        metadata: metadata as object ?? {},
      };
      const at = place.outputs.indexOf(place.output);
      if (at >= 0) place.outputs[at] = place.output = output;
    }
  }
}

/** Text of many lines as lines, in a fixed order of media types. */
function neat(data: OutputData): OutputData {
  const isText = (type: string) => type.startsWith("text/") || type === "image/svg+xml";
  return Object.fromEntries(
    Object.entries(data).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([type, value]) => [type, isText(type) && typeof value === "string" ? linesOf(value) : value]),
  );
}
