/** What the real process decided, computed again by the command line from what its journal kept. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { EventView, RolloutView } from '../../src/control/api/schema.ts'
import { explain } from './explain-process.ts'
import { startShopPair } from './shop-pair.ts'
import { type SluiceProcess, startSluice } from './sluice-process.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

async function open(analysisLines: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-explain-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const shops = await startShopPair()
  onTestFinished(() => shops.close())
  const start = async () => {
    const sluice = await startSluice({ folder, shops, analysisLines })
    onTestFinished(() => sluice.kill())
    return sluice
  }
  return { shops, start }
}

async function ask<Answer>({ adminUrl }: SluiceProcess, path: string, body?: unknown) {
  const post = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) }
  const response = await fetch(`${adminUrl}${path}`, body === undefined ? {} : post)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Answer
}

function startRollout(sluice: SluiceProcess, coin: boolean) {
  return ask(sluice, '/v1/rollouts', {
    route: 'shop',
    to: 'shop-v2',
    strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } },
    guard: { coin },
  })
}

/** The event of type alarm, once there is one. */
function alarmOf(sluice: SluiceProcess, while_: () => Promise<unknown> = async () => {}) {
  return vi.waitFor(
    async () => {
      await while_()
      const { events } = await ask<{ events: EventView[] }>(sluice, '/v1/events?rollout=shop-1')
      const alarm = events.find(({ type }) => type === 'alarm')
      expect(alarm).toBeDefined()
      return alarm!
    },
    { interval: 20, timeout: 20_000 },
  )
}

/** Three processes one after the other, on a machine that may be busy. */
const PATIENCE = { timeout: 90_000 }

test(
  'the guard’s verdict agrees with what is computed again, also after a restart',
  PATIENCE,
  async () => {
    const { shops, start } = await open()
    const sluice = await start()
    shops.canary.failRatio = 1
    await startRollout(sluice, true)
    const alarm = await alarmOf(sluice, () =>
      Promise.all(Array.from({ length: 20 }, async () => (await fetch(sluice.proxyUrl)).text())),
    )
    expect(await ask<RolloutView>(sluice, '/v1/rollouts/shop')).toMatchObject({ phase: 'aborted' })

    const told = await explain(sluice, alarm.seq)
    expect(told).toMatchObject({ code: 0, stderr: '' })
    expect(told.stdout).toMatch(
      new RegExp(`^Verdict ${alarm.seq} agrees: abort by "(failed|slo)" on evidence 10\\^`),
    )
    expect(told.stdout.split('\n')[1]).toMatch(/^The guard aborts: .* canary requests failed/)

    await sluice.stop()
    const next = await start()
    const { code, stdout } = await explain(next, alarm.seq, '--output', 'json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      seq: alarm.seq,
      agrees: true,
      recorded: { action: 'abort', evidence: alarm.decision?.evidence },
      recomputed: { action: 'abort' },
    })
  },
)

test('what a metric demanded agrees with its answer, judged again', PATIENCE, async () => {
  const { start } = await open([
    'metrics:',
    '  - name: conversion',
    '    provider: { pushed: { name: conversion } }',
    "    successCondition: 'result[-1] > 95'",
    '    interval: 1s',
  ])
  const sluice = await start()
  await startRollout(sluice, false)
  await ask(sluice, '/v1/rollouts/shop/metrics', { metrics: [{ name: 'conversion', value: 90.5 }] })
  const { seq } = await alarmOf(sluice)
  const told = await explain(sluice, seq)
  expect(told).toEqual({
    code: 0,
    stderr: '',
    stdout:
      `Verdict ${seq} agrees: recorded and computed again\n` +
      'conversion fails: 1 of 1 measurement failed, 0 allowed; the last: [90.5] does not meet successCondition\n',
  })
})
