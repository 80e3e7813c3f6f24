import { describe, expect, test } from 'vitest'
import { COMPACT_EVERY } from '../../../src/control/rollout/ledger.ts'
import { GUARD, NO_GUARD, PLAN, STEPS } from './fixtures.ts'
import {
  BAD,
  caller,
  configOf,
  GOOD,
  House,
  newHouse,
  ROUTING_FAULT,
  SILENT,
  STORE_FAULT,
} from './house.ts'
import type { Store } from '../../../src/control/store/contract.ts'
import { replyFor } from '../store/entries.ts'

const abort = { type: 'abort', reason: 'it smells' } as const
const promote = { type: 'promote', full: false } as const
const promoteFull = { type: 'promote', full: true } as const
const pause = { type: 'pause', reason: 'lunch' } as const
const resume = { type: 'resume' } as const
const retry = { type: 'retry' } as const
const S = 1_000
const M = 60 * S

test('a good canary goes all the way by time, passes and one person', async () => {
  const house = await newHouse()
  await house.start()
  house.window = GOOD
  await house.pass(2 * M)
  expect(house.engine.find('shop-1')).toMatchObject({ phase: 'paused', weightBp: 2_500 })
  await house.engine.act('shop-1', promote, caller)
  await house.pass(10 * M)
  expect(house.engine.find('shop-1')?.phase).toBe('promoted')
  expect(house.engine.targets()).toEqual([{ route: 'shop', stable: 'shop-v2', canary: null }])
  expect(await house.journal()).toEqual([
    '1 shop-1 start progressing',
    '2 shop-1 verdict progressing',
    '3 shop-1 verdict paused',
    '4 shop-1 promote baking',
    '5 shop-1 verdict baking',
    '6 shop-1 verdict promoted',
    '7 stable shop-v2',
  ])
})

test('a canary that fails everything is out after two judgements', async () => {
  const house = await newHouse()
  await house.start()
  house.window = BAD
  await house.pass(2 * S)
  expect(house.engine.find('shop-1')).toMatchObject({ phase: 'aborted', endedAtMs: house.nowMs })
  expect(house.routedBp()).toBeNull()
})

