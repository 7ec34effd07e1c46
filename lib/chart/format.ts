/** Numbers as charts write them. */

/**
 * Writes a whole number.
 *
 * @param value any number
 * @returns with commas: `4,124,480`
 */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/**
 * Writes a share of a whole.
 *
 * @param share from 0 to 1
 * @returns in percent, to two digits: `73 %`, `1.2 %`, `0.034 %`
 */
export function formatShare(share: number): string {
  const value = 100 * share;
  return `${value === 0 || value >= 10 ? value.toFixed(0) : Number(value.toPrecision(2))} %`;
}
