/** The real process measures: pushed values, a Prometheus server, and limits that follow stable. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { AnalysisView, RolloutView } from '../../src/control/api/schema.ts'
import { answering, prometheus } from '../control/providers/answering.ts'
import { startShopPair } from './shop-pair.ts'
import { startSluice } from './sluice-process.ts'

/** Until it holds. */
function eventually(check: () => Promise<void>): Promise<void> {
  return vi.waitFor(check, { interval: 50, timeout: 10_000 })
}

async function open(analysisLines: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-analysis-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const shops = await startShopPair()
  onTestFinished(() => shops.close())
  const begin = async () => {
    const begun = await startSluice({ folder, shops, analysisLines })
    onTestFinished(() => begun.kill())
    return begun
  }
  let sluice = await begin()

  async function ask(path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${sluice.adminUrl}${path}`, {
      ...(body !== undefined && {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return JSON.parse(text) as unknown
  }
  return {
    shops,
    restart: async () => {
      await sluice.stop()
      sluice = await begin()
    },
    start: (successCriteria: string, coin = false) =>
      ask('/v1/rollouts', {
        route: 'shop',
        to: 'shop-v2',
        strategy: {
          canary: { steps: [{ setWeight: 50 }, { pause: { duration: '1s' } }, { pause: {} }] },
        },
        guard: { coin, successCriteria, interval: '200ms', window: '10s' },
      }),
    push: (value: number) =>
      ask('/v1/rollouts/shop/metrics', { metrics: [{ name: 'conversion', value }] }),
    rollout: async () => (await ask('/v1/rollouts/shop')) as RolloutView,
    analysis: async () => (await ask('/v1/rollouts/shop/analysis')) as AnalysisView,
    load: async (count: number) => {
      for (let i = 0; i < count; i += 20) {
        const some = Array.from({ length: 20 }, async () => (await fetch(sluice.proxyUrl)).text())
        await Promise.all(some)
      }
    },
  }
}

test('a pushed value holds a step, lets it go, and takes the canary back', async () => {
  const house = await open([])
  await house.start('custom.conversion>95')
  await eventually(async () => {
    const { sentence } = await house.analysis()
    expect(sentence).toContain('nothing has been pushed for canary')
  })
  await house.push(96)
  await eventually(async () => expect((await house.rollout()).step?.index).toBe(2))
  await house.push(90)
  await eventually(async () => expect((await house.rollout()).phase).toBe('aborted'))
  expect((await house.rollout()).reason).toContain('custom.conversion>95 fails: 90 is not above 95')
  await expect(house.push(96)).rejects.toThrow('409')
})

test('a metric of the configuration takes the canary back', async () => {
  let value = '0.99'
  const server = await answering((asked, response) =>
    prometheus('vector', [{ metric: {}, value: [1, value] }])(asked, response),
  )
  const house = await open([
    `servers: { prom: { prometheus: '${server.address}' } }`,
    'metrics:',
    '  - name: success-rate',
    "    provider: { prometheus: { server: prom, query: 'success_rate' } }",
    "    successCondition: 'result[0] >= 0.95'",
    '    interval: 1s',
  ])
  await house.start('')
  await eventually(async () => {
    const { metrics } = await house.analysis()
    expect(metrics).toMatchObject([{ name: 'success-rate', state: 'running' }])
    expect(metrics[0]?.sentence).toContain('1 succeeded')
  })
  value = '0.5'
  await eventually(async () => expect((await house.rollout()).phase).toBe('aborted'))
  expect((await house.rollout()).reason).toContain('success-rate fails: 1 of')
})

test(
  'after a restart, what was pushed and how often it failed are known',
  { timeout: 90_000 },
  async () => {
    const house = await open([
      'metrics:',
      '  - name: conversion',
      '    provider: { pushed: { name: conversion } }',
      "    successCondition: 'result[-1] > 95'",
      '    interval: 1s',
      '    failureLimit: 1',
    ])
    await house.start('')
    await house.push(90)
    await eventually(async () => {
      const [metric] = (await house.analysis()).metrics
      expect(metric?.sentence).toContain('0 succeeded, 1 failed; the last: [90]')
    })
    await house.restart()
    await eventually(async () => expect((await house.rollout()).phase).toBe('aborted'))
    expect((await house.rollout()).reason).toContain(
      'conversion fails: 2 of 2 measurements failed, 1 allowed; the last: [90]',
    )
  },
)

test('a limit that follows stable bears what befalls both, and no more', async () => {
  const house = await open([])
  house.shops.stable.failRatio = 0.2
  house.shops.canary.failRatio = 0.2
  await house.start('error_rate<stable*1.5+5%')
  await house.load(2_000)
  await eventually(async () => {
    const { checks } = await house.analysis()
    expect(checks[0]?.sentence).toContain("of stable's")
    expect(checks[0]?.value).toBeGreaterThan(0.1)
    expect(['pass', 'inconclusive']).toContain(checks[0]?.verdict)
  })
  expect((await house.rollout()).phase).not.toBe('aborted')
  house.shops.canary.failRatio = 1
  await house.load(3_000)
  await eventually(async () => expect((await house.rollout()).phase).toBe('aborted'))
})
