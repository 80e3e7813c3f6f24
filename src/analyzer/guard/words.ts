/** Numbers as the guard's sentences write them: three significant digits and a unit. */

/** A ratio as a percentage: `0.0123 %`, `31.2 %`. */
export function percent(ratio: number): string {
  return `${Number((100 * ratio).toPrecision(3))} %`
}

/** Milliseconds in the largest unit that fits: `850us`, `12.3ms`, `2s`, `7.5m`, `26h`. */
export function duration(ms: number): string {
  if (ms < 1) return `${digits(ms * 1e3)}us`
  if (ms < 1e3) return `${digits(ms)}ms`
  if (ms < 60e3) return `${digits(ms / 1e3)}s`
  return ms < 3_600e3 ? `${digits(ms / 60e3)}m` : `${digits(ms / 3_600e3)}h`
}

/** A decimal logarithm as a power of ten: `10^3.4`. */
export function power(log10: number): string {
  return `10^${Number(log10.toFixed(1))}`
}

/** A whole number with a space before each three digits, from five digits on: `1241`, `12 410`. */
export function thousands(count: number): string {
  const text = String(count)
  return text.length < 5 ? text : text.replaceAll(/\B(?=(\d{3})+$)/gu, ' ')
}

/** A count with its unit: `1 request`, `240 requests`. */
export function plural(count: number, unit: string): string {
  return `${thousands(count)} ${unit}${count === 1 ? '' : 's'}`
}

function digits(value: number): number {
  return Number(value.toPrecision(3))
}
