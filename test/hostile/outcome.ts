/** What came of a case, and whether that is what may come of it. */

import { expect } from 'vitest'
import { valuesOf } from '../proxy/exchange/message.ts'
import type { Received } from '../proxy/exchange/upstream.ts'
import type { HostileCase } from './cases.ts'

export interface Outcome {
  /** Of all answers in order, without interim ones. */
  readonly statuses: readonly number[]
  /** Everything that the client got, as latin1. */
  readonly clientText: string
  /** Head of the last answer, and its body as far as it came. */
  readonly head: string
  readonly body: string
  /** Whether every answer that began is whole. */
  readonly isComplete: boolean
  /** Whether the proxy ended the client's connection. */
  readonly isClosed: boolean
  readonly requests: readonly Received[]
  /** Everything that the upstream got, as latin1. */
  readonly upstreamText: string
  readonly mostConcurrent: number
  /** Whether the next request went over the same upstream connection. */
  readonly isReused: boolean
  readonly rssGrowthBytes: number
}

/** Outcomes by the words of `expect`; a number is a status, and what begins with `forward` is answered as the upstream said. */
function isOutcome(word: string, outcome: Outcome, one: HostileCase): boolean {
  const { statuses, requests, isClosed } = outcome
  if (/^\d+$/.test(word)) return statuses[0] === Number(word)
  switch (word) {
    case 'close':
      return isClosed && statuses.length === 0
    case 'abort-upstream':
      return requests.every(({ isWhole }) => !isWhole) || one.then === 'rst'
    case 'abort-client':
      return !outcome.isComplete && isClosed
    case 'retry':
      return statuses[0] === 502
    case 'hold-or-400':
      return isClosed && requests.length <= 1
    case '100-then-forward':
      return statuses[0] === 200 && outcome.clientText.startsWith('HTTP/1.1 100 ')
    case 'final-then-close':
      return statuses[0] === 413 && isClosed
    case 'final-then-close-or-drain':
      return statuses[0] === 413 && (isClosed || requests.every(({ isWhole }) => isWhole))
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
  const found = `${outcome.statuses.join(', ') || 'no answer'}${outcome.isClosed ? ', closed' : ''}`
  const isAcceptable =
    words.some((word) => isOutcome(word, outcome, one)) ||
    outcome.statuses.some((status) => one.assert?.acceptableStatus?.includes(status) ?? false)
  expect(isAcceptable, `expected ${one.expect}, found ${found}`).toBe(true)
}

/** Fails unless all assertions hold. */
export function expectAssertions(one: HostileCase, outcome: Outcome): void {
  const { assert } = one
  if (assert === undefined) return
  expectStatuses(assert, outcome)
  expectClient(assert, outcome)
  expectUpstream(assert, outcome)
  const { maxRssGrowthMB } = assert
  if (maxRssGrowthMB !== undefined) {
    expect(outcome.rssGrowthBytes).toBeLessThan(maxRssGrowthMB * 1024 * 1024)
  }
}

type Assert = NonNullable<HostileCase['assert']>

function expectStatuses(assert: Assert, outcome: Outcome): void {
  const { statuses } = outcome
  const accepted = assert.acceptableStatus ?? assert.status
  // A connection that is closed without a word is as good as a refusal.
  if (accepted !== undefined && statuses.length + Number(!outcome.isClosed) > 0) {
    expect(accepted).toContain(statuses[0])
  }
  if (assert.finalStatus !== undefined) expect(assert.finalStatus).toContain(statuses.at(-1))
  if (assert.statusCount !== undefined) expect(statuses).toHaveLength(assert.statusCount)
}

function expectClient(assert: Assert, outcome: Outcome): void {
  const { clientText, head, body } = outcome
  if (assert.close === true) expect(outcome.isClosed, 'the connection is closed').toBe(true)
  if (assert.clientComplete === false) expect(outcome.isComplete).toBe(false)
  if (assert.finalBody !== undefined) expect(body).toBe(assert.finalBody)
  for (const text of assert.clientMustNotInclude ?? []) expect(clientText).not.toContain(text)
  for (const text of assert.responseMustNotInclude ?? []) expect(clientText).not.toContain(text)
  for (const text of assert.clientHeadMustNotInclude ?? []) expect(head).not.toContain(text)
  if (assert.clientNoBareLF === true) expect(head).not.toMatch(/(?<!\r)\n/)
  for (const [name, count] of Object.entries(assert.clientHeaderCount ?? {})) {
    expect(head.match(new RegExp(`^${name}:`, 'gim')) ?? []).toHaveLength(count)
  }
}

function expectUpstream(assert: Assert, outcome: Outcome): void {
  const { requests, upstreamText } = outcome
  const lines = requests.map(({ head }) => head.startLine)
  if (assert.upstreamRequests !== undefined) {
    expect([assert.upstreamRequests].flat()).toContain(requests.length)
  }
  for (const text of assert.upstreamRequestLinesMustNotInclude ?? []) {
    expect(lines.filter((line) => line.includes(text))).toEqual([])
  }
  for (const text of assert.upstreamMustSee ?? []) expect(upstreamText).toContain(text)
  for (const text of assert.upstreamMustNotSee ?? []) expect(upstreamText).not.toContain(text)
  for (const { head, isWhole } of requests) {
    if (assert.upstreamComplete === false) expect(isWhole).toBe(false)
    if (assert.upstreamNoBareLF === true) expect(head.text).not.toMatch(/(?<!\r)\n/)
    if (assert.upstreamNoBareCR === true) expect(head.text).not.toMatch(/\r(?!\n)/)
    for (const [name, count] of Object.entries(assert.upstreamHeaderCount ?? {})) {
      expect(valuesOf(head, name)).toHaveLength(count)
    }
    for (const [name, value] of Object.entries(assert.upstreamHeaderValueNot ?? {})) {
      expect(valuesOf(head, name)).not.toContain(value)
    }
  }
  expectReuse(assert, outcome)
}

function expectReuse(assert: Assert, outcome: Outcome): void {
  const { requests, mostConcurrent } = outcome
  if (assert.upstreamConnReused === false) expect(outcome.isReused).toBe(false)
  const { maxConcurrentUpstreamPerClientConn, ifUpstreamSeesLine } = assert
  if (maxConcurrentUpstreamPerClientConn !== undefined) {
    expect(mostConcurrent).toBeLessThanOrEqual(maxConcurrentUpstreamPerClientConn)
  }
  if (ifUpstreamSeesLine === undefined) return
  for (const { head } of requests) {
    if (!head.startLine.includes(ifUpstreamSeesLine.line)) continue
    const names = head.fields.map(([name]) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        expect.toSatisfy((name: string) => ifUpstreamSeesLine.mustCarryProxyHeader.includes(name)),
      ]),
    )
  }
}
