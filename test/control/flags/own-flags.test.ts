import { describe, expect, test } from 'vitest'
import { CodedError } from '../../../src/control/coded-error.ts'
import { FLAG_LIMIT } from '../../../src/control/flags/own-flags.ts'
import { abort, M, promoteFull, retry, S, STORE_FAULT } from '../rollout/house.ts'
import { ANN, AT_ONCE, BOB, FlagHouse, RAMP, share } from './house.ts'

describe('a flag', () => {
  test('is off when it is made, and made once', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.create()
    expect(house.flags.list()).toMatchObject([
      { key: 'checkout', state: { kind: 'off' }, generation: 1 },
    ])
    expect(house.canaries('checkout')).toBe(0)
    const other = { key: 'checkout', description: 'another', audience: null }
    await expect(house.flags.create(other, ANN)).rejects.toMatchObject({
      code: 'invalidTransition',
    })
  })

  test('has a share, which only adds units while it rises, and is kept over a restart', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const units = Array.from({ length: 1_000 }, (_, i) => `unit ${i}`)
    let before = new Set<string>()
    for (const weightBp of [100, 2_500, 5_000, 10_000]) {
      await house.flags.change('checkout', share(weightBp), ANN)
      const now = new Set(units.filter((unit) => house.evaluate('checkout', unit) === 'canary'))
      expect(now.isSupersetOf(before)).toBe(true)
      expect(Math.abs(now.size - weightBp / 10)).toBeLessThan(50)
      before = now
    }
    await house.restart()
    expect(house.canaries('checkout')).toBe(100)
  })

  test('is for its audience alone', async () => {
    const house = await FlagHouse.open()
    await house.create('checkout', { '==': [{ var: 'header.x-plan' }, 'gold'] })
    await house.create('other', { '==': [{ var: 'header.x-plan' }, 'silver'] })
    await house.flags.change('checkout', share(10_000), ANN)
    await house.flags.change('other', share(10_000), ANN)
    expect(house.evaluate('checkout', 'ann')).toBe('canary')
    expect(house.evaluate('other', 'ann')).toBe('stable')
    await house.flags.change('other', { type: 'audience', audience: null }, ANN)
    expect(house.evaluate('other', 'ann')).toBe('canary')
  })

  test('is ramped by a schedule, also one that begins later and over a restart', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const steps = [
      { afterMs: 0, weightBp: 2_500 },
      { afterMs: M, weightBp: 10_000 },
    ]
    const startMs = house.inner.nowMs + M
    await house.flags.change('checkout', { type: 'share', startMs, steps }, ANN)
    expect(house.canaries('checkout')).toBe(0)
    await house.pass(M + 100)
    expect(house.canaries('checkout')).toBeGreaterThan(10)
    expect(house.canaries('checkout')).toBeLessThan(45)
    await house.restart()
    await house.pass(M)
    expect(house.canaries('checkout')).toBe(100)
    expect(house.flags.find('checkout')?.state).toEqual({
      kind: 'share',
      weightBp: 10_000,
      due: [],
    })
  })

  test('keeps the share that it has until a later one is due', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', share(10_000), ANN)
    const startMs = house.inner.nowMs + 10 * S
    await house.flags.change('checkout', { ...share(0), startMs }, ANN)
    expect(house.canaries('checkout')).toBe(100)
    await house.pass(10 * S + 100)
    expect(house.canaries('checkout')).toBe(0)
  })

  test('can be taken away when it is off', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', share(100), ANN)
    await expect(house.flags.remove('checkout', ANN)).rejects.toThrow('switch it off first')
    await house.flags.off('checkout', '', ANN)
    await house.flags.remove('checkout', ANN)
    await house.restart()
    expect(house.flags.list()).toEqual([])
  })

  test('is one of a bounded number', async () => {
    const house = await FlagHouse.open()
    house.inner.duringPublish = () => undefined
    for (let i = 0; i < FLAG_LIMIT; i++) await house.create(`flag-${i}`)
    await expect(house.create('one-more')).rejects.toThrow('take one away')
  })

  test('is not changed by who believes to see another generation', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const stale = house.flags.change('checkout', share(100), { ...ANN, generation: 7 })
    await expect(stale).rejects.toMatchObject({ code: 'stale' })
    await house.flags.change('checkout', share(100), { ...ANN, generation: 1 })
    await expect(house.flags.change('nothing', share(1), ANN)).rejects.toMatchObject({
      code: 'notFound',
    })
  })
})

