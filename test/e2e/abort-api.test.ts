import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startShopPair } from './shop-pair.ts'
import { startSluice } from './sluice-process.ts'

const CLIENTS = 64

test('after abort returns, no new request reaches the canary, with 64 busy connections', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-abort-'))
  const shops = await startShopPair()
  const sluice = await startSluice({ folder, shops, threads: 2 })
  const stop = new AbortController()
  onTestFinished(async () => {
    stop.abort()
    await sluice.stop()
    await shops.close()
    rmSync(folder, { recursive: true })
  })
  const begun = await fetch(`${sluice.adminUrl}/v1/rollouts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      route: 'shop',
      to: 'shop-v2',
      strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } },
    }),
  })
  expect(begun.status).toBe(201)

  let abortedAtMs = Infinity
  let lateOnCanary = 0
  let lateCount = 0
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!stop.signal.aborted) {
      const startedAtMs = performance.now()
      const response = await fetch(sluice.proxyUrl)
      const version = (await response.text()).trim()
      if (startedAtMs <= abortedAtMs) continue
      lateCount++
      if (version === 'v2') lateOnCanary++
    }
  })
  await expect.poll(() => shops.canary.count()).toBeGreaterThan(200)

  const aborted = await fetch(`${sluice.adminUrl}/v1/rollouts/shop/abort`, { method: 'POST' })
  abortedAtMs = performance.now()
  expect(aborted.status).toBe(200)
  await expect.poll(() => lateCount, { timeout: 10_000 }).toBeGreaterThan(10 * CLIENTS)
  const settled = shops.canary.count()
  await expect.poll(() => lateCount, { timeout: 10_000 }).toBeGreaterThan(3_000)
  stop.abort()
  await Promise.all(clients)
  expect(lateOnCanary).toBe(0)
  expect(shops.canary.count()).toBe(settled)
})
