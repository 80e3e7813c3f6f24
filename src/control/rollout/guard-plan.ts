/**
 * The guard as people write it, checked and with its defaults filled in.
 */

import type { GuardActions } from '../../analyzer/guard/config.ts'
import { CriteriaError, parseCriteria } from '../../analyzer/criteria.ts'
import { CodedError } from '../coded-error.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import type { Fault } from './plan.ts'
import type { GuardPlan } from './state.ts'

export interface GuardInput {
  /** Whether the canary is compared with stable; default true. */
  readonly coin?: boolean | undefined
  /** What is done about checks of the comparison that fail; default: abort. */
  readonly actions?: GuardActions | undefined
  /** Such as `error_rate<1%,latency_p95<2s`. */
  readonly successCriteria?: string | undefined
  readonly window?: string | undefined
  readonly interval?: string | undefined
  readonly consecutiveFailureLimit?: number | undefined
  readonly failureLimit?: number | null | undefined
}

/** What a rollout is judged by when it does not say. */
export const DEFAULT_GUARD: GuardPlan = {
  coin: true,
  successCriteria: '',
  windowMs: 60_000,
  intervalMs: 1_000,
  consecutiveFailureLimit: 1,
  failureLimit: null,
}

/** Milliseconds. Shorter windows hold too little to judge; longer ones answer for what is long over. */
export const WINDOW_MS = { min: 1_000, max: 3_600_000 } as const

/** Milliseconds. The shortest is one tick of the engine. */
export const INTERVAL_MS = { min: 100, max: 3_600_000 } as const

/** The largest failure limit; who wants none leaves `failureLimit` out. */
export const FAILURE_LIMIT = 100_000

/** Characters; the journal holds them with every entry. */
export const CRITERIA_CHARS = 1_024

/** Reads a guard; what is wrong goes to `faults`, and the default stands in for it. */
export function readGuard(input: GuardInput, faults: Fault[]): GuardPlan {
  const guard: GuardPlan = {
    coin: input.coin ?? DEFAULT_GUARD.coin,
    successCriteria: readCriteria(input.successCriteria, faults),
    windowMs: readMs('window', input.window, faults),
    intervalMs: readMs('interval', input.interval, faults),
    consecutiveFailureLimit: readLimit(
      'consecutiveFailureLimit',
      input.consecutiveFailureLimit ?? DEFAULT_GUARD.consecutiveFailureLimit,
      faults,
    ),
    ...readActions(input, faults),
    failureLimit:
      input.failureLimit === undefined || input.failureLimit === null
        ? DEFAULT_GUARD.failureLimit
        : readLimit('failureLimit', input.failureLimit, faults),
  }
  if (guard.intervalMs > guard.windowMs) {
    const interval = formatDuration(guard.intervalMs)
    const window = formatDuration(guard.windowMs)
    const detail = `the interval of ${interval} is longer than the window of ${window}, so some traffic would never be judged; use an interval of at most ${window}`
    faults.push({ pointer: '/guard/interval', detail })
  }
  return guard
}

function readActions({ coin, actions }: GuardInput, faults: Fault[]): Pick<GuardPlan, 'actions'> {
  if (actions === undefined) return {}
  if (coin === false) {
    const detail = 'actions are those of the comparison with stable, which coin: false turns off'
    faults.push({ pointer: '/guard/actions', detail })
  }
  return { actions }
}

function readCriteria(text: string | undefined, faults: Fault[]): string {
  if (text === undefined) return DEFAULT_GUARD.successCriteria
  const pointer = '/guard/successCriteria'
  if (text.length > CRITERIA_CHARS) {
    const detail = `the criteria have ${text.length} characters, at most ${CRITERIA_CHARS} are read`
    faults.push({ pointer, detail })
    return DEFAULT_GUARD.successCriteria
  }
  try {
    parseCriteria(text)
  } catch (error) {
    if (!(error instanceof CriteriaError)) throw error
    faults.push({ pointer, detail: error.message })
  }
  return text.trim()
}

function readMs(key: 'window' | 'interval', text: string | undefined, faults: Fault[]): number {
  const range = key === 'window' ? WINDOW_MS : INTERVAL_MS
  const defaultMs = key === 'window' ? DEFAULT_GUARD.windowMs : DEFAULT_GUARD.intervalMs
  if (text === undefined) return defaultMs
  const pointer = `/guard/${key}`
  try {
    const durationMs = parseDuration(text)
    if (durationMs >= range.min && durationMs <= range.max) return durationMs
    const bounds = `${formatDuration(range.min)} to ${formatDuration(range.max)}`
    faults.push({ pointer, detail: `the ${key} is ${text}; it must be ${bounds}` })
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    faults.push({ pointer, detail: error.message })
  }
  return defaultMs
}

function readLimit(
  key: 'consecutiveFailureLimit' | 'failureLimit',
  limit: number,
  faults: Fault[],
): number {
  if (Number.isInteger(limit) && limit >= 0 && limit <= FAILURE_LIMIT) return limit
  const detail = `${key} is ${limit}; it must be a whole number from 0 to ${FAILURE_LIMIT}`
  faults.push({ pointer: `/guard/${key}`, detail })
  return 0
}
