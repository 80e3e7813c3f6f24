/** Which cases are played how, against any target. All that can be played at all are, on every way through the proxy. */

import { describe, expect, test } from 'vitest'
import { expectAssertions } from './assertions.ts'
import { type HostileCase, readCases, type Side } from './cases.ts'
import { expectOutcome, type Outcome } from './outcome.ts'
import { OWN_HTTP2_CASES } from './http2/cases.ts'
import { type Play, playClient, playHttp2Client, playHttp2Upstream, playUpstream } from './play.ts'
import type { Facing, Target } from './target.ts'

export const PLAIN: Facing = { protocol: 'http1', isTrusted: false }
export const HTTP2: Facing = { protocol: 'http2', isTrusted: false }
export const TRUSTED: Facing = { protocol: 'http1', isTrusted: true }

interface Suite {
  readonly title: string
  readonly side: Side
  readonly play: Play
  readonly facing: Facing
  /** Left out: all are played. */
  readonly isPlayed?: (one: HostileCase) => boolean
}

const CASES = [...readCases('cases.json'), ...readCases('own-cases.json'), ...OWN_HTTP2_CASES]

/** Cases of the tier `hardening` in which Sluice does something else, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'own-h2-priority-stream-0':
    'nghttp2 reads no PRIORITY frame, since they mean nothing any more (RFC 9113 section 5.3.2); many of them are a flood',
}

const SUITES: readonly Suite[] = [
  {
    title: 'clients over HTTP/1.1',
    side: 'client-h1',
    play: playClient('http1'),
    facing: PLAIN,
  },
  {
    title: 'clients over HTTP/1.1 or 2',
    side: 'client-h1',
    play: playClient('both'),
    facing: PLAIN,
  },
  {
    title: 'clients over HTTP/2 alone',
    side: 'client-h2',
    play: playHttp2Client('http2'),
    facing: PLAIN,
  },
  {
    title: 'clients over HTTP/2 in pieces',
    side: 'client-h2',
    play: playHttp2Client('http2', { isCut: true }),
    facing: PLAIN,
    // What else comes of a case may depend on what came before its last piece.
    isPlayed: (one) => isControl(one) || one.assert?.upstreamRequests === 0,
  },
  {
    title: 'clients over either',
    side: 'client-h2',
    play: playHttp2Client('both'),
    facing: PLAIN,
  },
  {
    title: 'clients over HTTP/2 and TLS',
    side: 'client-h2',
    play: playHttp2Client('tls'),
    facing: PLAIN,
    isPlayed: isControl,
  },
  {
    title: 'clients behind a proxy',
    side: 'client-proxyproto',
    play: playClient('proxied'),
    facing: TRUSTED,
  },
  {
    title: 'clients over HTTP/1.1, upstream over HTTP/2',
    side: 'client-h1',
    play: playClient('http1'),
    facing: HTTP2,
    isPlayed: isWithoutWords,
  },
  {
    title: 'clients and upstream over HTTP/2',
    side: 'client-h2',
    play: playHttp2Client('http2'),
    facing: HTTP2,
    isPlayed: (one) => isWithoutWords(one) && one.repeatUnit === undefined,
  },
  { title: 'upstreams over HTTP/1.1', side: 'upstream-h1', play: playUpstream, facing: PLAIN },
  { title: 'upstreams over HTTP/2', side: 'upstream-h2', play: playHttp2Upstream, facing: HTTP2 },
]

/** Makes a test of each case of each suite; after each the process lives, and serves a plain request. */
export function runSuites(targetFor: (facing: Facing) => Target): void {
  describe.each(SUITES)('$title', ({ side, play, facing, isPlayed = always }) => {
    const cases = CASES.filter((one) => one.side === side && isPlayed(one))
    test.for(cases)('$tier: $name', { timeout: 20_000 }, async (one) => {
      const target = targetFor(facing)
      const outcome = await play(one, { target, facing })
      expect(target.isAlive).toBe(true)
      expect((await target.ping()).bugs).toEqual([])
      expect(outcome.faults).toEqual([])
      if (one.name in DIFFERENCES) {
        expect(one.tier).toBe('hardening')
        expect(() => expectAll(one, outcome)).toThrow(/expected/)
      } else {
        expectAll(one, outcome)
      }
    })
  })
}

function always(): boolean {
  return true
}

function isControl({ tier }: HostileCase): boolean {
  return tier === 'control'
}

/** Whether the case says nothing of the words in which a request goes on, and asks for no tunnel. */
function isWithoutWords({ upstream, category, assert = {} }: HostileCase): boolean {
  if (upstream !== undefined || category === 'upgrade') return false
  return assert.upstreamMustSee === undefined && assert.upstreamHeaderCount === undefined
}

function expectAll(one: HostileCase, outcome: Outcome): void {
  expectOutcome(one, outcome)
  expectAssertions(one, outcome)
}
