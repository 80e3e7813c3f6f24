import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { LATENCY_QUANTILES } from '../../../src/analyzer/latency.ts'
import { SLOW_KINDS } from '../../../src/analyzer/settled.ts'
import { murmur3 } from '../../../src/proxy/bucket.ts'
import {
  CLIENT_FAULT,
  createUnitBuffer,
  FAILED,
  SEEN,
  SLOW,
  TIMED,
  UNIT_LIMITS,
  UnitSet,
} from '../../../src/proxy/settlement/units.ts'
import { UNIT_COUNT } from './unit-thread.ts'

const UNIT_THREAD = new URL('unit-thread.ts', import.meta.url)

function start() {
  return new UnitSet(createUnitBuffer())
}

/** As a good hash would spread them. */
function hashOf(unit: number): number {
  return murmur3(String(unit), 0)
}

/** Adds that many units of a kind, beginning with one; returns to how many it was new. */
function fill(units: UnitSet, kinds: number, count: number, first = 1): number {
  let added = 0
  for (let unit = first; unit < first + count; unit++) {
    if (units.add(hashOf(unit), kinds) !== 0) added++
  }
  return added
}

test('there is a kind of slowness for each quantile that is watched', () => {
  expect(SLOW_KINDS).toBe(LATENCY_QUANTILES.length)
})

test('units are told apart by 32 bits, 0 and negative ones too', () => {
  const units = start()
  const hashes = [0, 0, 2 ** 32 - 1, -1, 5]
  expect(hashes.map((hash) => units.add(hash, SEEN))).toEqual([SEEN, 0, SEEN, 0, SEEN])
})

test('units whose hashes begin at the same slot are told apart', () => {
  const units = start()
  const hashes = Array.from({ length: 50 }, (_, i) => 77 + i * 2 ** 18)
  expect(hashes.map((hash) => units.add(hash, FAILED))).toEqual(hashes.map(() => FAILED))
  expect(hashes.map((hash) => units.add(hash, FAILED | SEEN))).toEqual(hashes.map(() => SEEN))
})

test('units whose hashes somebody made collide cost no more than a few looks each', () => {
  const units = start()
  for (let i = 0; i < 10_000; i++) units.add(77 + i * 2 ** 18, SEEN)
  expect(units.keep().length).toBeLessThan(1_000)
  expect(units.add(hashOf(1), SEEN)).toBe(SEEN)
})

test('only what is new of a unit is returned', () => {
  const units = start()
  expect(units.add(7, SEEN | TIMED | SLOW)).toBe(SEEN | TIMED | SLOW)
  expect(units.add(7, SEEN | TIMED | SLOW | FAILED)).toBe(FAILED)
  expect(units.add(7, SEEN | CLIENT_FAULT | (SLOW << 3))).toBe(CLIENT_FAULT | (SLOW << 3))
})

describe('when as many units are seen as can be', () => {
  const units = start()
  const added = fill(units, SEEN | TIMED, 70_000)

  test('no more are, nor are they timed', () => {
    expect(added).toBe(UNIT_LIMITS.seen)
    expect(units.add(100_000, SEEN | TIMED)).toBe(0)
  })

  test('those that fail, are slow or are answered 4xx are as new as ever', () => {
    expect(units.add(100_001, SEEN | TIMED | FAILED)).toBe(FAILED)
    expect(units.add(100_002, SEEN | TIMED | SLOW | CLIENT_FAULT)).toBe(SLOW | CLIENT_FAULT)
    expect(units.add(100_001, SEEN | FAILED)).toBe(0)
  })
})

test('each kind has its own end, and all of them have room together', () => {
  const units = start()
  expect(fill(units, CLIENT_FAULT, 70_000, 1_000_000)).toBe(UNIT_LIMITS.clientFault)
  expect(fill(units, SLOW, 70_000, 2_000_000)).toBe(UNIT_LIMITS.slow)
  expect(fill(units, SEEN, 70_000, 3_000_000)).toBe(UNIT_LIMITS.seen)
  expect(fill(units, FAILED, 70_000, 4_000_000)).toBe(UNIT_LIMITS.failed)
  expect(units.add(hashOf(2_000_000), SLOW << 1), 'a slow unit may become slower').toBe(SLOW << 1)
  expect(units.keep().length).toBeLessThan(1.3 * 2 ** 20)
})

test('of threads that add the same units at once, one each is told that a unit is new', async () => {
  const buffer = createUnitBuffer()
  const threads = [1, 2, 3].map(() => new Worker(UNIT_THREAD, { workerData: buffer }))
  const told = await Promise.all(threads.map((thread) => once(thread, 'message')))
  await Promise.all(threads.map((thread) => thread.terminate()))
  const sums = [SEEN, FAILED].map((kind) =>
    told.reduce((sum, [counts]: { [kind: number]: number }[]) => sum + counts![kind]!, 0),
  )
  expect(sums).toEqual([UNIT_COUNT, UNIT_COUNT])
})

test('kept and restored, each unit is known by its kinds, and the limits hold', () => {
  const units = start()
  fill(units, FAILED, UNIT_LIMITS.failed - 1)
  units.add(-5, SEEN | SLOW)
  const again = start()
  again.restore(units.keep())
  expect(again.add(hashOf(1), FAILED | SEEN)).toBe(SEEN)
  expect(again.add(-5, SEEN | SLOW | (SLOW << 1))).toBe(SLOW << 1)
  expect(fill(again, FAILED, 10, 1_000_000)).toBe(1)
  expect(start().keep()).toBe('')
})
