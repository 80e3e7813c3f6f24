/**
 * Numbers and times as people read them on a terminal. What is not known is a dash, never a zero.
 */

import { formatDuration } from '../duration.ts'

const UNKNOWN = '-'

/** `5 %`, `12.5 %`. */
export function percent(weight: number): string {
  return `${Number(weight.toFixed(2))} %`
}

/** `0.0 %`, `28.6 %`; a ratio from 0 to 1. */
export function ratio(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : `${(value * 100).toFixed(1)} %`
}

/** `0.42ms`, `2.1ms`, `310ms`, `1.20s`. */
export function latency(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return UNKNOWN
  const ms = seconds * 1_000
  if (ms >= 1_000) return `${seconds.toFixed(2)}s`
  return `${ms.toFixed(ms < 1 ? 2 : ms < 100 ? 1 : 0)}ms`
}

/** `3,142`. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `40s`, `2m5s`, `1h30m`: whole seconds. */
export function span(ms: number): string {
  return formatDuration(Math.max(0, Math.round(ms / 1_000)) * 1_000)
}

/** Time of day, local, `14:03:09`. */
export function clock(at: string | number): string {
  return new Date(at).toLocaleTimeString('en-GB', { hour12: false })
}
