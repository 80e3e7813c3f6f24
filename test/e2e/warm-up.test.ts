/** The real process judges nobody's latency while an endpoint is new. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { AnalysisView } from '../../src/control/api/schema.ts'
import { startShopPair } from './shop-pair.ts'
import { startSluice } from './sluice-process.ts'

test('an endpoint that is new puts off the judgement of latency', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-warm-up-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [shops, more] = await Promise.all([startShopPair(), startShopPair()])
  onTestFinished(async () => void (await Promise.all([shops.close(), more.close()])))
  const sluice = await startSluice({ folder, shops })
  onTestFinished(() => sluice.kill())
  const { adminUrl, proxyUrl } = sluice

  await fetch(`${adminUrl}/v1/rollouts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      route: 'shop',
      to: 'shop-v2',
      strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } },
    }),
  })
  const isTimed = async () => {
    const response = await fetch(`${adminUrl}/v1/rollouts/shop/analysis`)
    return ((await response.json()) as AnalysisView).evidence?.isTimed
  }
  const eventually = (wanted: boolean) =>
    vi.waitFor(
      async () => {
        const some = Array.from({ length: 20 }, async () => (await fetch(proxyUrl)).text())
        await Promise.all(some)
        expect(await isTimed()).toBe(wanted)
      },
      { interval: 20, timeout: 20_000 },
    )
  await eventually(true)

  const file = join(folder, 'sluice.yaml')
  const [old, added] = [shops.stable.port, more.stable.port]
  const [one, two] = [`"http://127.0.0.1:${old}"`, `"http://127.0.0.1:${added}"`]
  writeFileSync(file, readFileSync(file, 'utf8').replace(one, `${one}, ${two}`))
  await eventually(false)
  // Its share rises from little, so the first requests may all have gone to the other one.
  await vi.waitFor(
    async () => {
      await (await fetch(proxyUrl)).text()
      expect(more.stable.count()).toBeGreaterThan(0)
    },
    { interval: 5, timeout: 20_000 },
  )
})
