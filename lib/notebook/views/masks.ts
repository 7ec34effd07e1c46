/** Sentences of a corpus as pretraining masks them. */
import type { ExampleSentence, MaskedToken } from "../../inspection/mod.ts";
import { type MarkedToken, type TokenKind, tokenLines } from "./tokens.ts";
import type { View } from "./view.ts";

const KINDS: Readonly<Record<string, TokenKind>> = {
  mask: { meaning: "[MASK] in its place", colour: "blue" },
  random: { meaning: "another token in its place", colour: "red" },
  keep: { meaning: "asked for, but left", colour: "green" },
};

/**
 * Shows sentences, two lines each: their words, and what the generator sees of them.
 *
 * @param sentences from `exampleSentences`
 * @returns a view; above each token that is masked stands the one that was there
 */
export function maskedSentences(sentences: readonly ExampleSentence[]): View {
  const lines = sentences.flatMap(({ sentence, half, words }) => {
    const label = half === undefined ? `#${sentence}` : `#${sentence} ${half}`;
    return [
      { label, tokens: words.map((word) => ({ text: spelled(word) })) },
      { label: "seen", tokens: words.flatMap((word) => word.map(seen)) },
    ];
  });
  return tokenLines(lines, KINDS);
}

function spelled(word: readonly MaskedToken[]): string {
  return word.map(({ spelling }, i) => i === 0 ? spelling : spelling.replace(/^##(?=.)/, "")).join("");
}

function seen({ spelling, masking, seen }: MaskedToken): MarkedToken {
  if (masking === "none") return { text: spelling };
  return { text: masking === "mask" ? "▇" : seen, kind: masking, note: spelling };
}
