/** What came of a case, and whether that is what may come of it. */

import { expect } from 'vitest'
import type { Head } from '../proxy/exchange/message.ts'
import type { HostileCase } from './cases.ts'

/** One request as an upstream got it, over either version. */
export interface Recorded {
  readonly target: string
  readonly head: Head
  readonly isWhole: boolean
  readonly bodyText: string
}

export interface Outcome {
  /** Of all final answers in order; over HTTP/2, by stream. */
  readonly statuses: readonly number[]
  /** Everything that the client got, as latin1; over HTTP/2, heads, bodies and trailers as text. */
  readonly clientText: string
  /** Head of the last answer, and its body as far as it came. */
  readonly head: string
  readonly body: string
  /** Whether every answer that began is whole. */
  readonly isComplete: boolean
  /** Whether the proxy ended the client's connection. */
  readonly isClosed: boolean
  /** Over HTTP/2: the names of the errors of RST_STREAM and GOAWAY frames. */
  readonly resets: readonly string[]
  readonly goaways: readonly string[]
  readonly requests: readonly Recorded[]
  /** Everything that the upstream got, as latin1. */
  readonly upstreamText: string
  /** What reached the upstream and is not HTTP by the letter. */
  readonly faults: readonly unknown[]
  readonly mostConcurrent: number
  /** Whether the next request went over the same upstream connection. */
  readonly isReused: boolean
  readonly rssGrowthBytes: number
  readonly eventLoopDelayMs: number
  readonly elapsedMs: number
  /** What the proxy has counted as errors for the variant since the case began; 0 where no case asks. */
  readonly errorCount: number
}

/** Whether the outcome is what a word of `expect` names. */
function isOutcome(word: string, outcome: Outcome, one: HostileCase): boolean {
  const { statuses, requests, isClosed, resets, goaways } = outcome
  if (/^\d+$/.test(word)) return statuses[0] === Number(word)
  const [kind = '', errorName] = word.split(':')
  switch (kind) {
    case 'rst':
      return resets.some((name) => name === (errorName ?? name) && name !== 'NO_ERROR')
    case 'goaway':
      return goaways.some((name) => name === (errorName ?? name) && name !== 'NO_ERROR')
    case 'close':
      return isClosed && (one.repeat !== undefined || statuses.length === 0)
    case 'abort-upstream':
      return requests.every(({ isWhole }) => !isWhole) || one.then === 'rst'
    case 'abort-client':
      return !outcome.isComplete && isClosed
    case 'retry':
      return statuses[0] === 502 || (statuses[0] === 200 && requests.length > 1)
    case 'hold-or-400':
      return isClosed && requests.length <= 1
    case '100-then-forward':
      return statuses[0] === 200 && outcome.clientText.startsWith('HTTP/1.1 100 ')
    case 'final-then-close':
      return statuses[0] === 413 && isClosed
    case 'final-then-close-or-drain':
      return statuses[0] === 413 && (isClosed || requests.every(({ isWhole }) => isWhole))
    case 'relay-426':
      return statuses[0] === 426 && requests.length >= 1
    case 'backpressure':
      return outcome.rssGrowthBytes < 64 * 1024 * 1024
    default:
      expect(word).toMatch(/^(?:forward|drop)/)
      return (
        requests.length > 0 &&
        (/^[23]/.test(String(statuses[0])) || isUnaskedSwitch(statuses[0], one))
      )
  }
}

/** A 101 after the request for it was left out is the upstream's fault. */
function isUnaskedSwitch(status: number | undefined, one: HostileCase): boolean {
  return status === 502 && one.upstream?.startsWith('HTTP/1.1 101 ') === true
}

/** Fails unless the outcome is one of those that the case accepts. */
export function expectOutcome(one: HostileCase, outcome: Outcome): void {
  const words = one.expect.split('|')
  const isAcceptable =
    words.some((word) => isOutcome(word, outcome, one)) ||
    outcome.statuses.some((status) => one.assert?.acceptableStatus?.includes(status) ?? false)
  expect(isAcceptable, `expected ${one.expect}, found ${described(outcome)}`).toBe(true)
  if (isRefusal(one)) {
    const whole = outcome.requests.filter(({ isWhole }) => isWhole)
    expect(whole.map(({ head }) => head.startLine)).toEqual([])
  }
}

/** Nothing that is refused reaches the upstream, at least not whole; what the upstream itself says is no refusal. */
function isRefusal({ side, expect: words, upstream, raw, assert }: HostileCase): boolean {
  if (!side.startsWith('client') || upstream !== undefined) return false
  // Of several requests some may be good.
  if (assert?.upstreamRequestsMax !== undefined) return false
  // The head that is refused is the first, not one that follows a request.
  if (raw.startsWith('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')) return false
  return words.split('|').every((word) => /^(?:[45]\d\d|close|rst.*|goaway.*)$/.test(word))
}

function described(outcome: Outcome): string {
  const { statuses, resets, goaways, isClosed, requests } = outcome
  const parts = [
    statuses.join(', ') || 'no answer',
    ...resets.map((name) => `rst:${name}`),
    ...goaways.map((name) => `goaway:${name}`),
    isClosed ? 'closed' : 'open',
    `${requests.length} upstream`,
  ]
  return parts.slice(0, 12).join(', ')
}