test('a change is recorded, then routed, then told', async () => {
  const house = await newHouse()
  await house.start()
  await house.engine.act('shop-1', abort, caller)
  expect(house.log).toEqual([
    'record 1',
    'route shop-v1+shop-v2@500',
    'tell 1',
    'record 2',
    'route shop-v1',
    'tell 2',
  ])
  expect(house.said).toEqual([
    expect.stringMatching(/^info: shop-1: alice started it from shop-v1 to shop-v2; 5 % on/),
    expect.stringMatching(/^info: shop-1: alice aborted it: it smells \(was at 5 % on/),
  ])
})

test('when an action resolves, it is durable and every thread obeys it', async () => {
  const house = await newHouse()
  let isPublished = false
  house.duringPublish = async () => {
    expect(await house.store.lastSeq()).toBe(1)
    isPublished = true
  }
  await house.start()
  expect(isPublished).toBe(true)
})

test('changes that need no routing publish nothing', async () => {
  const house = await newHouse()
  await house.start()
  house.log.length = 0
  await house.engine.act('shop-1', pause, caller)
  expect(house.log).toEqual(['record 2', 'tell 2'])
})

test('a listener that throws harms neither the change nor the others', async () => {
  const house = await newHouse()
  house.engine.onEntry(() => {
    throw new Error('a bug')
  })
  const seen: number[] = []
  const unsubscribe = house.engine.onEntry(({ seq }) => seen.push(seq))
  await house.start()
  unsubscribe()
  await house.engine.act('shop-1', abort, caller)
  expect(seen).toEqual([1])
  expect(house.said).toContain('error: A listener of the journal failed')
})

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

describe('a start', () => {
  test('over a running rollout is one record and one publication', async () => {
    const house = await newHouse()
    await house.start()
    house.log.length = 0
    await house.start(PLAN, 'shop-v3')
    expect(house.log).toEqual(['record 2 3', 'route shop-v1+shop-v3@500', 'tell 2', 'tell 3'])
    expect(house.engine.find('shop-1')).toMatchObject({
      phase: 'superseded',
      reason: 'shop-2 took its place',
    })
    expect(house.engine.runningOn('shop')?.id).toBe('shop-2')
    expect(house.engine.list().map(({ id }) => id)).toEqual(['shop-2', 'shop-1'])
  })

  test('that holds nothing is promoted at once', async () => {
    const house = await newHouse()
    const plan = { steps: [{ type: 'setWeight', weightBp: 10_000 }], guard: GUARD } as const
    expect(await house.start(plan)).toMatchObject({ phase: 'promoted' })
    expect(house.log).toEqual(['record 1 2', 'route shop-v2', 'tell 1', 'tell 2'])
  })

  test.for([
    {
      request: { route: 'cart', to: 'shop-v2' },
      pointer: '/route',
      detail: /no such route; there is "shop"/,
    },
    { request: { route: 'shop', to: 'shop-v9' }, pointer: '/to', detail: /no upstream "shop-v9"/ },
    {
      request: { route: 'shop', to: 'shop-v1' },
      pointer: '/to',
      detail: /its stable upstream already/,
    },
  ])('to $request.to on $request.route is refused', async ({ request, pointer, detail }) => {
    const house = await newHouse()
    await expect(house.engine.start({ ...request, plan: PLAN }, caller)).rejects.toMatchObject({
      code: 'invalidRequest',
      message: expect.stringMatching(/^Cannot start rollout on "/),
      members: { errors: [{ pointer, detail: expect.stringMatching(detail) }] },
    })
    expect(house.log).toEqual([])
  })

  test('counts on after a restart', async () => {
    const house = await newHouse()
    await house.start()
    await house.start()
    const again = await new House(house.store).open()
    expect(await again.start()).toMatchObject({ id: 'shop-3' })
  })
})

describe('an action', () => {
  test('on a rollout that is not there is not found', async () => {
    const house = await newHouse()
    await expect(house.engine.act('shop-1', promote, caller)).rejects.toMatchObject({
      code: 'notFound',
    })
  })

  test.for([{ generation: 2 }, { stepIndex: 3 }, { generation: 1, stepIndex: 0 }])(
    'with other beliefs than %o is stale, but an abort never is',
    async (expected) => {
      const house = await newHouse()
      await house.start()
      await expect(house.engine.act('shop-1', promote, caller, expected)).rejects.toMatchObject({
        code: 'stale',
      })
      const { phase } = await house.engine.act('shop-1', abort, caller, expected)
      expect(phase).toBe('aborted')
    },
  )

  test('with right beliefs goes through', async () => {
    const house = await newHouse()
    await house.start()
    const expected = { generation: 1, stepIndex: 1 }
    expect(await house.engine.act('shop-1', promote, caller, expected)).toMatchObject({
      stepIndex: 3,
    })
  })

  test('by two people at once on one step moves one step', async () => {
    const house = await newHouse()
    await house.start()
    const both = await Promise.allSettled([
      house.engine.act('shop-1', promote, caller, { generation: 1 }),
      house.engine.act('shop-1', promote, { actor: 'bob' }, { generation: 1 }),
    ])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(house.engine.find('shop-1')).toMatchObject({ stepIndex: 3 })
  })

  test('that its phase does not take says which it does', async () => {
    const house = await newHouse()
    await house.start()
    await expect(house.engine.act('shop-1', retry, caller)).rejects.toMatchObject({
      code: 'invalidTransition',
      message:
        'Cannot retry rollout "shop-1": it is progressing; it takes promote, pause, setWeight, abort',
      members: { phase: 'progressing', allowed: ['promote', 'pause', 'setWeight', 'abort'] },
    })
    await house.engine.act('shop-1', promoteFull, caller)
    await expect(house.engine.act('shop-1', pause, caller)).rejects.toMatchObject({
      code: 'invalidTransition',
      message: 'Cannot pause rollout "shop-1": it is promoted; start a new one',
    })
  })

  test('that is done already answers with the rollout as it is', async () => {
    const house = await newHouse()
    const started = await house.start()
    expect(await house.engine.act('shop-1', resume, caller)).toBe(started)
    const aborted = await house.engine.act('shop-1', abort, caller)
    expect(await house.engine.act('shop-1', abort, caller)).toBe(aborted)
    expect(await house.store.lastSeq()).toBe(2)
  })

  test('keeps its reply with its record', async () => {
    const house = await newHouse()
    await house.start()
    const keep = () => replyFor('key')
    await house.engine.act('shop-1', abort, { actor: 'alice', keep })
    expect(await house.store.findReply('key')).toEqual(replyFor('key'))
    await expect(house.engine.act('shop-1', retry, { actor: 'alice', keep })).rejects.toMatchObject(
      { code: 'keyReused' },
    )
    expect(house.engine.find('shop-1')?.phase).toBe('aborted')
  })

  test('that does nothing keeps its reply too', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', resume, { actor: 'alice', keep: () => replyFor('key') })
    expect(await house.store.findReply('key')).toEqual(replyFor('key'))
  })

  test('is refused once the engine stops, after those before it are done', async () => {
    const house = await newHouse()
    const started = house.start()
    const stopped = house.engine.stop()
    await expect(house.start()).rejects.toMatchObject({ code: 'storeUnavailable' })
    await stopped
    expect((await started).phase).toBe('progressing')
    house.engine.tick()
  })
})

describe('an abort', () => {
  test('goes before what waits', async () => {
    const house = await newHouse()
    await house.start()
    const order: string[] = []
    const busy = house.engine.act('shop-1', promote, caller).then(() => order.push('busy'))
    const waits = house.engine
      .act('shop-1', promote, caller)
      .then(() => order.push('done'))
      .catch(() => order.push('refused'))
    const aborted = house.engine.act('shop-1', abort, caller).then(() => order.push('aborted'))
    await Promise.all([busy, waits, aborted])
    expect(order).toEqual(['busy', 'aborted', 'refused'])
  })

  test('is in force without the store, says what is missing, and is recorded later', async () => {
    const house = await newHouse()
    await house.start()
    house.storeFault = STORE_FAULT
    await expect(house.engine.act('shop-1', abort, caller)).rejects.toMatchObject({
      code: 'storeUnavailable',
      message: expect.stringMatching(
        /^Rollout "shop-1" is out of traffic, but that is not recorded.*: the disk is full$/,
      ),
    })
    expect(house.routedBp()).toBeNull()
    expect(house.engine.find('shop-1')?.phase).toBe('aborted')
    expect(house.engine.runningOn('shop')).toBeUndefined()

    await expect(house.engine.act('shop-1', abort, caller)).rejects.toMatchObject({
      code: 'storeUnavailable',
      message: expect.stringContaining('is out of traffic'),
    })
    await expect(house.start()).rejects.toMatchObject({ message: 'the disk is full' })

    await house.pass(3 * S)
    expect(await house.journal()).toEqual(['1 shop-1 start progressing'])
    house.storeFault = null
    house.log.length = 0
    await house.pass(2 * S)
    expect(await house.journal()).toEqual(['1 shop-1 start progressing', '2 shop-1 abort aborted'])
    expect(house.log).toEqual(['record 2', 'tell 2'])
    await house.engine.act('shop-1', abort, caller)
    expect(await house.store.lastSeq()).toBe(2)
  })

  test('that waits for the store goes before the next change into it', async () => {
    const house = await newHouse()
    await house.start()
    house.storeFault = STORE_FAULT
    await house.engine.act('shop-1', abort, caller).catch(() => {})
    house.storeFault = null
    await house.engine.act('shop-1', retry, caller)
    expect(await house.journal()).toEqual([
      '1 shop-1 start progressing',
      '2 shop-1 abort aborted',
      '3 shop-1 retry progressing',
    ])
  })

  test('of what has ended needs no store for its reply', async () => {
    const house = await newHouse()
    await house.start()
    const aborted = await house.engine.act('shop-1', abort, caller)
    house.storeFault = STORE_FAULT
    const keep = () => replyFor('key')
    expect(await house.engine.act('shop-1', abort, { actor: 'bob', keep })).toBe(aborted)
    expect(house.said).toContain('warn: The reply to an abort of "shop-1" is not kept')
  })

  test('says so when neither store nor threads take it', async () => {
    const house = await newHouse()
    await house.start()
    house.storeFault = STORE_FAULT
    house.routingFault = ROUTING_FAULT
    await expect(house.engine.act('shop-1', abort, caller)).rejects.toMatchObject({
      code: 'routingFailed',
    })
    house.storeFault = null
    house.routingFault = null
    await house.pass(2 * S)
    expect(house.routedBp()).toBeNull()
    expect(await house.store.lastSeq()).toBe(2)
  })
})

describe('without the store', () => {
  test('the guard still takes a bad canary out, and records it later', async () => {
    const house = await newHouse()
    await house.start()
    house.storeFault = STORE_FAULT
    house.window = BAD
    await house.pass(2 * S)
    expect(house.routedBp()).toBeNull()
    house.storeFault = null
    await house.pass(2 * S)
    expect(await house.journal()).toEqual([
      '1 shop-1 start progressing',
      '2 shop-1 verdict progressing',
      '3 shop-1 verdict aborted',
    ])
  })

  test('nothing gets more traffic, and no person is told that it did', async () => {
    const house = await newHouse()
    await house.start()
    house.window = GOOD
    await house.pass(1 * M)
    house.storeFault = STORE_FAULT
    await expect(house.engine.act('shop-1', promote, caller)).rejects.toBe(STORE_FAULT)
    await expect(house.engine.act('shop-1', pause, caller)).rejects.toBe(STORE_FAULT)
    await house.pass(3 * M)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'progressing', weightBp: 500 })
    expect(house.routedBp()).toBe(500)
    house.storeFault = null
    await house.pass(2 * S)
    expect(house.routedBp()).toBe(2_500)
  })

  test('a configuration without changes is still taken', async () => {
    const house = await newHouse()
    house.storeFault = STORE_FAULT
    await house.engine.reconfigure(configOf({ shop: 'shop-v1', cart: 'shop-v3' }))
    expect(house.engine.targets()).toHaveLength(2)
  })
})

