/** Each sample is 1 000 choices, so that milliseconds a sample read as microseconds a choice. */

import { expect, test } from 'vitest'
import type { Balance } from '../../src/proxy/upstream/settings.ts'
import { CompiledUpstream } from '../../src/proxy/upstream/compiled.ts'
import { EndpointSet } from '../../src/proxy/upstream/endpoint-set.ts'
import { endpointOf, upstreamOf } from '../../test/proxy/routes.ts'

const BALANCES: readonly Balance[] = ['leastRequest', 'roundRobin', 'random', 'consistentHash']

function upstream(balance: Balance, weights: readonly number[]): CompiledUpstream {
  const endpoints = new EndpointSet()
  const addresses = weights.map((weight, index) => endpointOf(9_001 + index, { weight }))
  const compiled = new CompiledUpstream(upstreamOf('shop', addresses, { balance }), {
    endpoints,
    random: Math.random,
  })
  endpoints.follow([compiled])
  return compiled
}

const EVEN = Array.from({ length: 4 }, () => 1)
const UNEVEN = Array.from({ length: 32 }, (_, index) => 1 + (index % 5))

test.for(BALANCES)('%s, 1000 times', async (balance, { bench }) => {
  let hash = 1
  const choice = {
    unitHash: () => (hash = (Math.imul(hash, 1_664_525) + 1_013_904_223) >>> 0),
    avoid: null,
  }
  let chosenCount = 0
  for (const [name, weights] of [
    ['of four', EVEN],
    ['of 32 with weights', UNEVEN],
  ] as const) {
    const fleet = upstream(balance, weights)
    await bench(name, () => {
      for (let i = 0; i < 1_000; i++) if (fleet.choose(choice) !== null) chosenCount++
    }).run({ time: 50 })
  }
  expect(chosenCount).toBeGreaterThan(0)
})

test('what is noted of an attempt, 1000 times', async ({ bench }) => {
  const [endpoint] = upstream('leastRequest', EVEN).endpoints
  await bench('note', () => {
    for (let i = 0; i < 1_000; i++) endpoint!.note('ok', 1_000 + i)
  }).run({ time: 50 })
  expect(endpoint!.vitals.requestCount).toBeGreaterThan(0)
})
