/** Charts: the card and the axes that every picture shares, and bars for a terminal. */
export {
  axes,
  type AxesOptions,
  card,
  colour,
  type LinearScale,
  linearScale,
  panel,
  round,
  text,
} from "./svg.ts";
export { columns, type TextBar, textBars } from "./terminal.ts";
