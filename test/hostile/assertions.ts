/**
 * What a case may assert, and how each is looked at: one table, so that what nobody knows how to check fails.
 */

import { expect } from 'vitest'
import { valuesOf } from '../proxy/exchange/message.ts'
import type { HostileCase } from './cases.ts'
import type { Outcome } from './outcome.ts'

type Numbers = readonly number[]
type Texts = readonly string[]

export interface Assertions {
  /** The first answer, at best. */
  readonly status?: Numbers
  /** The first answer, acceptably; counts instead of `status`. */
  readonly acceptableStatus?: Numbers
  readonly finalStatus?: Numbers
  readonly finalBody?: string
  readonly statusCount?: number
  readonly close?: boolean
  readonly clientComplete?: boolean
  readonly clientMustInclude?: Texts
  readonly clientMustNotInclude?: Texts
  readonly clientHeadMustNotInclude?: Texts
  readonly clientHeaderCount?: Readonly<Record<string, number>>
  readonly clientNoBareLF?: boolean
  readonly responseMustNotInclude?: Texts
  readonly upstreamRequests?: number | Numbers
  readonly upstreamRequestsMax?: number
  readonly upstreamRequestLinesMustNotInclude?: Texts
  readonly upstreamMustSee?: Texts
  readonly upstreamMustNotSee?: Texts
  readonly upstreamHeaderCount?: Readonly<Record<string, number>>
  readonly upstreamHeaderValueNot?: Readonly<Record<string, string>>
  readonly upstreamBody?: string
  readonly upstreamComplete?: boolean
  readonly upstreamNoBareLF?: boolean
  readonly upstreamNoBareCR?: boolean
  readonly upstreamConnReused?: boolean
  readonly upstreamHostIs?: string
  readonly maxConcurrentUpstreamPerClientConn?: number
  readonly ifUpstreamSeesLine?: { readonly line: string; readonly mustCarryProxyHeader: Texts }
  readonly routePathEqualsForwardedPath?: boolean
  /** Whether the variant's error count went up. */
  readonly countsAsError?: boolean
  readonly maxRssGrowthMB?: number
  readonly maxEventLoopDelayMs?: number
  readonly processSurvives?: boolean
  readonly within?: string
  readonly closedWithin?: string
  readonly repeat?: number
  readonly note?: string
}

type Check<K extends keyof Assertions> = (
  wanted: Required<Assertions>[K],
  outcome: Outcome,
  one: HostileCase,
) => void

const MIB = 1024 * 1024
/** Longer than any case of `within` takes unless something has no end; the proxy's own timeouts are longer. */
const WITHIN_MS = 5_000

/** Looked at by the play of the case, or after every case. */
const seenTo = (): void => {}

