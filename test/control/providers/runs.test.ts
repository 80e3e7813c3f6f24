import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { AnalysisConfig } from '../../../src/control/config/config.ts'
import { NamedFiles } from '../../../src/control/config/named-files.ts'
import { Analysis } from '../../../src/control/config/schema-analysis.ts'
import { toServer } from '../../../src/control/config/servers.ts'
import { PushedMetrics } from '../../../src/control/providers/pushed.ts'
import type { KeptRuns } from '../../../src/control/providers/attempt.ts'
import { MetricRuns } from '../../../src/control/providers/runs.ts'
import type { RunningRollout } from '../../../src/control/rollout/book.ts'
import type { Rollout, RolloutEvent } from '../../../src/control/rollout/state.ts'
import { transition } from '../../../src/control/rollout/transition.ts'
import { abort, caller, M, newHouse, resume, retry, S } from '../rollout/house.ts'
import { NO_GUARD, PLAN, started, STEPS } from '../rollout/fixtures.ts'
import { answering, prometheus } from './answering.ts'

const PUSHED = {
  name: 'conversion',
  provider: { pushed: { name: 'conversion' } },
  successCondition: 'result[-1] > 95',
  interval: '1s',
}

function analysisOf(written: unknown): AnalysisConfig {
  const { servers, metrics, judge } = Analysis.parse(written)
  const files = new NamedFiles('.')
  const read = new Map([...servers].map(([name, entry]) => [name, toServer(entry, files)]))
  return { servers: read, metrics, judge }
}

/** Runs with a clock, a configuration and a log in the test's hands. */
class Bench {
  nowMs = 0
  analysis: AnalysisConfig
  readonly said: string[] = []
  readonly pushed = new PushedMetrics()
  readonly runs: MetricRuns
  /** What it has kept. */
  readonly kept = new Map<string, KeptRuns | null>()

  /** `earlier`: what another has kept. */
  constructor(written: unknown, earlier: ReadonlyMap<string, KeptRuns | null> = new Map()) {
    this.analysis = analysisOf(written)
    const say = (level: string) => (message: string) => void this.said.push(`${level}: ${message}`)
    this.runs = new MetricRuns({
      analysis: () => this.analysis,
      pushed: this.pushed,
      shelf: {
        kept: new Map([...earlier].flatMap(([id, runs]) => (runs === null ? [] : [[id, runs]]))),
        keep: (rollout, runs) => {
          const text = JSON.stringify(runs)
          this.kept.set(rollout, JSON.parse(text) as KeptRuns | null)
        },
      },
      clock: { nowMs: () => this.nowMs },
      log: { info: say('info'), warn: say('warn'), error: say('error') },
    })
    onTestFinished(() => this.runs.close())
  }

  push(value: number): void {
    this.pushed.push(
      'shop-1',
      [{ name: 'conversion', variant: 'canary', value }],
      (this.nowMs += 1),
    )
  }

  /** Measures what is due at this time; what is pushed answers at once. */
  async measure(rollout: RunningRollout, atMs: number): Promise<void> {
    this.nowMs = Math.max(this.nowMs, atMs)
    this.runs.tick([rollout])
    await setImmediate()
  }
}

function live(state: Rollout): RunningRollout {
  if ('endedAtMs' in state) throw new Error('it has ended')
  return state
}

function after(...events: readonly RolloutEvent[]): RunningRollout {
  return live(events.reduce((state, event) => transition(state, event).state, started()))
}

const ROLLOUT = after()