describe('when the threads do not take the routing', () => {
  test('the caller hears of it, and it is tried again before anybody is told', async () => {
    const house = await newHouse()
    house.routingFault = ROUTING_FAULT
    await expect(house.start()).rejects.toMatchObject({ code: 'routingFailed' })
    expect(house.log).toEqual(['record 1'])
    house.routingFault = null
    await house.pass(2 * S)
    expect(house.log).toEqual([
      'record 1',
      'record 2',
      'route shop-v1+shop-v2@500',
      'tell 1',
      'tell 2',
    ])
  })
})

describe('after a restart', () => {
  test('a decision that was recorded but not routed is routed', async () => {
    const house = await newHouse()
    await house.start()
    house.routingFault = ROUTING_FAULT
    await house.engine.act('shop-1', promote, caller).catch(() => {})
    expect(house.routedBp()).toBe(500)

    const again = await new House(house.store).open()
    expect(again.routedBp()).toBe(2_500)
    expect(again.engine.find('shop-1')).toMatchObject({ phase: 'paused', stepIndex: 3 })
  })

  test('the same step runs at the same weight to the same deadline, on new evidence', async () => {
    const house = await newHouse()
    const { id } = await house.start()
    house.window = GOOD
    await house.pass(1 * M)

    const again = new House(house.store)
    again.nowMs = house.nowMs + 10 * S
    await again.open()
    expect(again.engine.find(id)).toMatchObject({
      phase: 'progressing',
      stepIndex: 1,
      weightBp: 500,
      judgement: null,
      deadlineMs: again.nowMs + 50 * S,
    })
    expect(again.evidence).toMatchObject([{ rollout: id, isOpen: true }])
    expect(await again.journal()).toContain('3 shop-1 restart progressing')
    await again.pass(1 * M)
    expect(again.engine.find(id)).toMatchObject({ phase: 'progressing' })
    again.window = GOOD
    await again.pass(1 * S)
    expect(again.engine.find(id)).toMatchObject({ phase: 'paused', weightBp: 2_500 })
  })

  test('what was promoted is stable', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', promoteFull, caller)
    const again = await new House(house.store).open()
    expect(again.engine.targets()).toEqual([{ route: 'shop', stable: 'shop-v2', canary: null }])
  })

  test('a rollout whose upstream is gone is blocked', async () => {
    const house = await newHouse()
    await house.start()
    const config = configOf(undefined, ['shop-v1'])
    const again = await new House(house.store).open({ config })
    expect(again.engine.find('shop-1')).toMatchObject({
      phase: 'blocked',
      reason: 'upstream "shop-v2" is not in the configuration',
    })
    expect(again.routedBp()).toBeNull()
  })
})

