/**
 * Messages of the Jupyter protocol, signed.
 *
 * Source: jupyter-client's "Messaging in Jupyter", protocol 5.3.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { Multipart } from "./zmtp.ts";

/** A message from a kernel. */
export interface KernelMessage {
  readonly type: string;
  /** Id of the request that it is about. */
  readonly parent: string;
  readonly content: Readonly<Record<string, unknown>>;
}

const DELIMITER = "<IDS|MSG>";

/** Writes and reads the messages of one session. */
export class MessageCodec {
  readonly #session = crypto.randomUUID();

  /** @param key with which both ends sign */
  constructor(readonly key: string) {}

  /**
   * @param id the request's own
   * @param type such as `execute_request`
   * @returns the parts to send
   */
  encode(id: string, type: string, content: object): Multipart {
    const header = {
      msg_id: id,
      session: this.#session,
      username: "ernie-health",
      date: new Date().toISOString(),
      msg_type: type,
      version: "5.3",
    };
    const text = new TextEncoder();
    const parts = [header, {}, {}, content].map((part) => text.encode(JSON.stringify(part)));
    const signature = createHmac("sha256", this.key);
    for (const part of parts) signature.update(part);
    return [text.encode(DELIMITER), text.encode(signature.digest("hex")), ...parts];
  }

  /** @throws {Error} if it is no Jupyter message */
  decode(parts: Multipart): KernelMessage {
    const text = new TextDecoder();
    const at = parts.findIndex((part) => part.length === DELIMITER.length && text.decode(part) === DELIMITER);
    if (at < 0 || parts.length < at + 6) {
      throw new Error("Cannot read the kernel's message: it is of another protocol");
    }
    const [header, parent, , content] = parts.slice(at + 2, at + 6).map((part) =>
      JSON.parse(text.decode(part))
    );
    return { type: header.msg_type, parent: parent.msg_id ?? "", content };
  }
}
