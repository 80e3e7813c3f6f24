import { describe, expect, test } from 'vitest'
import { PushedMetrics } from '../../../src/control/providers/pushed.ts'
import { GUARD, NO_GUARD, PLAN, STEPS } from './fixtures.ts'
import {
  abort,
  BAD,
  caller,
  configOf,
  counts,
  GOOD,
  House,
  M,
  newHouse,
  pause,
  promote,
  resume,
  retry,
  S,
  SILENT,
} from './house.ts'

describe('the guard', () => {
  test('journals a verdict once, however often it is repeated', async () => {
    const house = await newHouse()
    await house.start()
    await house.pass(30 * S)
    house.window = GOOD
    await house.pass(30 * S)
    expect(await house.journal()).toEqual([
      '1 shop-1 start progressing',
      '2 shop-1 verdict progressing',
      '3 shop-1 verdict progressing',
    ])
  })

  test('holds a step without data, and leaves it by the first pass', async () => {
    const house = await newHouse()
    await house.start()
    await house.pass(5 * M)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'progressing', weightBp: 500 })
    house.window = GOOD
    await house.pass(1 * S)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'paused', weightBp: 2_500 })
  })

  test('looks once more when the time of a step is over', async () => {
    const house = await newHouse()
    const guard = { ...GUARD, intervalMs: 59_000 }
    await house.start({ steps: STEPS, guard })
    house.window = GOOD
    await house.pass(118 * S)
    house.window = SILENT
    await house.pass(3 * S)
    expect(house.engine.find('shop-1')).toMatchObject({
      phase: 'progressing',
      judgement: { verdict: 'noData' },
    })
  })

  test('runs while a person pauses, and at 100 %', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', pause, caller)
    house.window = BAD
    await house.pass(2 * S)
    expect(house.engine.find('shop-1')?.phase).toBe('aborted')

    house.window = SILENT
    await house.engine.act('shop-1', retry, caller)
    await house.engine.act('shop-1', promote, caller)
    await house.engine.act('shop-1', promote, caller)
    house.window = BAD
    await house.pass(2 * S)
    expect(house.engine.find('shop-1')?.phase).toBe('rolledBack')
    expect(house.engine.targets()).toEqual([{ route: 'shop', stable: 'shop-v1', canary: null }])
  })

  test('opens evidence anew with each step, attempt, weight and resume, and closes it at the end', async () => {
    const house = await newHouse()
    await house.start()
    const opens = async (act: () => Promise<unknown>): Promise<number> => {
      house.nowMs += 10
      const before = house.evidence.length
      await act()
      return house.evidence.length - before
    }
    const act = (action: Parameters<typeof house.engine.act>[1]) => () =>
      house.engine.act('shop-1', action, caller)
    expect(house.evidence).toMatchObject([{ rollout: 'shop-1', windowMs: 60_000, isOpen: true }])
    expect(await opens(act(pause))).toBe(0)
    expect(await opens(act(resume))).toBe(1)
    expect(await opens(act(promote))).toBe(1)
    expect(await opens(act({ type: 'setWeight', weightBp: 3_000 }))).toBe(1)
    expect(house.evidence.filter(({ isOpen }) => isOpen)).toHaveLength(1)
    expect(await opens(act(abort))).toBe(0)
    expect(house.evidence.filter(({ isOpen }) => isOpen)).toHaveLength(0)
    expect(await opens(act(retry))).toBe(1)
    await house.engine.stop()
    expect(house.evidence.filter(({ isOpen }) => isOpen)).toHaveLength(0)
  })

  test('needs none where no guard is set', async () => {
    const house = await newHouse()
    await house.start({ steps: STEPS, guard: NO_GUARD })
    await house.pass(2 * M)
    expect(house.engine.find('shop-1')).toMatchObject({ weightBp: 2_500 })
    expect(house.evidence).toEqual([])
    expect(house.engine.analysis('shop-1')).toMatchObject({
      verdict: 'noData',
      sentence: 'No guard is set',
    })
  })

  test('that cannot see or judge holds, says so, and tries again', async () => {
    let isBlind = true
    const house = new House((await newHouse()).store)
    await house.open({
      openEvidence: () => {
        if (isBlind) throw new RangeError('too many series')
        return { counts: () => GOOD, close() {} }
      },
    })
    await house.start()
    await house.pass(3 * M)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'progressing' })
    expect(house.said).toContain('error: Cannot judge rollout "shop-1"')
    isBlind = false
    await house.pass(2 * S)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'paused' })
  })

  test('tells what it found', async () => {
    const house = await newHouse()
    await house.start()
    expect(house.engine.analysis('shop-1')).toMatchObject({
      verdict: 'noData',
      sentence: 'The step has not been judged yet',
      checks: [],
    })
    house.window = BAD
    await house.pass(1 * S)
    expect(house.engine.analysis('shop-1')).toMatchObject({
      rollout: 'shop-1',
      attempt: 1,
      stepIndex: 1,
      verdict: 'fail',
      checks: [{ criterion: 'error_rate<5%', verdict: 'fail' }],
      window: { ms: 60_000, requestCount: 10_000, errorCount: 9_000 },
      consecutiveFailureCount: 1,
      failureCount: 1,
    })
    await house.engine.act('shop-1', abort, caller)
    expect(house.engine.analysis('shop-1')).toBeNull()
    expect(house.engine.analysis('shop-9')).toBeNull()
  })
})

