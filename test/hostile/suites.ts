/** Which cases are played how, against any target. */

import { describe, expect, test } from 'vitest'
import { expectAssertions } from './assertions.ts'
import { type HostileCase, readCases, type Side } from './cases.ts'
import { expectOutcome, type Outcome } from './outcome.ts'
import { OWN_HTTP2_CASES } from './http2/cases.ts'
import type { Play } from './play.ts'
import type { Target } from './target.ts'

export interface Suite {
  readonly title: string
  readonly side: Side
  readonly play: Play
  /** Left out: all are played. */
  readonly isPlayed?: (one: HostileCase) => boolean
}

const CASES = [...readCases('cases.json'), ...readCases('own-cases.json'), ...OWN_HTTP2_CASES]

/** Cases of the tier `hardening` in which Sluice does something else, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'own-h2-priority-stream-0':
    'nghttp2 reads no PRIORITY frame, since they mean nothing any more (RFC 9113 section 5.3.2); many of them are a flood',
}

/** Makes a test of each case of the suites; after each the process lives, and serves a plain request. */
export function runSuites(suites: readonly Suite[], target: () => Target): void {
  describe.each(suites)('$title', ({ side, play, isPlayed = always }) => {
    const cases = CASES.filter((one) => one.side === side && isPlayed(one))
    test.for(cases)('$tier: $name', { timeout: 20_000 }, async (one) => {
      const outcome = await play(one, target())
      expect(target().isAlive).toBe(true)
      expect((await target().ping()).bugs).toEqual([])
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

function expectAll(one: HostileCase, outcome: Outcome): void {
  expectOutcome(one, outcome)
  expectAssertions(one, outcome)
}
