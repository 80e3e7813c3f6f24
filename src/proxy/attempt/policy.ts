/**
 * Which setbacks of one try let the request be tried again, compiled for a variant.
 *
 * What fails on the canary is tried on stable, once and at once: another try on the canary would only take longer, and
 * what stable gets to do is no more than without a rollout. What fails elsewhere is tried again on the same upstream,
 * as often as its budget allows.
 */

import { CODE_COUNT, FIRST_CODE } from '../../analyzer/tally.ts'
import type { UpstreamFailure } from '../failure.ts'
import type { Route } from '../snapshot.ts'
import type { AttemptResult } from '../upstream/endpoint.ts'

/** The longest age at which requests settle. A route whose answers may take that long says nothing by being late. */
const LATE_LIMIT_MS = 5_000

export interface Tries {
  /** 1 where an answer of that status is not the last word; the index is the status. */
  readonly setbacks: Uint8Array
  /** How long a try that may be followed by another goes unanswered. `Infinity`: as long as the request may. */
  readonly answerMs: number
  /** What fails here is tried on stable. */
  readonly fallsBack: boolean
}

const NO_SETBACKS = new Uint8Array(FIRST_CODE + CODE_COUNT)

/** Of one variant. `mayFallBack`: it is the canary, and the client has not asked for it. */
export function compileTries(route: Route, mayFallBack: boolean): Tries {
  const { retry, fallback, errors, settlement } = route
  const fallsBack = fallback && mayFallBack
  const perTryMs = retry.perTryMs ?? Infinity
  if (!fallsBack) {
    const setbacks = retry.attempts === 0 ? NO_SETBACKS : flagged(retry.statuses)
    return { setbacks, answerMs: retry.attempts === 0 ? Infinity : perTryMs, fallsBack }
  }
  const ageMs = settlement?.ageMs ?? LATE_LIMIT_MS
  return {
    setbacks: flagged([...retry.statuses, ...errors.statuses]),
    answerMs: Math.min(perTryMs, ageMs < LATE_LIMIT_MS ? ageMs : Infinity),
    fallsBack,
  }
}

function flagged(statuses: readonly number[]): Uint8Array {
  return flagsAt(statuses, FIRST_CODE + CODE_COUNT)
}

/** Returns so many bytes, 1 at those places and 0 elsewhere. */
export function flagsAt(places: readonly number[], length: number): Uint8Array {
  const flags = new Uint8Array(length)
  for (const place of places) flags[place] = 1
  return flags
}

/** No byte of the request was sent. */
const UNSENT: ReadonlySet<UpstreamFailure> = new Set([
  'unavailable',
  'connectionLimit',
  'overflow',
  'dns',
  'refused',
  'connectTimeout',
  'tls',
  'certificate',
])

/** It may have been worked on, and the client has seen nothing of an answer. */
const UNANSWERED: ReadonlySet<UpstreamFailure> = new Set([
  'reset',
  'responseTimeout',
  'incomplete',
  'protocol',
  'headTooLarge',
  'writeStalled',
  'upgrade',
])

/** Whether another try may do better. `isRepeatable`: doing it twice does what doing it once does. */
export function mayTryAgain(failure: UpstreamFailure, isRepeatable: boolean): boolean {
  return UNSENT.has(failure) || (isRepeatable && UNANSWERED.has(failure))
}

/** The same upstream has nothing else to offer just now. */
const HOPELESS: ReadonlySet<UpstreamFailure> = new Set([
  'unavailable',
  'connectionLimit',
  'overflow',
])

/** Whether another try on the same upstream may do better. */
export function isWorthRepeating(failure: UpstreamFailure): boolean {
  return !HOPELESS.has(failure)
}

/** Base and bound of the wait before a try; see `backoffMs`. */
const BASE_MS = 25
const LIMIT_MS = 250

/** Milliseconds to wait before a try on the same upstream: random up to a bound that doubles each time. `tryCount`: tries so far. */
export function backoffMs(tryCount: number, random: () => number): number {
  return random() * Math.min(LIMIT_MS, BASE_MS * 2 ** tryCount)
}

/** Whether an upstream that asks to be left alone for so long is asked again all the same. `value`: of Retry-After, null without. */
export function mayAskSoon(value: string | null): boolean {
  return value === null || /^0+$/.test(value.trim())
}

/** As the endpoint is to blame for it. */
export function blameOf(failure: UpstreamFailure): AttemptResult {
  switch (failure) {
    case 'refused':
    case 'connectTimeout':
    case 'dns':
    case 'tls':
    case 'certificate':
      return 'connectFailure'
    case 'reset':
      return 'reset'
    case 'responseTimeout':
    case 'writeStalled':
      return 'timeout'
    // An answer had begun.
    case 'stalled':
    case 'incomplete':
    case 'protocol':
    case 'headTooLarge':
    case 'upgrade':
      return 'badAnswer'
    case 'unavailable':
    case 'connectionLimit':
    case 'overflow':
    case 'deadline':
    case 'internal':
      return 'cancelled'
  }
}