describe('a ramp with a route is a rollout', () => {
  test('the flag is its coin: the same on every other route, and left to it on its own', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const flag = await house.flags.change('checkout', AT_ONCE, ANN)
    expect(flag.state).toEqual({ kind: 'rollout', route: 'shop', rollout: 'shop-1', to: 'shop-v2' })
    expect(house.inner.engine.find('shop-1')).toMatchObject({ to: 'shop-v2', phase: 'progressing' })
    expect(house.evaluate('checkout', 'ann', 'shop')).toBeNull()
    const weightBp = house.inner.routedBp()!
    expect(weightBp).toBeGreaterThan(0)
    expect(Math.abs(house.canaries('checkout') - weightBp / 100)).toBeLessThan(15)
  })

  test('who is not of the audience is kept from it on its own route too', async () => {
    const house = await FlagHouse.open()
    await house.create('checkout', { '==': [{ var: 'header.x-plan' }, 'silver'] })
    await house.flags.change('checkout', AT_ONCE, ANN)
    expect(house.evaluate('checkout', 'ann', 'shop')).toBe('stable')
  })

  test('the flag is on when it is promoted, and off when it is taken back', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', AT_ONCE, ANN)
    await house.inner.engine.act('shop-1', abort, ANN)
    expect(house.canaries('checkout')).toBe(0)
    await house.flags.change('checkout', AT_ONCE, ANN)
    await house.inner.engine.act('shop-2', promoteFull, ANN)
    expect(house.canaries('checkout')).toBe(100)
    await house.restart()
    expect(house.canaries('checkout')).toBe(100)
    await house.inner.start(RAMP.plan, 'shop-v1')
    expect(house.canaries('checkout')).toBe(100)
    await house.inner.engine.act('shop-3', promoteFull, ANN)
    expect(house.canaries('checkout')).toBe(0)
  })

  test("once promoted, it leaves the next rollout of its route to that one's coin", async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', AT_ONCE, ANN)
    await house.inner.engine.act('shop-1', promoteFull, ANN)
    await house.inner.start(RAMP.plan, 'shop-v3')
    expect(house.evaluate('checkout', 'ann', 'shop')).toBeNull()
    expect(house.evaluate('checkout', 'ann')).toBe('canary')
    await house.inner.engine.act('shop-2', promoteFull, ANN)
    await house.inner.start(RAMP.plan, 'shop-v1')
    expect(house.evaluate('checkout', 'ann', 'shop')).toBeNull()
    expect(house.evaluate('checkout', 'ann')).toBe('stable')
  })

  test.for([false, true])(
    'one that was taken back stays off when another rollout brings its upstream, restart: %s',
    async (isRestarted) => {
      const house = await FlagHouse.open()
      await house.create()
      await house.flags.change('checkout', AT_ONCE, ANN)
      await house.inner.engine.act('shop-1', abort, ANN)
      await house.pass(100)
      if (isRestarted) await house.restart()
      await house.inner.start(RAMP.plan, 'shop-v2')
      await house.inner.engine.act('shop-2', promoteFull, ANN)
      expect(house.canaries('checkout')).toBe(0)
    },
  )

  test('one that was taken back and is tried again decides anew, and is on when that is promoted', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', AT_ONCE, ANN)
    await house.inner.engine.act('shop-1', abort, ANN)
    await house.pass(100)
    await house.inner.engine.act('shop-1', retry, ANN)
    await house.pass(100)
    expect(house.evaluate('checkout', 'ann', 'shop')).toBeNull()
    await house.inner.engine.act('shop-1', promoteFull, ANN)
    expect(house.canaries('checkout')).toBe(100)
  })

  test('it starts when it is time, also after a restart', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const startMs = house.inner.nowMs + 10 * S
    await house.flags.change('checkout', { ...AT_ONCE, startMs }, ANN)
    expect(house.inner.engine.list()).toEqual([])
    await house.restart()
    await house.pass(10 * S + 100)
    expect(house.inner.engine.find('shop-1')?.phase).toBe('progressing')
    expect(house.flags.find('checkout')?.state).toMatchObject({
      kind: 'rollout',
      rollout: 'shop-1',
    })
  })

  test('one that cannot start any more leaves its flag off, and says why', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const startMs = house.inner.nowMs + 10 * S
    await house.flags.change('checkout', { ...AT_ONCE, startMs }, ANN)
    await house.inner.start()
    await house.inner.engine.act('shop-1', promoteFull, ANN)
    await house.pass(10 * S + 100)
    expect(house.flags.find('checkout')?.state).toMatchObject({
      kind: 'off',
      reason: expect.stringContaining('is its stable upstream already'),
    })
  })

  test.for([
    ['route', { ...RAMP, route: 'shopp' }, 'did you mean "shop"?'],
    ['upstream', { ...RAMP, to: 'shop-v22' }, 'did you mean "shop-v2"?'],
    ['stable upstream', { ...RAMP, to: 'shop-v1' }, 'is the stable upstream'],
  ] as const)('one with a wrong %s is refused', async ([, request, why]) => {
    const house = await FlagHouse.open()
    await house.create()
    const change = house.flags.change('checkout', { ...AT_ONCE, request }, ANN)
    await expect(change).rejects.toThrow(why)
    expect(house.inner.engine.list()).toEqual([])
  })
})

