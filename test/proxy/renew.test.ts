/** A table that changes while a request still waits for its connection. */

import { expect, test } from 'vitest'
import { createTallyBuffer, segment } from '../../src/analyzer/tally.ts'
import { Assignment } from '../../src/proxy/assignment.ts'
import { ThreadContext } from '../../src/proxy/context.ts'
import { createPeer } from '../../src/proxy/forwarding.ts'
import { compileTable } from '../../src/proxy/table.ts'
import { head, parseRequest } from './http1/heads.ts'
import { ROUTE, snapshotOf, split } from './routes.ts'

const PEER = { address: '192.0.2.1', isTrusted: false, isSecure: false, clientCertificate: null }

function open() {
  const coin = { next: 0 }
  const context = new ThreadContext({
    tally: segment(createTallyBuffer(1), 0),
    nowMs: 0,
    random: () => coin.next,
    report: (error) => {
      throw error
    },
  })
  const assignment = new Assignment(context)
  let version = 0
  /** `weightBp`: null without a canary. */
  function use(weightBp: number | null, salt = 'shop-1'): void {
    const variants = weightBp === null ? split(0).slice(0, 1) : split(weightBp)
    const route = { ...ROUTE, salt, sticky: null, variants }
    context.use(compileTable(snapshotOf([route], { version: ++version }), context))
  }
  /** The coin falls on a bucket of 0 to 9 999. */
  function begin(bucket: number): string {
    coin.next = bucket / 10_000
    const request = parseRequest(head('GET / HTTP/1.1', 'Host: a'))
    assignment.begin(context.table.byName.get(ROUTE.name)!, request, createPeer(PEER))
    return assignment.variant.name
  }
  /** Were the coin tossed again, it would fall on that bucket. */
  function renew(bucket: number): string {
    coin.next = bucket / 10_000
    expect(assignment.renew()).toBe(true)
    return assignment.variant.name
  }
  return { use, begin, renew }
}

test.for([
  ['the same', 500],
  ['a higher', 2_500],
  ['a lower', 100],
] as const)('to %s weight: the coin is not tossed again', ([, weightBp]) => {
  const { use, begin, renew } = open()
  use(500)
  expect(begin(499)).toBe('canary')
  use(weightBp)
  expect(renew(9_999)).toBe('canary')
  use(500)
  expect(begin(500)).toBe('stable')
  use(weightBp)
  expect(renew(0)).toBe('stable')
})

test('stable is stable even where the canary has all', () => {
  const { use, begin, renew } = open()
  use(500)
  expect(begin(500)).toBe('stable')
  use(10_000)
  expect(renew(0)).toBe('stable')
})

test.for([
  ['has no canary', null, 'shop-1'],
  ['has no weight for it', 0, 'shop-1'],
  ['is of another rollout', 500, 'shop-2'],
] as const)('that %s: it is not for the canary any more', ([, weightBp, salt]) => {
  const { use, begin, renew } = open()
  use(500)
  expect(begin(499)).toBe('canary')
  use(weightBp, salt)
  expect(renew(9_999)).toBe('stable')
})
