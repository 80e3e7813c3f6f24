/**
 * Durations as people write them (`250ms`, `10s`, `1h30m`) and as the code counts them: milliseconds.
 *
 * Units fall from left to right and each stands once, so that a duration has one reading. A bare number
 * is refused: half of the neighbours read it as seconds, the other half as milliseconds.
 */

import { CodedError } from './coded-error.ts'

const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1_000 },
  { name: 'ms', ms: 1 },
] as const

const DURATION = new RegExp(`^${UNITS.map((unit) => `(?:(\\d+)${unit.name})?`).join('')}$`)

/** The longest duration that is read, in milliseconds: 365 days. */
export const MAX_DURATION_MS: number = 365 * UNITS[0].ms

/**
 * Returns the milliseconds of a duration such as `1h30m`; `0` needs no unit.
 *
 * Throws `CodedError` (`invalidRequest`) with a sentence for people; a caller that knows the place says so.
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0
  if (/^\d+(?:\.\d+)?$/.test(text)) {
    throw refused(`"${text}" has no unit; write ${text}s for seconds, ${text}m for minutes`)
  }
  const match = DURATION.exec(text)
  if (match === null || text === '') {
    throw refused(`"${text}" is not a duration; write it like 250ms, 10s, 2m or 1h30m`)
  }
  const durationMs = UNITS.reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * unit.ms, 0)
  if (durationMs > MAX_DURATION_MS) {
    throw refused(`"${text}" is longer than ${formatDuration(MAX_DURATION_MS)}`)
  }
  return durationMs
}

/** Returns the shortest text that `parseDuration` reads as these whole milliseconds; `0s` for none. */
export function formatDuration(durationMs: number): string {
  let rest = Math.round(durationMs)
  let text = ''
  for (const unit of UNITS) {
    const count = Math.floor(rest / unit.ms)
    if (count > 0) text += `${count}${unit.name}`
    rest -= count * unit.ms
  }
  return text === '' ? '0s' : text
}

function refused(message: string): CodedError {
  return new CodedError('invalidRequest', message)
}