describe('a new configuration', () => {
  test('keeps what was promoted while its stable line is as it was', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', promoteFull, caller)
    await house.engine.reconfigure(configOf({ shop: 'shop-v1' }))
    expect(house.engine.targets()[0]?.stable).toBe('shop-v2')
  })

  test('wins when its stable line changed', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', promoteFull, caller)
    await house.engine.reconfigure(configOf({ shop: 'shop-v3' }))
    expect(house.engine.targets()[0]?.stable).toBe('shop-v3')
    expect((await house.journal()).at(-1)).toBe('4 stable shop-v3')
    await house.engine.reconfigure(configOf({ shop: 'shop-v3' }))
    expect(await house.store.lastSeq()).toBe(4)
    const again = await new House(house.store).open({ config: configOf({ shop: 'shop-v1' }) })
    expect(again.engine.targets()[0]?.stable).toBe('shop-v1')
  })

  test('without the promoted upstream goes back to its own stable', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', promoteFull, caller)
    await house.engine.reconfigure(configOf({ shop: 'shop-v1' }, ['shop-v1', 'shop-v3']))
    expect(house.engine.targets()[0]?.stable).toBe('shop-v1')
  })

  test.for([
    ['upstream', configOf({ shop: 'shop-v1' }, ['shop-v1']), /upstream "shop-v2" is not in/],
    ['route', configOf({ cart: 'shop-v1' }), /route "shop" is not in/],
  ] as const)(
    'without the %s of a rollout blocks it until a person resumes it',
    async ([, config, reason]) => {
      const house = await newHouse()
      await house.start()
      await house.engine.reconfigure(config)
      expect(house.engine.find('shop-1')).toMatchObject({
        phase: 'blocked',
        reason: expect.stringMatching(reason),
      })
      expect(house.routedBp()).toBeNull()
      expect(house.evidence.filter(({ isOpen }) => isOpen)).toEqual([])
      await expect(house.engine.act('shop-1', resume, caller)).rejects.toMatchObject({
        code: 'invalidTransition',
        message: expect.stringMatching(reason),
      })

      await house.engine.reconfigure(configOf())
      await house.pass(5 * M)
      expect(house.engine.find('shop-1')?.phase).toBe('blocked')
      await house.engine.act('shop-1', resume, caller)
      expect(house.engine.find('shop-1')).toMatchObject({ phase: 'progressing', weightBp: 500 })
      expect(house.routedBp()).toBe(500)
    },
  )

  test('that the store cannot record is not taken', async () => {
    const house = await newHouse()
    await house.start()
    house.storeFault = STORE_FAULT
    const config = configOf({ shop: 'shop-v1' }, ['shop-v1'])
    await expect(house.engine.reconfigure(config)).rejects.toBe(STORE_FAULT)
    expect(house.engine.find('shop-1')?.phase).toBe('progressing')
    expect(house.routedBp()).toBe(500)
  })
})

