/** A flag that is switched off while a request still waits for its connection. */

import { expect, test } from 'vitest'
import { compileOwn } from '../../../src/control/flags/definitions.ts'
import { moved, newFlag, type OwnFlag } from '../../../src/control/flags/own.ts'
import { createTallyBuffer, segment } from '../../../src/analyzer/tally.ts'
import { Assignment } from '../../../src/proxy/assignment.ts'
import { ThreadContext } from '../../../src/proxy/context.ts'
import type { Rule } from '../../../src/proxy/cohort/rule.ts'
import { createPeer } from '../../../src/proxy/forwarding.ts'
import { compileTable } from '../../../src/proxy/table.ts'
import { head, parseRequest } from '../http1/heads.ts'
import { ROUTE, snapshotOf, split } from '../routes.ts'

const RULE: Rule = { when: null, decision: { kind: 'flag', provider: 'sluice', key: 'checkout' } }

function open() {
  const context = new ThreadContext({
    tally: segment(createTallyBuffer(1), 0),
    nowMs: 0,
    random: () => 0.5,
    report: (error) => {
      throw error
    },
  })
  let version = 0
  /** From now on the flag is in this state, and the canary has that weight. */
  function use(state: OwnFlag['state'], weightBp = 0): void {
    const made = newFlag({ key: 'checkout', description: '', audience: null }, 'ann', 0)
    const own = compileOwn([moved(made, { state }, 1)], [])
    const route = { ...ROUTE, rules: [RULE], variants: split(weightBp) }
    const flags = { providers: [own], attributes: {} }
    const snapshot = snapshotOf([route], { version: ++version, flags })
    context.flags.use(flags)
    context.use(compileTable(snapshot, context))
  }
  const assignment = new Assignment(context)
  function begin(): string {
    const route = context.table.byName.get(ROUTE.name)!
    const peer = createPeer({
      address: '192.0.2.1',
      isTrusted: false,
      isSecure: false,
      clientCertificate: null,
    })
    assignment.begin(route, parseRequest(head('GET / HTTP/1.1', 'Host: a')), peer)
    return assignment.variant.name
  }
  return { use, begin, assignment }
}

const ON = { kind: 'share', weightBp: 10_000, due: [] } as const
const OFF = { kind: 'off', reason: 'it smells' } as const

test('sends it to stable', () => {
  const { use, begin, assignment } = open()
  use(ON)
  expect(begin()).toBe('canary')
  use(OFF)
  expect(assignment.renew()).toBe(true)
  expect(assignment.variant.name).toBe('stable')
})

test('while it is on, a change of the weight moves nobody whom the flag has sent', () => {
  const { use, begin, assignment } = open()
  use(ON)
  expect(begin()).toBe('canary')
  use(ON, 10)
  assignment.renew()
  expect(assignment.variant.name).toBe('canary')
})

test('one whom no flag has sent stays where the coin put it', () => {
  const { use, begin, assignment } = open()
  use({ kind: 'rollout', route: 'shop', rollout: 'shop-1', to: 'v2' }, 10_000)
  begin()
  const before = assignment.variant.name
  use({ kind: 'rollout', route: 'shop', rollout: 'shop-1', to: 'v2' }, 10_000)
  assignment.renew()
  expect(assignment.variant.name).toBe(before)
})
