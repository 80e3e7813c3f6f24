import { expect, test } from 'vitest'
import { isVersion1, openKeeper } from '../../../src/control/judge/keeper.ts'

interface Kept {
  readonly version: 1
  readonly count: number
}

/** A store in memory, that fails when it is told to. */
class Memory {
  readonly bodies: Map<string, string>
  isFailing = false
  readonly said: string[] = []

  constructor(bodies: Readonly<Record<string, string>> = {}) {
    this.bodies = new Map(Object.entries(bodies))
  }

  async evidence() {
    return this.bodies
  }

  async keepEvidence(changes: ReadonlyMap<string, string | null>) {
    if (this.isFailing) throw new Error('the disk is full')
    for (const [key, body] of changes) {
      if (body === null) this.bodies.delete(key)
      else this.bodies.set(key, body)
    }
  }

  open() {
    const warn = (message: string) => void this.said.push(message)
    return openKeeper(this, { debug() {}, info() {}, error() {}, warn })
  }
}

test('each part finds what it has kept, and nothing of the others', async () => {
  const memory = new Memory()
  const first = await memory.open()
  first.shelf<Kept>('metrics', isVersion1).keep('shop-1', { version: 1, count: 3 })
  first.shelf<Kept>('pushed', isVersion1).keep('shop-1', { version: 1, count: 4 })
  first.shelf<{ a: number }>('evidence', () => true).keep('shop-1', { a: 5 })
  first.shelf<Kept>('metrics', isVersion1).keep('shop-2', null)
  await first.close()
  expect([...memory.bodies.keys()].toSorted()).toEqual([
    'metrics/shop-1',
    'pushed/shop-1',
    'shop-1',
  ])
  const second = await memory.open()
  expect(second.shelf<Kept>('metrics', isVersion1).kept).toEqual(
    new Map([['shop-1', { version: 1, count: 3 }]]),
  )
  expect(second.shelf('evidence', () => true).kept).toEqual(new Map([['shop-1', { a: 5 }]]))
  expect(second.shelf('kayenta', isVersion1).kept.size).toBe(0)
})

test('what cannot be read, or is of another version, is left out and told of', async () => {
  const memory = new Memory({ 'metrics/shop-1': '{"version":2}', 'metrics/shop-2': '{' })
  const keeper = await memory.open()
  expect(keeper.shelf('metrics', isVersion1).kept.size).toBe(0)
  expect(memory.said).toEqual([
    'What was kept of "shop-1" (metrics) does not fit, and begins anew',
    'What was kept of "shop-2" (metrics) cannot be read, and begins anew',
  ])
})

test('a store that fails is told of once, and what comes later is kept', async () => {
  const memory = new Memory()
  const keeper = await memory.open()
  const shelf = keeper.shelf<Kept>('metrics', isVersion1)
  memory.isFailing = true
  for (const count of [1, 2]) {
    shelf.keep('shop-1', { version: 1, count })
    await keeper.close()
  }
  expect(memory.said).toEqual(['Evidence is not kept'])
  memory.isFailing = false
  shelf.keep('shop-1', { version: 1, count: 3 })
  await keeper.close()
  expect(memory.bodies.get('metrics/shop-1')).toBe('{"version":1,"count":3}')
})

test('what could not be kept is kept with what comes next, unless that is newer', async () => {
  const memory = new Memory({ 'alarms/ended': '{"version":1,"count":0}' })
  const keeper = await memory.open()
  const alarms = keeper.shelf<Kept>('alarms', isVersion1)
  memory.isFailing = true
  alarms.keep('ended', null)
  alarms.keep('shop-1', { version: 1, count: 1 })
  alarms.keep('shop-2', { version: 1, count: 1 })
  await keeper.close()
  memory.isFailing = false
  alarms.keep('shop-2', { version: 1, count: 2 })
  await keeper.close()
  expect([...memory.bodies]).toEqual([
    ['alarms/shop-1', '{"version":1,"count":1}'],
    ['alarms/shop-2', '{"version":1,"count":2}'],
  ])
})