describe('switching off', () => {
  test('aborts the rollout too, and is in force when it returns', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', AT_ONCE, ANN)
    await house.flags.off('checkout', 'it smells', BOB)
    expect(house.inner.engine.find('shop-1')?.phase).toBe('aborted')
    expect(house.published.at(-1)).toBe(0)
    expect(house.evaluate('checkout', 'ann', 'shop')).toBe('stable')
    const changes = await house.inner.store.flagChanges('checkout', 1)
    expect(changes).toMatchObject([{ actor: 'bob', what: 'switched off: it smells' }])
  })

  test('is in force while the store fails, and recorded when it can be', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', share(10_000), ANN)
    house.storeFault = STORE_FAULT
    const off = house.flags.off('checkout', '', ANN)
    await expect(off).rejects.toMatchObject({
      code: 'storeUnavailable',
      message: expect.stringContaining('a restart would bring it back'),
    })
    expect(house.published.at(-1)).toBe(0)
    house.storeFault = null
    await house.pass(2 * S)
    await house.restart()
    expect(house.canaries('checkout')).toBe(0)
  })

  test('of what is off already does nothing', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const before = house.published.length
    expect((await house.flags.off('checkout', '', ANN)).generation).toBe(1)
    expect(house.published).toHaveLength(before)
  })

  test('no other change is in force when the store fails', async () => {
    const house = await FlagHouse.open()
    await house.create()
    house.storeFault = STORE_FAULT
    await expect(house.flags.change('checkout', share(10_000), ANN)).rejects.toThrow(CodedError)
    expect(house.canaries('checkout')).toBe(0)
  })
})

describe('where a second person is asked for', () => {
  test('a change waits until somebody else than its author approves it', async () => {
    const house = await FlagHouse.open()
    house.approval = 'required'
    await house.create()
    await house.flags.change('checkout', share(10_000), ANN)
    expect(house.canaries('checkout')).toBe(0)
    await expect(house.flags.approve('checkout', ANN)).rejects.toMatchObject({ code: 'forbidden' })
    await house.restart()
    const flag = await house.flags.approve('checkout', BOB)
    expect(flag).toMatchObject({ proposal: null, state: { kind: 'share', weightBp: 10_000 } })
    expect(house.canaries('checkout')).toBe(100)
    await expect(house.flags.approve('checkout', BOB)).rejects.toThrow('nothing is proposed')
  })

  test('what is proposed while a ramp waits for its time is kept when it starts, over a restart too', async () => {
    const house = await FlagHouse.open()
    await house.create()
    const startMs = house.inner.nowMs + 10 * S
    await house.flags.change('checkout', { ...AT_ONCE, startMs }, ANN)
    house.approval = 'required'
    await house.flags.change('checkout', share(100), ANN)
    await house.pass(10 * S + 100)
    await house.restart()
    expect(house.flags.find('checkout')).toMatchObject({
      state: { kind: 'rollout' },
      proposal: { author: 'ann' },
    })
  })

  test('a schedule counts from its approval where it should have begun before', async () => {
    const house = await FlagHouse.open()
    house.approval = 'required'
    await house.create()
    const startMs = house.inner.nowMs + S
    const steps = [
      { afterMs: 0, weightBp: 100 },
      { afterMs: M, weightBp: 10_000 },
    ]
    await house.flags.change('checkout', { type: 'share', startMs, steps }, ANN)
    await house.pass(10 * S)
    expect(house.flags.find('checkout')?.state.kind).toBe('off')
    await house.flags.approve('checkout', BOB)
    expect(house.flags.find('checkout')?.state).toMatchObject({
      weightBp: 100,
      due: [{ atMs: house.inner.nowMs + M }],
    })
  })

  test('switching off never waits, and takes what was proposed with it', async () => {
    const house = await FlagHouse.open()
    await house.create()
    await house.flags.change('checkout', share(10_000), ANN)
    house.approval = 'required'
    await house.flags.change('checkout', share(5_000), ANN)
    await house.flags.off('checkout', '', ANN)
    expect(house.flags.find('checkout')).toMatchObject({ proposal: null, state: { kind: 'off' } })
  })
})
