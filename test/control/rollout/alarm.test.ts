/** What the machine and the engine make of evidence that has reached its limit. */

import { describe, expect, test } from 'vitest'
import type { GuardEvidence } from '../../../src/analyzer/guard/evidence.ts'
import type { Action } from '../../../src/analyzer/guard/config.ts'
import { createGuard, type GuardPlan } from '../../../src/analyzer/guard/guard.ts'
import { STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import type { Opinion, Ruling } from '../../../src/control/judge/judge.ts'
import type { KeptAlarms } from '../../../src/control/rollout/alarms.ts'
import type { RunningRollout } from '../../../src/control/rollout/book.ts'
import type { Rollout, RolloutEvent } from '../../../src/control/rollout/state.ts'
import { transition } from '../../../src/control/rollout/transition.ts'
import { PLAN, started } from './fixtures.ts'
import { abort, caller, House, M, newHouse, resume, retry, S, STORE_FAULT } from './house.ts'

const GUARD_PLAN: GuardPlan = { tickMs: 100, horizonMs: 1_000, stepCount: 0 }
const EVIDENCE: GuardEvidence = createGuard(STANDARD_GUARD, GUARD_PLAN).evidence()

function alarm(action: 'abort' | 'pause', attempt = 1): RolloutEvent {
  const found = { sentence: 'it fails', evidence: EVIDENCE, replay: null }
  return { type: 'alarm', atMs: 9, attempt, action, ...found }
}

function after(state: Rollout, ...events: readonly RolloutEvent[]): Rollout {
  return events.reduce((next, event) => transition(next, event).state, state)
}

describe('the machine', () => {
  const pause: RolloutEvent = { type: 'pause', atMs: 1, actor: 'alice', reason: 'lunch' }

  test.for([
    ['progresses', started()],
    ['is paused', after(started(), pause)],
  ] as const)('takes back a rollout that %s', ([, state]) => {
    const { state: next, effects } = transition(state, alarm('abort'))
    expect(next).toMatchObject({ phase: 'aborted', weightBp: 500 })
    expect(effects.map(({ type }) => type)).toEqual(['record', 'route', 'tell'])
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'record', trigger: 'analyzer', actor: 'sluice' }),
    )
  })

  test('pauses, and says why', () => {
    expect(after(started(), alarm('pause'))).toMatchObject({
      phase: 'paused',
      reason: 'it fails',
      resumesTo: 'progressing',
      deadlineMs: null,
    })
  })

  test('takes no notice of another attempt’s evidence, nor where there is no traffic', () => {
    const states = [
      started(),
      after(started(), { type: 'block', atMs: 1, reason: 'no upstream' }),
      after(started(), { type: 'setWeight', atMs: 1, actor: 'alice', weightBp: 0 }),
      after(started(), { type: 'abort', atMs: 1, actor: 'alice', reason: '' }),
    ]
    expect(transition(states[0]!, alarm('abort', 2)).state).toBe(states[0])
    for (const state of states.slice(1)) expect(transition(state, alarm('abort')).state).toBe(state)
  })
})