describe('a metric', () => {
  test('that fails asks for what its onFailure says, until the attempt is over', async () => {
    const bench = new Bench({ metrics: [PUSHED] })
    await bench.measure(ROLLOUT, 0)
    expect(bench.runs.standings(ROLLOUT)).toMatchObject([{ name: 'conversion', state: 'noData' }])
    bench.push(90)
    await bench.measure(ROLLOUT, 1_500)
    expect(bench.runs.demands(ROLLOUT)).toEqual([
      {
        id: 'conversion/2',
        action: 'abort',
        sentence:
          'conversion fails: 1 of 1 measurement failed, 0 allowed; the last: [90] does not meet successCondition',
        replay: expect.objectContaining({ kind: 'metric', result: [90] }),
      },
    ])
    const next = live({ ...ROLLOUT, attempt: 2 })
    expect(bench.runs.demands(next)).toEqual([])
    bench.runs.tick([next])
    expect(bench.runs.standings(next)).toMatchObject([{ state: 'running' }])
    expect(bench.runs.standings(ROLLOUT)).toEqual([])
  })

  test.for([
    [{ onFailure: 'warn' }, 'warn: shop-1: conversion fails'],
    [{ dryRun: true }, 'info: shop-1: conversion fails'],
  ] as const)('with %j only says so', async ([over, said]) => {
    const bench = new Bench({ metrics: [{ ...PUSHED, ...over }] })
    bench.push(90)
    await bench.measure(ROLLOUT, 0)
    expect(bench.runs.demands(ROLLOUT)).toEqual([])
    expect(bench.said.join('\n')).toContain(said)
  })

  test('that is undecided pauses', async () => {
    const metric = { ...PUSHED, failureCondition: 'result[-1] < 50' }
    const bench = new Bench({ metrics: [metric] })
    bench.push(90)
    await bench.measure(ROLLOUT, 0)
    expect(bench.runs.demands(ROLLOUT)).toMatchObject([{ action: 'pause' }])
  })

  test('that passes says so and asks for nothing', async () => {
    const bench = new Bench({ metrics: [{ ...PUSHED, count: 1 }] })
    bench.push(96)
    await bench.measure(ROLLOUT, 0)
    expect(bench.runs.demands(ROLLOUT)).toEqual([])
    expect(bench.runs.standings(ROLLOUT)).toMatchObject([{ state: 'pass' }])
    expect(bench.said).toHaveLength(1)
  })

  test('without data for long is told once', async () => {
    const bench = new Bench({ metrics: [PUSHED] })
    // The fifth answer is there at the sixth look.
    for (const second of [0, 1, 2, 3, 4, 5, 6]) await bench.measure(ROLLOUT, second * 1_100)
    expect(bench.said).toEqual([
      expect.stringMatching(/^warn: shop-1: conversion has no data: .*; look at its query$/),
    ])
    expect(bench.runs.demands(ROLLOUT)).toEqual([])
  })

  test('is not measured while the canary has no traffic', async () => {
    const bench = new Bench({ metrics: [PUSHED] })
    const idle = after({ type: 'setWeight', atMs: 1, actor: 'alice', weightBp: 0 })
    const blocked = after({ type: 'block', atMs: 1, reason: 'no upstream' })
    bench.push(90)
    for (const rollout of [idle, blocked]) {
      await bench.measure(rollout, 5_000)
      expect(bench.runs.standings(rollout)).toEqual([])
    }
  })
})

describe('a provider', () => {
  const metric = {
    name: 'success-rate',
    provider: { prometheus: { server: 'prom', query: 'up' } },
    successCondition: 'result[0] > 0.9',
    interval: '1s',
    consecutiveErrorLimit: 0,
  }

  test('that fails pauses for its own reason, which is none when it answers again', async () => {
    let isDown = true
    const good = prometheus('vector', [{ metric: {}, value: [1, '1'] }])
    const { address } = await answering((asked, response) => {
      if (!isDown) return good(asked, response)
      response.statusCode = 503
      response.end()
    })
    const bench = new Bench({ servers: { prom: { prometheus: address } }, metrics: [metric] })
    await bench.measure(ROLLOUT, 0)
    await vi.waitFor(() => expect(bench.runs.demands(ROLLOUT)).toHaveLength(1))
    const [demand] = bench.runs.demands(ROLLOUT)
    expect(demand).toMatchObject({ action: 'pause' })
    expect(demand?.sentence).toContain('success-rate cannot be measured: once in a row')
    expect(bench.runs.standings(ROLLOUT)).toMatchObject([{ state: 'providerError' }])
    isDown = false
    await bench.measure(ROLLOUT, 10_000)
    await vi.waitFor(() => expect(bench.runs.demands(ROLLOUT)).toEqual([]))
    expect(bench.said).toEqual(['info: shop-1: the provider of success-rate answers again'])
    expect(bench.runs.standings(ROLLOUT)[0]?.last).toMatchObject({
      outcome: 'success',
      value: '[1]',
      reason: '[1] meets successCondition',
    })
    expect(bench.runs.figures()).toEqual({
      running: [{ route: 'shop', rollout: 'shop-1', metric: 'success-rate', outcome: 'success' }],
      measurements: [
        { metric: 'success-rate', outcome: 'error', count: 1 },
        { metric: 'success-rate', outcome: 'success', count: 1 },
      ],
      errors: [{ metric: 'success-rate', kind: 'status', count: 1 }],
    })
  })
})