describe('a retry', () => {
  test('is refused while another rollout has the route', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', abort, caller)
    await house.start(PLAN, 'shop-v3')
    await expect(house.engine.act('shop-1', retry, caller)).rejects.toMatchObject({
      code: 'invalidTransition',
      message: 'Cannot retry rollout "shop-1": "shop-2" runs on route "shop"; abort that one first',
    })
  })

  test('is refused when what it left is no longer stable', async () => {
    const house = await newHouse()
    await house.start()
    await house.engine.act('shop-1', abort, caller)
    await house.start(PLAN, 'shop-v3')
    await house.engine.act('shop-2', promoteFull, caller)
    await expect(house.engine.act('shop-1', retry, caller)).rejects.toMatchObject({
      code: 'invalidTransition',
      message: expect.stringMatching(/it left "shop-v1", but "shop-v3" is stable by now/),
    })
  })
})

test('the store is compacted after many entries, and loads the same', async () => {
  const house = await newHouse()
  await house.start()
  await house.engine.stop()
  const compactedAt: number[] = []
  const compact: Store['compact'] = (state, beforeMs) => {
    compactedAt.push(state.seq)
    return house.store.compact(state, beforeMs)
  }
  await house.open({ store: { ...house.store, compact } })
  const actions = Array.from({ length: COMPACT_EVERY }, (_, i) => (i % 2 === 0 ? pause : resume))
  await Promise.all(actions.map((action) => house.engine.act('shop-1', action, caller)))
  // One for the start, one for the restart of the process.
  expect(await house.store.lastSeq()).toBe(COMPACT_EVERY + 2)
  expect(compactedAt).toEqual([COMPACT_EVERY + 1])
  expect((await house.store.load()).rollouts.get('shop-1')).toEqual(house.engine.find('shop-1'))
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
  expect((user + system) / 600).toBeLessThan(10_000)
  expect(house.engine.list().every((rollout) => rollout.phase === 'progressing')).toBe(true)
})