describe('the engine', () => {
  const plan = { ...PLAN, guard: { ...PLAN.guard, coin: true, successCriteria: '' } }

  /** A judge in the test's hands. */
  class Bench {
    action: Action | null = null
    canaryCount = 0

    opinion(): Opinion {
      return {
        evidence: EVIDENCE,
        sentence: 'no sign',
        isTimed: true,
        step: null,
        canaryCount: this.canaryCount,
      }
    }

    decision({ attempt }: RunningRollout): Ruling | null {
      if (this.action === null || attempt > 1) return null
      const decision = { by: 'failed', tickIndex: 1, log10: 3, limitLog10: 3 } as const
      return {
        decision: { ...decision, action: this.action },
        sentence: 'it fails',
        evidence: EVIDENCE,
        record: { config: STANDARD_GUARD, plan: GUARD_PLAN, ticks: [] },
      }
    }
  }

  async function open(): Promise<{ house: House; bench: Bench }> {
    const bench = new Bench()
    const house = await newHouse({ evidence: bench })
    await house.start(plan)
    return { house, bench }
  }

  test('aborts within a tick, records the evidence and takes the canary out', async () => {
    const { house, bench } = await open()
    bench.action = 'abort'
    await house.pass(100)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'aborted', reason: 'it fails' })
    expect(house.routedBp()).toBeNull()
    const [last] = (await house.store.journal({ after: 0, limit: 100 })).slice(-1)
    expect(last!.body).toMatchObject({
      event: {
        type: 'alarm',
        evidence: { limitLog10: EVIDENCE.limitLog10 },
        replay: { config: STANDARD_GUARD, plan: GUARD_PLAN },
      },
    })
  })

  test('pauses once: who resumes has seen it', async () => {
    const { house, bench } = await open()
    bench.action = 'pause'
    await house.pass(300)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'paused', reason: 'it fails' })
    await house.engine.act('shop-1', resume, caller)
    await house.pass(300)
    expect(house.engine.find('shop-1')?.phase).toBe('progressing')
  })

  test('pauses once also over a restart, and forgets what has ended', async () => {
    const kept = new Map<string, KeptAlarms>()
    const keep = (rollout: string, alarms: KeptAlarms | null) => {
      if (alarms === null) kept.delete(rollout)
      else kept.set(rollout, alarms)
    }
    const bench = new Bench()
    const alarms = { kept: new Map(), keep }
    const house = await newHouse({ evidence: bench, alarms })
    await house.start(plan)
    bench.action = 'pause'
    await house.pass(300)
    await house.engine.act('shop-1', resume, caller)
    await house.engine.stop()
    const shelf = { kept: new Map(kept), keep }
    const next = await new House(house.store).open({ evidence: bench, alarms: shelf })
    await next.pass(300)
    expect(next.engine.find('shop-1')?.phase).toBe('progressing')
    expect(kept.size).toBe(1)
    await next.engine.act('shop-1', abort, caller)
    await next.pass(100)
    expect(kept.size).toBe(0)
  })

  test('does nothing about a warning', async () => {
    const { house, bench } = await open()
    bench.action = 'warn'
    await house.pass(300)
    expect(house.engine.find('shop-1')?.phase).toBe('progressing')
  })

  test('leaves a step only when something of the canary has settled in it', async () => {
    const { house, bench } = await open()
    bench.canaryCount = 50
    await house.pass(3 * M)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'paused', weightBp: 2_500 })
    await house.engine.act('shop-1', { type: 'promote', full: false }, caller)
    await house.pass(11 * M)
    expect(house.engine.find('shop-1')).toMatchObject({
      phase: 'baking',
      judgement: { verdict: 'noData' },
    })
    bench.canaryCount = 51
    await house.pass(2 * S)
    expect(house.engine.find('shop-1')?.phase).toBe('promoted')
  })

  test('is in force while the store fails', async () => {
    const { house, bench } = await open()
    house.storeFault = STORE_FAULT
    bench.action = 'abort'
    await house.pass(100)
    expect(house.routedBp()).toBeNull()
    expect(house.engine.find('shop-1')?.phase).toBe('aborted')
  })

  test('does not take back a retry for what was seen before', async () => {
    const { house, bench } = await open()
    bench.action = 'abort'
    await house.pass(100)
    await house.engine.act('shop-1', retry, caller)
    await house.pass(300)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'progressing', attempt: 2 })
    await house.engine.act('shop-1', abort, caller)
  })

  test('is off where the plan says so', async () => {
    const bench = new Bench()
    const house = await newHouse({ evidence: bench })
    await house.start({ ...plan, guard: { ...plan.guard, coin: false } })
    bench.action = 'abort'
    await house.pass(300)
    expect(house.engine.find('shop-1')?.phase).toBe('progressing')
  })
})
