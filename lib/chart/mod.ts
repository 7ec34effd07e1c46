/** Charts: the card and the axes that every picture shares, bars for a terminal, numbers in print. */
export {
  axes,
  type AxesOptions,
  card,
  colour,
  escapeMarkup,
  type LinearScale,
  linearScale,
  panel,
  round,
  text,
} from "./svg.ts";
export { formatCount, formatShare } from "./format.ts";
export { columns, type TextBar, textBars } from "./terminal.ts";
