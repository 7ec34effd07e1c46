/**
 * Where models come from and where they stay, as Hugging Face's Python has it: the same environment variables, the same cache.
 *
 * @module
 */
import { homedir } from "node:os";
import { join } from "node:path";

/** Where models come from and where they stay. */
export interface HubSettings {
  /** The hub or a mirror of it; default: the hub that `npm:@huggingface/hub` knows. */
  readonly endpoint: string | undefined;
  /** Who asks; private and gated models need it. */
  readonly token: string | undefined;
  /** Folder of Hugging Face's cache. */
  readonly cache: string;
  /** Folder in which PaddleNLP keeps its models. */
  readonly paddleCache: string;
  /** Whether the network is not to be asked. */
  readonly offline: boolean;
}

/** Reads an environment variable; empty ones count as absent. */
type Environment = (name: string) => string | undefined;

const isTrue = (value: string | undefined) => /^(1|on|yes|true)$/i.test(value ?? "");

/**
 * The settings that the environment tells: `HF_ENDPOINT`, `HF_TOKEN` (else the token that `hf auth login` saved), `HF_HOME`,
 * `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, and PaddleNLP's `PPNLP_HOME`.
 *
 * Source: huggingface_hub's reference of environment variables.
 *
 * @param get Reads a variable; default: the process's own.
 *
 * @example
 * ```ts
 * import { hubSettings } from "./settings.ts";
 * const { cache, offline } = hubSettings((name) => ({ HF_HOME: "/models", HF_HUB_OFFLINE: "1" })[name]);
 * console.log(cache, offline); // /models/hub true
 * ```
 */
export function hubSettings(get: Environment = (name) => Deno.env.get(name)): HubSettings {
  const first = (...names: string[]) => names.map((name) => get(name)).find(Boolean);
  const home = first("HF_HOME") ?? join(first("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  return {
    endpoint: first("HF_ENDPOINT")?.replace(/\/+$/, ""),
    token: first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ??
      savedToken(first("HF_TOKEN_PATH") ?? join(home, "token")),
    cache: first("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? join(home, "hub"),
    paddleCache: join(first("PPNLP_HOME") ?? join(homedir(), ".paddlenlp"), "models"),
    offline: isTrue(first("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
  };
}

/** Nothing, where nobody has logged in. */
function savedToken(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path).trim() || undefined;
  } catch {
    return undefined; // it may not be there, or be somebody else's
  }
}