const CHECKS: { readonly [K in keyof Required<Assertions>]: Check<K> } = {
  status: (wanted, outcome, one) => {
    if (one.assert?.acceptableStatus === undefined) expectFirst(wanted, outcome)
  },
  acceptableStatus: expectFirst,
  finalStatus: (wanted, { statuses }) => expect(wanted).toContain(statuses.at(-1)),
  finalBody: (wanted, { body }) => expect(body).toBe(wanted),
  statusCount: (wanted, { statuses }) => expect(statuses).toHaveLength(wanted),
  close: (wanted, { isClosed }) => expect(isClosed, 'the connection is closed').toBe(wanted),
  // An answer of the proxy's own is whole, and is not the one that broke off.
  clientComplete: (wanted, { isComplete, statuses }, one) => {
    if (!wanted && statuses[0] === 502 && one.expect.includes('502')) return
    expect(isComplete, 'whole').toBe(wanted)
  },
  clientMustInclude: (wanted, { clientText }) => {
    for (const text of wanted) expect(clientText).toContain(text)
  },
  clientMustNotInclude: (wanted, { clientText }) => expectWithout(clientText, wanted),
  responseMustNotInclude: (wanted, { clientText }) => expectWithout(clientText, wanted),
  clientHeadMustNotInclude: (wanted, { head }) => expectWithout(head, wanted),
  clientNoBareLF: (_, { head }) => expect(head).not.toMatch(/(?<!\r)\n/),
  clientHeaderCount: (wanted, { head }) => {
    for (const [name, count] of Object.entries(wanted)) {
      expect(head.match(new RegExp(`^${name}:`, 'gim')) ?? []).toHaveLength(count)
    }
  },
  upstreamRequests: (wanted, { requests }) => expect([wanted].flat()).toContain(requests.length),
  upstreamRequestsMax: (wanted, { requests }) => {
    expect(requests.length).toBeLessThanOrEqual(wanted)
  },
  upstreamRequestLinesMustNotInclude: (wanted, { requests }) => {
    expectWithout(requests.map(({ head }) => head.startLine).join('\n'), wanted)
  },
  upstreamMustSee: (wanted, { upstreamText }) => {
    for (const text of wanted) expect(upstreamText).toContain(text)
  },
  upstreamMustNotSee: (wanted, { upstreamText }) => expectWithout(upstreamText, wanted),
  upstreamHeaderCount: (wanted, { requests }) => {
    for (const { head } of requests) {
      for (const [name, count] of Object.entries(wanted)) {
        expect(valuesOf(head, name), `lines of ${name}`).toHaveLength(count)
      }
    }
  },
  upstreamHeaderValueNot: (wanted, { requests }) => {
    for (const { head } of requests) {
      for (const [name, value] of Object.entries(wanted)) {
        expect(valuesOf(head, name)).not.toContain(value)
      }
    }
  },
  upstreamBody: (wanted, { requests }) => expect(requests[0]?.bodyText).toBe(wanted),
  upstreamComplete: (wanted, { requests }) => {
    for (const request of requests) expect(request.isWhole, 'whole upstream').toBe(wanted)
  },
  upstreamNoBareLF: (_, { requests }) => {
    for (const { head } of requests) expect(head.text).not.toMatch(/(?<!\r)\n/)
  },
  upstreamNoBareCR: (_, { requests }) => {
    for (const { head } of requests) expect(head.text).not.toMatch(/\r(?!\n)/)
  },
  upstreamConnReused: (wanted, { isReused }) => expect(isReused, 'used again').toBe(wanted),
  // The one upstream that is configured got it, or nobody did.
  upstreamHostIs: (wanted, { requests, statuses, resets, goaways }) => {
    expect(wanted).toBe('configured')
    const isRefused = resets.length + goaways.length > 0 || statuses[0]?.toString().startsWith('4')
    expect(requests.length === 1 || isRefused).toBe(true)
  },
  maxConcurrentUpstreamPerClientConn: (wanted, { mostConcurrent }) => {
    expect(mostConcurrent).toBeLessThanOrEqual(wanted)
  },
  ifUpstreamSeesLine: ({ line, mustCarryProxyHeader }, { requests }) => {
    for (const { head } of requests) {
      if (!head.startLine.includes(line)) continue
      const names = new Set(head.fields.map(([name]) => name))
      expect(mustCarryProxyHeader.filter((name) => names.has(name))).not.toEqual([])
    }
  },
  // There is one route for all, so what is forwarded as it came was matched as it is forwarded.
  routePathEqualsForwardedPath: (_, { requests }, one) => {
    for (const { target } of requests) expect(target).toBe(one.raw.split(' ')[1])
  },
  countsAsError: (wanted, { errorCount }) => expect(errorCount > 0).toBe(wanted),
  maxRssGrowthMB: (wanted, { rssGrowthBytes }) => {
    expect(rssGrowthBytes).toBeLessThanOrEqual(wanted * MIB)
  },
  maxEventLoopDelayMs: (wanted, { eventLoopDelayMs }) => {
    expect(eventLoopDelayMs).toBeLessThanOrEqual(wanted)
  },
  processSurvives: seenTo,
  within: (_, { elapsedMs }) => expect(elapsedMs).toBeLessThan(WITHIN_MS),
  closedWithin: seenTo,
  repeat: seenTo,
  note: seenTo,
}

/** Fails unless all assertions hold, or where one is not known. */
export function expectAssertions(one: HostileCase, outcome: Outcome): void {
  for (const [key, wanted] of Object.entries(one.assert ?? {})) {
    const check: Check<never> | undefined = Object.hasOwn(CHECKS, key)
      ? CHECKS[key as keyof Assertions]
      : undefined
    if (check === undefined) throw new Error(`Nobody knows how to check "${key}"`)
    check(wanted as never, outcome, one)
  }
}

/** A connection that is closed without a word, and a stream that is reset, is as good as a refusal. */
function expectFirst(wanted: Numbers, { statuses, isClosed, resets, goaways }: Outcome): void {
  if (statuses.length === 0 && (isClosed || resets.length + goaways.length > 0)) return
  expect(wanted).toContain(statuses[0])
}

function expectWithout(text: string, wanted: Texts): void {
  for (const one of wanted) expect(text).not.toContain(one)
}
