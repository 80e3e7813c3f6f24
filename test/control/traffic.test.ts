import { expect, test } from 'vitest'
import { counts } from './rollout/house.ts'
import { Traffic } from '../../src/control/traffic.ts'

function open(requestCounts: readonly number[]) {
  const clock = { ms: 1_000_000, nowMs: () => clock.ms }
  const series = {
    find: (route: string, variant: string) =>
      route === 'shop' ? ['stable', 'canary'].indexOf(variant) : undefined,
  }
  const tallies = { lastMinute: (place: number) => counts(requestCounts[place]!, 0) }
  return { traffic: new Traffic({ series, tallies, clock }), clock }
}

test('a route has the requests of both variants', () => {
  const { traffic, clock } = open([5_400, 600])
  clock.ms += 90_000
  expect(traffic.requestsPerSecond('shop')).toBe(100)
  expect(traffic.requestsPerSecond('other')).toBe(0)
})

test('what has just begun has not been looked at for a minute', () => {
  const { traffic, clock } = open([2_000, 0])
  clock.ms += 9_000
  expect(traffic.requestsPerSecond('shop')).toBeNull()
  clock.ms += 11_000
  expect(traffic.requestsPerSecond('shop')).toBe(100)
})

test('windows that were emptied count from then on', () => {
  const { traffic, clock } = open([1_800, 200])
  clock.ms += 90_000
  traffic.emptied('shop', 'canary')
  expect(traffic.requestsPerSecond('shop')).toBe(30)
  clock.ms += 20_000
  expect(traffic.requestsPerSecond('shop')).toBe(40)
  traffic.emptied('shop', 'stable')
  expect(traffic.requestsPerSecond('shop')).toBeNull()
})