describe('after a restart', () => {
  test('nothing of how the metric is asked is in the store', async () => {
    const bench = new Bench({ metrics: [{ ...PUSHED, successCondition: 'result[-1] > 4711' }] })
    bench.push(90)
    await bench.measure(ROLLOUT, 0)
    bench.runs.tick([ROLLOUT])
    const kept = bench.kept.get('shop-1')
    expect(kept?.runs).toMatchObject([{ name: 'conversion', state: { failureCount: 1 } }])
    expect(kept?.runs.map(({ entry }) => entry)).toEqual([expect.stringMatching(/^[\w-]{43}$/)])
  })

  const metrics = [{ ...PUSHED, failureLimit: 1 }]

  /** Has failed once, and is allowed to. */
  async function failedOnce(): Promise<Bench> {
    const bench = new Bench({ metrics })
    bench.push(90)
    await bench.measure(ROLLOUT, 0)
    await bench.measure(ROLLOUT, 0)
    expect(bench.runs.demands(ROLLOUT)).toEqual([])
    return bench
  }

  test('failures are counted on', async () => {
    const first = await failedOnce()
    await first.runs.close()
    const next = new Bench({ metrics }, first.kept)
    next.push(90)
    await next.measure(ROLLOUT, 2_000)
    expect(next.runs.demands(ROLLOUT)[0]?.sentence).toContain(
      'conversion fails: 2 of 2 measurements failed, 1 allowed',
    )
  })

  test('what was demanded still is', async () => {
    const first = await failedOnce()
    await first.measure(ROLLOUT, 2_000)
    await first.measure(ROLLOUT, 2_100)
    const demands = first.runs.demands(ROLLOUT)
    expect(demands).toHaveLength(1)
    const next = new Bench({ metrics }, first.kept)
    next.runs.tick([ROLLOUT])
    expect(next.runs.demands(ROLLOUT)).toEqual(demands)
  })

  test.for<[what: string, written: unknown, rollout: RunningRollout]>([
    ['another attempt', { metrics }, live({ ...ROLLOUT, attempt: 2 })],
    ['another metric of that name', { metrics: [{ ...metrics[0], interval: '2s' }] }, ROLLOUT],
  ])('%s begins anew', async ([, written, rollout]) => {
    const first = await failedOnce()
    const next = new Bench(written, first.kept)
    next.runs.tick([rollout])
    expect(next.runs.standings(rollout)[0]?.sentence).toContain('0 succeeded, 0 failed')
  })

  test('what has ended is forgotten, also where it ended before', async () => {
    const first = await failedOnce()
    first.runs.tick([])
    expect(first.kept).toEqual(new Map([['shop-1', null]]))
    const second = await failedOnce()
    const next = new Bench({ metrics }, second.kept)
    next.runs.tick([])
    expect(next.kept).toEqual(new Map([['shop-1', null]]))
  })
})

