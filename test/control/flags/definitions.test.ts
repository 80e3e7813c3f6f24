/** Sluice's own flags as definitions, against a plain reading of what a flag is. */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileOwn } from '../../../src/control/flags/definitions.ts'
import { moved, newFlag, type OwnFlag } from '../../../src/control/flags/own.ts'
import type { RouteTarget } from '../../../src/control/rollout/engine.ts'
import { bucketOf, murmur3, seedOf, utf8 } from '../../../src/proxy/bucket.ts'
import { ThreadFlags } from '../../../src/proxy/flags/flags.ts'
import { subjectOf } from '../../proxy/flags/subject.ts'

interface Case {
  readonly key: string
  /** Null: for everybody. */
  readonly plan: string | null
  readonly state: OwnFlag['state']
  readonly target: RouteTarget
  readonly unit: string | null
  readonly userPlan: string | null
  readonly route: string
}

const weightBp = fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.constant(10_000))
const plan = fc.option(fc.constantFrom('gold', 'silver', 'größe'))
const unit = fc.option(fc.string({ unit: 'grapheme', minLength: 1 }))

const cases: fc.Arbitrary<Case> = fc.record({
  key: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/),
  plan,
  state: fc.oneof(
    fc.constant({ kind: 'off', reason: '' } as const),
    fc.record({ kind: fc.constant('share' as const), weightBp, due: fc.constant([]) }),
    fc.record({
      kind: fc.constant('rollout' as const),
      route: fc.constant('shop'),
      rollout: fc.constant('shop-1'),
      to: fc.constant('shop-v2'),
      isTakenBack: fc.boolean(),
    }),
  ),
  target: fc.record({
    route: fc.constant('shop'),
    stable: fc.constantFrom('shop-v1', 'shop-v2'),
    canary: fc.option(
      fc.record({
        rollout: fc.constantFrom('shop-1', 'shop-2'),
        upstream: fc.constant('shop-v2'),
        weightBp,
        salt: fc.string(),
        attempt: fc.constant(1),
      }),
    ),
  }),
  unit,
  userPlan: plan,
  route: fc.constantFrom('shop', 'cart'),
})

function say(isOn: boolean): string {
  return isOn ? 'canary' : 'stable'
}

/** What a flag is, said without definitions. */
function expected({
  key,
  plan: of,
  state,
  target,
  unit: who,
  userPlan,
  route,
}: Case): string | null {
  if (of !== null && of !== userPlan) return 'stable'
  if (state.kind === 'share') {
    if (state.weightBp === 0 || state.weightBp === 10_000) return say(state.weightBp > 0)
    if (who === null) return 'stable'
    const place = Math.floor((murmur3(utf8(key + who), 0) * 10_000) / 2 ** 32)
    return say(place < state.weightBp)
  }
  if (state.kind !== 'rollout') return 'stable'
  const { canary, stable } = target
  const isRunning = canary?.rollout === 'shop-1'
  if (!isRunning && state.isTakenBack) return 'stable'
  if (route === 'shop') return null
  if (!isRunning) return say(stable === 'shop-v2')
  if (canary.weightBp === 10_000) return 'canary'
  return say(who !== null && bucketOf(utf8(who), seedOf(canary.salt)) < canary.weightBp)
}

test('a flag is in the threads what it is by itself', () => {
  fc.assert(
    fc.property(cases, (each) => {
      const audience = each.plan === null ? null : { '==': [{ var: 'header.x-plan' }, each.plan] }
      const made = newFlag({ key: each.key, description: '', audience }, 'ann', 0)
      const own = compileOwn([moved(made, { state: each.state }, 1)], [each.target])
      const thread = new ThreadFlags({
        nowMs: () => 0,
        after: () => undefined,
        load: () => Promise.reject(new Error('nothing to load')),
        report: (error) => {
          throw error
        },
      })
      thread.use({ providers: [own], attributes: {} })
      const facts = {
        route: each.route,
        ...(each.userPlan !== null && { 'header.x-plan': each.userPlan }),
      }
      const said = thread.evaluate('sluice', each.key, subjectOf(each.unit, facts))
      expect(said).toBe(expected(each))
    }),
    { numRuns: 1_000 },
  )
})
