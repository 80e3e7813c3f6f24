/** Each sample is 1 000 requests opened, noted and settled, so that milliseconds a sample read as microseconds a request. */

import { expect, test } from 'vitest'
import { SETTLED } from '../../src/analyzer/settled.ts'
import { cellOffset, createTallyBuffer, segment } from '../../src/analyzer/tally.ts'
import { murmur3 } from '../../src/proxy/bucket.ts'
import { ERROR, OK, SettlementRing } from '../../src/proxy/settlement/ring.ts'
import { createUnitBuffer, UnitSet } from '../../src/proxy/settlement/units.ts'

const AGE_MS = 1_000
const REQUESTS = 1_000

/** Beyond what the table holds, so that it is as full as it can be. */
const HASHES = Uint32Array.from({ length: 2 ** 17 }, (_, i) => murmur3(`user-${i}`, 1))

function start(units: UnitSet | null, unitCount: number) {
  const words = segment(createTallyBuffer(1), 0)
  const ring = new SettlementRing(words, AGE_MS, units)
  let nowMs = 0
  let next = 0
  const settle = () => {
    for (let i = 0; i < REQUESTS; i++) {
      const ticket = ring.open(i & 1, nowMs, HASHES[next++ % unitCount]!)
      ring.note(ticket, i % 100 === 0 ? ERROR : OK, 5_000 + i)
    }
    nowMs += AGE_MS
    ring.sweep(nowMs)
  }
  return { settle, seenCount: () => words[cellOffset(0) + SETTLED.seenUnits]! }
}

function timed(): UnitSet {
  const buffer = createUnitBuffer()
  new UnitSet(buffer).setLimits([5_500, 5_900, 5_950, 5_990])
  return new UnitSet(buffer)
}

test.for([
  ['without units', null, 1],
  ['of 1 000 units', timed(), 1_000],
  ['of 32 000 units', timed(), 32_000],
  ['of more units than are told apart', timed(), HASHES.length],
] as const)('1000 requests %s are settled', async ([name, units, unitCount], { bench }) => {
  const { settle, seenCount } = start(units, unitCount)
  const result = await bench(name, settle).run({ time: 300, warmupTime: 200 })
  expect(seenCount() > 0).toBe(units !== null)
  expect(result).toBeDefined()
})

test('the units of an attempt are kept, as many as can be', async ({ bench }) => {
  const units = timed()
  start(units, HASHES.length).settle()
  for (const hash of HASHES) units.add(hash, 1)
  let charCount = 0
  const result = await bench('keep', () => {
    charCount += units.keep().length
  }).run({ time: 300 })
  expect(charCount).toBeGreaterThan(0)
  expect(result).toBeDefined()
})