describe('a new configuration', () => {
  test('goes on with the metrics that it does not change, and begins the others anew', async () => {
    const other = { ...PUSHED, name: 'other' }
    const bench = new Bench({ metrics: [PUSHED, other] })
    bench.push(96)
    await bench.measure(ROLLOUT, 0)
    bench.analysis = analysisOf({
      metrics: [PUSHED, { ...other, interval: '5s' }, { ...PUSHED, name: 'third' }],
    })
    await bench.measure(ROLLOUT, 100)
    const sentences = bench.runs.standings(ROLLOUT).map(({ sentence }) => sentence)
    expect(sentences).toEqual([
      expect.stringContaining('conversion is being measured: 1 succeeded'),
      expect.stringContaining('other is being measured: 1 succeeded'),
      expect.stringContaining('third is being measured: 1 succeeded'),
    ])
    await bench.measure(ROLLOUT, 2_000)
    expect(bench.runs.standings(ROLLOUT)[0]?.sentence).toContain('2 succeeded')
    expect(bench.runs.standings(ROLLOUT)[1]?.sentence).toContain('1 succeeded')
    expect(bench.said).toEqual([])
  })

  test('takes the demand of a metric that it leaves out with it', async () => {
    const bench = new Bench({ metrics: [PUSHED] })
    bench.push(90)
    await bench.measure(ROLLOUT, 0)
    expect(bench.runs.demands(ROLLOUT)).toHaveLength(1)
    bench.analysis = analysisOf({})
    bench.runs.tick([ROLLOUT])
    expect(bench.runs.demands(ROLLOUT)).toEqual([])
  })
})

test('what is pushed is forgotten with its rollout', () => {
  const bench = new Bench({})
  bench.push(90)
  const query = { rollout: 'shop-1', name: 'conversion', variant: 'canary', sinceMs: 0 } as const
  bench.runs.tick([ROLLOUT])
  expect(bench.pushed.values(query)).toEqual([90])
  bench.runs.tick([])
  expect(bench.pushed.values(query)).toEqual([])
})

test('closing gives up what is asked', async () => {
  const { address, asked } = await answering(() => {})
  const bench = new Bench({
    servers: { prom: { prometheus: address } },
    metrics: [
      {
        name: 'm',
        provider: { prometheus: { server: 'prom', query: 'up' } },
        successCondition: 'result[0] > 0',
      },
    ],
  })
  bench.runs.tick([ROLLOUT])
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  await bench.runs.close()
  expect(bench.said).toEqual([])
})

/** Metrics that demand this once they are bad. */
function demanding(action: 'abort' | 'pause') {
  const demand = { id: 'conversion/1', action, sentence: 'conversion fails', replay: null }
  const metrics = { isBad: false, demands: () => [], standings: () => [] }
  return Object.assign(metrics, { demands: () => (metrics.isBad ? [demand] : []) })
}

describe('the engine', () => {
  const plan = { ...PLAN, steps: STEPS, guard: NO_GUARD }

  test('takes back a canary that a metric fails, without a guard', async () => {
    const metrics = demanding('abort')
    const house = await newHouse({ metrics: [metrics] })
    await house.start(plan)
    await house.pass(1 * S)
    metrics.isBad = true
    await house.pass(100)
    expect(house.engine.find('shop-1')).toMatchObject({
      phase: 'aborted',
      reason: 'conversion fails',
    })
    expect(house.routedBp()).toBeNull()
    const [last] = (await house.store.journal({ after: 0, limit: 100 })).slice(-1)
    expect(last!.body).toMatchObject({
      trigger: 'analyzer',
      actor: 'sluice',
      event: { type: 'alarm', evidence: null, replay: null },
    })
    metrics.isBad = false
    await house.engine.act('shop-1', retry, caller)
    await house.pass(1 * S)
    expect(house.engine.find('shop-1')?.phase).toBe('progressing')
  })

  test('pauses once for each reason, and tells of the others when that is resumed', async () => {
    const metrics = demanding('pause')
    const house = await newHouse({ metrics: [metrics] })
    await house.start(plan)
    await house.engine.act('shop-1', { type: 'pause', reason: 'lunch' }, caller)
    metrics.isBad = true
    await house.pass(1 * S)
    expect(house.engine.find('shop-1')).toMatchObject({ reason: 'alice paused it: lunch' })
    await house.engine.act('shop-1', resume, caller)
    await house.pass(1 * S)
    expect(house.engine.find('shop-1')).toMatchObject({
      phase: 'paused',
      reason: 'conversion fails',
    })
    await house.engine.act('shop-1', resume, caller)
    await house.pass(1 * M)
    expect(house.engine.find('shop-1')?.phase).toBe('progressing')
    await house.engine.act('shop-1', abort, caller)
  })
})
