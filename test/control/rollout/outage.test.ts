/** Aborts, and what still works while the store or the threads do not. */

import { describe, expect, test } from 'vitest'
import { replyFor } from '../store/entries.ts'
import { NO_GUARD, STEPS } from './fixtures.ts'
import {
  abort,
  BAD,
  caller,
  configOf,
  GOOD,
  M,
  newHouse,
  pause,
  promote,
  retry,
  ROUTING_FAULT,
  S,
  STORE_FAULT,
} from './house.ts'

const keep = () => replyFor('key')

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
    expect(await house.engine.act('shop-1', abort, { actor: 'bob', keep })).toBe(aborted)
    expect(house.said).toContain('warn: The reply to an abort of "shop-1" is not kept')
  })

  test('is recorded even when the key of its reply is taken', async () => {
    const house = await newHouse()
    await house.start()
    await house.store.append([], replyFor('key'))
    const { phase } = await house.engine.act('shop-1', abort, { actor: 'alice', keep })
    expect(phase).toBe('aborted')
    expect(await house.journal()).toContain('2 shop-1 abort aborted')
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

  test('a step whose time is over is not tried at every tick', async () => {
    const house = await newHouse()
    await house.start({ steps: STEPS, guard: NO_GUARD })
    house.storeFault = STORE_FAULT
    await house.pass(2 * M + 9 * S)
    const failures = house.said.filter((line) => line === 'error: A tick failed')
    expect(failures.length).toBeGreaterThanOrEqual(9)
    expect(failures.length).toBeLessThanOrEqual(11)
    house.storeFault = null
    await house.pass(2 * S)
    expect(house.engine.find('shop-1')).toMatchObject({ phase: 'paused', weightBp: 2_500 })
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
