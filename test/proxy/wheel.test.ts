/** Every item is visited once a turn, a share of them in each tick. */

import { expect, test } from 'vitest'
import { Wheel } from '../../src/proxy/wheel.ts'

class Item {
  readonly name: string
  readonly visits: number[] = []

  constructor(name: string) {
    this.name = name
  }

  sweep(dueMs: number): void {
    this.visits.push(dueMs)
  }
}

function wheelOf(slotCount: number, itemCount: number) {
  const wheel = new Wheel<Item>(slotCount)
  const items = Array.from({ length: itemCount }, (_, i) => new Item(String(i)))
  const removals = items.map((item) => wheel.add(item))
  return { wheel, items, removals }
}

test('a turn visits each item once, spread evenly over the ticks', () => {
  const { wheel, items } = wheelOf(4, 10)
  for (let tick = 0; tick < 4; tick++) {
    expect(wheel.isAtStart).toBe(tick === 0)
    wheel.tick(tick)
  }
  expect(wheel.isAtStart).toBe(true)
  expect(items.map(({ visits }) => visits)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1].map((t) => [t]))
})

test('a sweep visits all at once and leaves the hand where it is', () => {
  const { wheel, items } = wheelOf(3, 4)
  wheel.tick(1)
  wheel.sweep(2)
  wheel.tick(3)
  expect(items.map(({ visits }) => visits)).toEqual([[1, 2], [2, 3], [2], [1, 2]])
})

test('what is taken out is visited no more', () => {
  const { wheel, items, removals } = wheelOf(2, 4)
  removals[1]!()
  expect(wheel.size).toBe(3)
  expect([...wheel].map(({ name }) => name)).toEqual(['0', '2', '3'])
  wheel.sweep(5)
  expect(items[1]!.visits).toEqual([])
})

test('an item may take itself out while it is visited, and put another one in', () => {
  const wheel = new Wheel<{ sweep(dueMs: number): void }>(1)
  const seen: string[] = []
  const remove = wheel.add({
    sweep: () => {
      seen.push('first')
      remove()
      wheel.add({ sweep: () => void seen.push('second') })
    },
  })
  wheel.add({ sweep: () => void seen.push('other') })
  wheel.tick(0)
  wheel.tick(0)
  expect(seen.filter((name) => name === 'first')).toHaveLength(1)
  expect(seen.filter((name) => name === 'other')).toHaveLength(2)
  expect(wheel.size).toBe(2)
})
