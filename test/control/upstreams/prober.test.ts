/** Who is checked when, and what threads and the log are told, on a clock of the test's own. */

import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { HealthCheckConfig } from '../../../src/control/config/schema-health.ts'
import type { Finding } from '../../../src/control/upstreams/health.ts'
import { CONCURRENCY, type Probed, Prober } from '../../../src/control/upstreams/prober.ts'

const PASSED: Finding = { isPassed: true }
const FAILED: Finding = { isPassed: false, reason: 'answered 503' }

const CHECK: HealthCheckConfig = {
  question: { protocol: 'tcp' },
  intervalMs: 2_000,
  timeoutMs: 1_000,
  healthyAfter: 2,
  unhealthyAfter: 2,
  port: null,
}

function probed(port: number, changes: Partial<Probed> = {}): Probed {
  return {
    upstream: 'a',
    id: `http1://127.0.0.1:${port}`,
    target: { name: '127.0.0.1', host: '127.0.0.1', port, protocol: 'http1', tls: null },
    check: CHECK,
    ...changes,
  }
}

/** A prober whose checks are answered by what the test says of each port; `hold`: not before it is told to. */
function start({ random = () => 0.5 }: { random?: () => number } = {}) {
  const bench = {
    nowMs: 0,
    /** By port. */
    findings: new Map<number, Finding>(),
    asked: [] as { readonly port: number; readonly atMs: number }[],
    /** Answers that are held back. */
    held: [] as (() => void)[],
    isHeld: false,
    told: [] as (readonly string[])[],
    logged: [] as string[],
  }
  const prober = new Prober({
    ask: async ({ port }) => {
      bench.asked.push({ port, atMs: bench.nowMs })
      if (bench.isHeld) await new Promise<void>((resolve) => bench.held.push(resolve))
      return bench.findings.get(port) ?? PASSED
    },
    nowMs: () => bench.nowMs,
    random,
    log: {
      info: (message) => void bench.logged.push(message),
      warn: (message) => void bench.logged.push(message),
    },
    onChange: (ids) => void bench.told.push(ids),
  })
  /** Lets time pass with a tick each 100 ms. */
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = bench.nowMs + ms; bench.nowMs < endMs;) {
      bench.nowMs += 100
      prober.tick()
      await setImmediate()
    }
  }
  return Object.assign(bench, { prober, pass })
}

test('each endpoint is checked within its first interval, and then once an interval, jittered', async () => {
  let drawn = 0
  // A low-discrepancy sequence: all of 0 to 1 comes, evenly.
  const bench = start({ random: () => (drawn += 0.618_034) % 1 })
  bench.prober.use([1, 2, 3, 4].map((port) => probed(port)))
  await bench.pass(1_100)
  expect(bench.asked.map(({ port }) => port).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4])
  await bench.pass(40_000)
  for (const port of [1, 2, 3, 4]) {
    const times = bench.asked.filter((each) => each.port === port).map(({ atMs }) => atMs)
    const gaps = times.slice(1).map((atMs, i) => atMs - times[i]!)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_800)
    // One tick later than a tenth more.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2_300)
    expect(new Set(gaps).size).toBeGreaterThan(2)
  }
})

test('only changes are told, to threads and in the log, a line each', async () => {
  const bench = start()
  bench.prober.use([probed(1), probed(2)])
  await bench.pass(10_000)
  expect(bench.told).toEqual([])
  bench.findings.set(2, FAILED)
  await bench.pass(10_000)
  expect(bench.told).toEqual([['http1://127.0.0.1:2']])
  bench.findings.set(2, PASSED)
  await bench.pass(10_000)
  expect(bench.told).toEqual([['http1://127.0.0.1:2'], []])
  expect(bench.logged).toEqual([
    'Endpoint http1://127.0.0.1:2 of upstream "a" is unhealthy: it answered 503',
    'Endpoint http1://127.0.0.1:2 of upstream "a" is healthy again',
  ])
})

test('findings are counted, and what is known can be read', async () => {
  const bench = start()
  bench.findings.set(1, FAILED)
  bench.prober.use([probed(1)])
  expect(bench.prober.reading('a', probed(1).id)?.health.status).toBe('unknown')
  await bench.pass(1_000)
  bench.findings.set(1, PASSED)
  await bench.pass(2_000)
  expect(bench.prober.reading('a', probed(1).id)).toMatchObject({
    passedCount: 1,
    failedCount: 1,
    health: { status: 'unhealthy', againstCount: 1, reason: 'answered 503' },
  })
  expect(bench.prober.reading('b', probed(1).id)).toBeNull()
})

