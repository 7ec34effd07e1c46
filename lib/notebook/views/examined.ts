/** A sentence as generator and discriminator see it. */
import { formatShare } from "../../chart/mod.ts";
import type { ExaminedToken } from "../models/pretraining_model.ts";
import { type MarkedToken, type TokenKind, tokenLines } from "./tokens.ts";
import type { View } from "./view.ts";

const KINDS: Readonly<Record<string, TokenKind>> = {
  asked: { meaning: "asked for", colour: "blue" },
  restored: { meaning: "restored by the generator", colour: "grey" },
  caught: { meaning: "replaced, and found out", colour: "green" },
  missed: { meaning: "replaced, not found out", colour: "red" },
  accused: { meaning: "called replaced, but is not", colour: "yellow" },
};

/**
 * Shows sentences, three lines each: what was there, what the generator put in, with its likeliest tokens above, and the
 * discriminator's verdict.
 *
 * @param sentences from `PretrainingModel.examine`
 * @returns a view
 */
export function examinedSentences(sentences: readonly (readonly ExaminedToken[])[]): View {
  const lines = sentences.flatMap((tokens, i) => [
    {
      label: `${i + 1} text`,
      tokens: tokens.map(({ token, seen }) => marked(token, seen === undefined ? undefined : "asked")),
    },
    { label: "generator", tokens: tokens.map(generated) },
    { label: "discriminator", tokens: tokens.map((token) => marked(token.shown, verdict(token))) },
  ]);
  return tokenLines(lines, KINDS);
}

function generated({ token, shown, proposals }: ExaminedToken): MarkedToken {
  if (proposals === undefined) return { text: shown };
  const note = proposals.map(({ token, probability }) => `${token} ${formatShare(probability)}`).join(" ");
  return { text: shown, kind: shown === token ? "restored" : "missed", note };
}

function verdict({ token, shown, suspicion }: ExaminedToken): string | undefined {
  if (shown !== token) return suspicion > 0.5 ? "caught" : "missed";
  return suspicion > 0.5 ? "accused" : undefined;
}

function marked(text: string, kind: string | undefined): MarkedToken {
  return { text, ...(kind !== undefined && { kind }) };
}
