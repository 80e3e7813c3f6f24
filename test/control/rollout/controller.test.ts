import { describe, expect, test } from 'vitest'
import { COMPACT_EVERY } from '../../../src/control/rollout/ledger.ts'
import type { Store } from '../../../src/control/store/contract.ts'
import { replyFor } from '../store/entries.ts'
import { opened } from '../store/fixtures.ts'
import { GUARD, PLAN } from './fixtures.ts'
import {
  abort,
  BAD,
  caller,
  GOOD,
  House,
  M,
  newHouse,
  pause,
  promote,
  promoteFull,
  resume,
  retry,
  S,
} from './house.ts'

const keep = () => replyFor('key')

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

test('the store is compacted after many entries, and loads the same', async () => {
  const house = new House(await opened(':memory:'))
  const compactedAt: number[] = []
  const compact: Store['compact'] = (state, beforeMs) => {
    compactedAt.push(state.seq)
    return house.store.compact(state, beforeMs)
  }
  await house.open({ store: { ...house.store, compact } })
  await house.start()
  const actions = Array.from({ length: COMPACT_EVERY }, (_, i) => (i % 2 === 0 ? pause : resume))
  await Promise.all(actions.map((action) => house.engine.act('shop-1', action, caller)))
  expect(await house.store.lastSeq()).toBe(COMPACT_EVERY + 1)
  expect(compactedAt).toEqual([COMPACT_EVERY])
  expect((await house.store.load()).rollouts.get('shop-1')).toEqual(house.engine.find('shop-1'))
})