test('a new configuration keeps what is known of endpoints that stay', async () => {
  const bench = start()
  bench.findings.set(1, FAILED).set(2, FAILED)
  bench.prober.use([probed(1), probed(2)])
  await bench.pass(3_000)
  expect(bench.told.at(-1)).toEqual([probed(1).id, probed(2).id])
  const check = { ...CHECK, healthyAfter: 1 }
  bench.prober.use([probed(1, { check }), probed(3)])
  expect(bench.told.at(-1)).toEqual([probed(1).id])
  expect(bench.prober.reading('a', probed(1).id)).toMatchObject({ health: { status: 'unhealthy' } })
  expect(bench.prober.reading('a', probed(2).id)).toBeNull()
  bench.findings.set(1, PASSED)
  await bench.pass(2_200)
  expect(bench.told.at(-1)).toEqual([])
})

const HOURLY = { ...CHECK, intervalMs: 3_600_000 }

test('however long the interval, the first check comes in five seconds', async () => {
  const bench = start({ random: () => 0.999 })
  bench.prober.use([probed(1, { check: HOURLY })])
  await bench.pass(5_000)
  expect(bench.asked).toHaveLength(1)
})

test('a shorter interval counts at once', async () => {
  const bench = start({ random: () => 0 })
  bench.prober.use([probed(1, { check: HOURLY })])
  await bench.pass(1_000)
  expect(bench.asked).toHaveLength(1)
  bench.prober.use([probed(1)])
  await bench.pass(2_300)
  expect(bench.asked).toHaveLength(2)
})

test('an endpoint of two upstreams is unhealthy as long as one of them says so', async () => {
  const bench = start()
  const other = { target: { ...probed(1).target, port: 9 }, upstream: 'b' }
  bench.findings.set(9, FAILED)
  bench.prober.use([probed(1), probed(1, other)])
  await bench.pass(4_000)
  expect(bench.told).toEqual([[probed(1).id]])
  bench.prober.use([probed(1)])
  expect(bench.told.at(-1)).toEqual([])
})

test('so many checks are on the way at once and no more; the others come when there is room', async () => {
  const bench = start({ random: () => 0 })
  const ports = Array.from({ length: CONCURRENCY + 10 }, (_, i) => i + 1)
  bench.isHeld = true
  bench.prober.use(ports.map((port) => probed(port)))
  await bench.pass(1_000)
  expect(bench.asked).toHaveLength(CONCURRENCY)
  bench.isHeld = false
  for (const answer of bench.held.splice(0)) answer()
  await setImmediate()
  await bench.pass(200)
  expect(new Set(bench.asked.map(({ port }) => port)).size).toBe(ports.length)
})

test('a check that fails while the process stood still says nothing, and is made again', async () => {
  const bench = start({ random: () => 0 })
  bench.prober.use([probed(1)])
  bench.isHeld = true
  bench.findings.set(1, FAILED)
  await bench.pass(100)
  // The time is up before the tick that would have come first.
  bench.nowMs += 3_000
  bench.held.pop()!()
  await setImmediate()
  expect(bench.told).toEqual([])
  await bench.pass(100)
  expect(bench.asked).toHaveLength(2)
  // And after it.
  bench.nowMs += 3_000
  bench.prober.tick()
  bench.held.pop()!()
  await setImmediate()
  expect(bench.told).toEqual([])
  bench.isHeld = false
  await bench.pass(200)
  expect(bench.told).toEqual([[probed(1).id]])
})

test('what is asked anew is asked soon, and its first answer decides alone', async () => {
  const bench = start({ random: () => 0.5 })
  bench.findings.set(1, FAILED)
  const check = { ...HOURLY, healthyAfter: 3, unhealthyAfter: 3 }
  bench.prober.use([probed(1, { check })])
  await bench.pass(5_000)
  expect(bench.told).toEqual([[probed(1).id]])
  bench.findings.set(1, PASSED)
  bench.prober.use([probed(1, { check: { ...check, intervalMs: 1_800_000 } })])
  await bench.pass(5_000)
  expect(bench.asked).toHaveLength(1)
  const question = { protocol: 'grpc', service: '' } as const
  bench.prober.use([probed(1, { check: { ...check, question } })])
  // Until then what was known holds.
  expect(bench.told).toHaveLength(1)
  await bench.pass(5_000)
  expect(bench.told).toEqual([[probed(1).id], []])
})

test('an endpoint is not asked again while a check of it is on the way', async () => {
  const bench = start()
  bench.isHeld = true
  bench.prober.use([probed(1)])
  await bench.pass(10_000)
  expect(bench.asked).toHaveLength(1)
})

test('what comes of a check after its endpoint has left says nothing', async () => {
  const bench = start()
  bench.isHeld = true
  bench.findings.set(1, FAILED)
  bench.prober.use([probed(1)])
  await bench.pass(2_000)
  bench.prober.use([])
  for (const answer of bench.held.splice(0)) answer()
  await setImmediate()
  expect(bench.told).toEqual([])
  expect(bench.logged).toEqual([])
})