describe('criteria that follow stable', () => {
  const plan = { steps: STEPS, guard: { ...GUARD, successCriteria: 'error_rate<stable*1.5+0.1%' } }

  test('look at windows of both variants, opened and closed together', async () => {
    const house = await newHouse()
    await house.start(plan)
    const openVariants = () =>
      house.evidence.filter(({ isOpen }) => isOpen).map(({ variant }) => variant)
    expect(house.evidence).toMatchObject([
      { rollout: 'shop-1', variant: 'stable', windowMs: 60_000, atMs: house.nowMs },
      { rollout: 'shop-1', variant: 'canary', windowMs: 60_000, atMs: house.nowMs },
    ])
    await house.engine.act('shop-1', promote, caller)
    expect(openVariants()).toEqual(['stable', 'canary'])
    await house.engine.act('shop-1', abort, caller)
    expect(openVariants()).toEqual([])
  })

  test.for([
    { canary: 300, stable: 300, phase: 'paused', verdict: 'pass' },
    { canary: 300, stable: 0, phase: 'aborted', verdict: 'fail' },
  ] as const)(
    '$canary of 10 000 failed, of stable $stable: $verdict',
    async ({ canary, stable, phase, verdict }) => {
      const house = await newHouse()
      await house.start(plan)
      house.window = counts(10_000, canary)
      house.stableWindow = counts(10_000, stable)
      await house.pass(1 * S)
      expect(house.engine.analysis('shop-1')).toMatchObject({
        verdict,
        checks: [{ criterion: 'error_rate<stable*1.5+0.1%', verdict }],
      })
      await house.pass(2 * M)
      expect(house.engine.find('shop-1')?.phase).toBe(phase)
    },
  )

  test('hold where stable has no traffic', async () => {
    const house = await newHouse()
    await house.start(plan)
    house.window = GOOD
    await house.pass(3 * M)
    expect(house.engine.find('shop-1')).toMatchObject({
      phase: 'progressing',
      judgement: { verdict: 'noData' },
    })
  })
})

describe('criteria over what is pushed', () => {
  const plan = { steps: STEPS, guard: { ...GUARD, successCriteria: 'custom.conversion>95' } }

  async function open() {
    const pushed = new PushedMetrics()
    const house = await newHouse({ pushed })
    await house.start(plan)
    const push = (value: number) =>
      pushed.push('shop-1', [{ name: 'conversion', variant: 'canary', value }], house.nowMs)
    return { house, push }
  }

  test('hold until there is a value, and leave the step by a good one', async () => {
    const { house, push } = await open()
    await house.pass(2 * M)
    expect(house.engine.analysis('shop-1')).toMatchObject({ verdict: 'noData' })
    push(96)
    await house.pass(1 * S)
    expect(house.engine.find('shop-1')).toMatchObject({ weightBp: 2_500 })
  })

  test('take the canary back for a bad one', async () => {
    const { house, push } = await open()
    push(94)
    await house.pass(2 * S)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'aborted' })
  })

  test('take no notice of a value from before the step, or one that is old', async () => {
    const { house, push } = await open()
    push(96)
    await house.pass(1 * S)
    expect(house.engine.analysis('shop-1')).toMatchObject({ verdict: 'pass' })
    await house.engine.act('shop-1', promote, caller)
    await house.pass(1 * S)
    expect(house.engine.analysis('shop-1')).toMatchObject({ verdict: 'noData' })
    push(96)
    await house.pass(1 * S)
    expect(house.engine.analysis('shop-1')).toMatchObject({ verdict: 'pass' })
    await house.pass(6 * M)
    expect(house.engine.analysis('shop-1')).toMatchObject({ verdict: 'noData' })
  })
})

test('fifty rollouts cost a tick little', async () => {
  const routes = Array.from({ length: 50 }, (_, i) => `route-${i}`)
  const house = await newHouse({
    config: configOf(Object.fromEntries(routes.map((route) => [route, 'shop-v1']))),
  })
  house.window = GOOD
  await Promise.all(
    routes.map((route) => house.engine.start({ route, to: 'shop-v2', plan: PLAN }, caller)),
  )
  house.log.length = 0
  await house.pass(1 * S)
  expect(house.log.filter((line) => line.startsWith('record'))).toHaveLength(1)
  const before = process.cpuUsage()
  await house.pass(60 * S)
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 600).toBeLessThan(2_000)
  expect(house.engine.list().every((rollout) => rollout.phase === 'progressing')).toBe(true)
})
