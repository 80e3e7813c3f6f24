/** Coming back after a stop, and taking a new configuration. */

import { describe, expect, test } from 'vitest'
import { PLAN } from './fixtures.ts'
import {
  abort,
  caller,
  configOf,
  GOOD,
  House,
  M,
  newHouse,
  promote,
  promoteFull,
  resume,
  retry,
  ROUTING_FAULT,
  S,
  STORE_FAULT,
} from './house.ts'

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
