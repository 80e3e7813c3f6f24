import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { DEFAULT_LIMITS, type MeasurePlan } from '../../../src/analyzer/measure/plan.ts'
import { readConditions } from '../../../src/control/conditions/condition.ts'
import { ProviderError } from '../../../src/control/providers/failure.ts'
import { HttpClient } from '../../../src/control/providers/http.ts'
import { prometheusSource } from '../../../src/control/providers/prometheus.ts'
import {
  MetricRun,
  type MetricRunOptions,
  type RunNews,
} from '../../../src/control/providers/run.ts'
import type { MetricSource } from '../../../src/control/providers/source.ts'
import { answering, prometheus } from './answering.ts'

const PLAN: MeasurePlan = { name: 'success-rate', intervalMs: 1_000, count: 3, ...DEFAULT_LIMITS }

function runOf(source: MetricSource, over: Partial<MetricRunOptions> = {}) {
  const news: RunNews[] = []
  const logged: unknown[] = []
  const clock = { ms: 0, nowMs: () => clock.ms }
  const run = new MetricRun({
    plan: PLAN,
    conditions: readConditions({ successCondition: 'result[0] >= 0.95' }),
    source,
    clock,
    onNews: (one) => void news.push(one),
    log: { error: (...words) => void logged.push(words) },
    ...over,
  })
  /** Measures once more, when it is due. */
  const next = async () => {
    const { sequence } = run.state
    clock.ms = Math.max(clock.ms, run.state.dueMs ?? clock.ms)
    run.tick()
    expect(run.state.sequence).toBe(sequence + 1)
    await vi.waitFor(() => expect(run.state.phase).not.toBe('measuring'))
  }
  return { run, clock, news, logged, next }
}

test('a metric is asked of a real server until its count is reached', async () => {
  let value = '0.99'
  const server = await answering((asked, response) =>
    prometheus('vector', [{ metric: {}, value: [1, value] }])(asked, response),
  )
  const client = new HttpClient()
  onTestFinished(() => client.close())
  const source = prometheusSource(
    client,
    { address: server.address, headers: {}, timeoutMs: 5_000 },
    { query: 'x', range: null },
  )
  const good = runOf(source)
  await good.next()
  good.run.tick()
  expect(good.run.state.phase).toBe('waiting')
  await good.next()
  await good.next()
  expect(good.news).toEqual([{ type: 'ended', phase: 'passed' }])
  expect(good.run.standing).toMatchObject({
    state: 'pass',
    sentence:
      'success-rate passes: 3 of 3 measurements succeeded; the last: [0.99] meets successCondition',
  })
  expect(server.asked).toHaveLength(3)

  value = '0.5'
  const bad = runOf(source)
  await bad.next()
  expect(bad.run.standing.sentence).toBe(
    'success-rate fails: 1 of 1 measurement failed, 0 allowed; the last: [0.5] does not meet successCondition',
  )

  value = 'NaN'
  const silent = runOf(source)
  await silent.next()
  expect(silent.run.standing).toMatchObject({
    state: 'noData',
    sentence:
      'success-rate has no data: once in a row there was none; the last: the result is [NaN]',
  })
})

describe('a provider', () => {
  test('that is away is told as such, and no verdict', async () => {
    const { run, news, next } = runOf(async () => {
      throw new ProviderError('the connection was refused')
    })
    for (let i = 0; i < 5; i++) await next()
    expect(news).toEqual([{ type: 'providerFailing', reason: 'the connection was refused' }])
    expect(run.standing.state).toBe('providerError')
    expect(run.state.failureCount).toBe(0)
  })

  test('with a bug is logged, and no verdict', async () => {
    const { run, logged, next } = runOf(async () => {
      throw new TypeError('x is not a function')
    })
    await next()
    expect(run.state.errorCount).toBe(1)
    expect(logged).toHaveLength(1)
  })
})

test('stopping gives up what is asked and waits for it', async () => {
  const aborted = vi.fn<() => void>()
  const { run, news } = runOf(
    (_nowMs, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted()
          reject(new ProviderError('it was given up'))
        })
      }),
  )
  run.tick()
  await run.stop()
  expect(aborted).toHaveBeenCalledOnce()
  expect(news).toEqual([{ type: 'ended', phase: 'cancelled' }])
  expect(run.state.errorCount).toBe(0)
})

test('a state that was kept is gone on with; what was on its way is asked again', async () => {
  const first = runOf(() => new Promise(() => {}))
  first.run.tick()
  const kept = JSON.parse(JSON.stringify(first.run.state)) as MetricRunOptions['state'] & object
  expect(kept.phase).toBe('measuring')
  const second = runOf(async () => [1], { state: kept })
  await second.next()
  expect(second.run.state).toMatchObject({ successCount: 1, sequence: 2 })
})
