/** The real process leaves a step when there is evidence that the canary is good, and not before. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { AnalysisView, EventView, RolloutView } from '../../src/control/api/schema.ts'
import { explain } from './explain-process.ts'
import { startShopPair } from './shop-pair.ts'
import { startSluice } from './sluice-process.ts'

/** In flight at a time. */
const CROWD = 40

const PATIENCE = { timeout: 60_000 }

test(
  'a step waits for evidence, tells how much there is, and goes on by itself',
  PATIENCE,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-evidence-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const shops = await startShopPair()
    onTestFinished(() => shops.close())
    const sluice = await startSluice({ folder, shops })
    onTestFinished(() => sluice.kill())
    const { adminUrl, proxyUrl } = sluice

    const ask = async <Answer>(path: string, init: RequestInit = {}): Promise<Answer> => {
      const response = await fetch(`${adminUrl}${path}`, init)
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return (await response.json()) as Answer
    }
    const rollout = () => ask<RolloutView>('/v1/rollouts/shop')
    const load = async (count: number) => {
      for (let i = 0; i < count; i += CROWD) {
        const some = Array.from({ length: CROWD }, async () => (await fetch(proxyUrl)).text())
        await Promise.all(some)
      }
    }

    // With these before it, requests settle at the least age there is.
    await load(400)
    const pause = { advance: 'onEvidence', dwell: '100ms' }
    const steps = [{ setWeight: 50 }, { pause }, { pause: {} }]
    await ask('/v1/rollouts', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        route: 'shop',
        to: 'shop-v2',
        strategy: { canary: { steps } },
        guard: { interval: '100ms' },
      }),
    })
    await load(200)
    await vi.waitFor(
      async () => {
        const { evidence } = await ask<AnalysisView>('/v1/rollouts/shop/analysis')
        expect(evidence?.step?.evidence).toBeGreaterThan(0)
      },
      { timeout: 10_000 },
    )
    const { phase, step, holding } = await rollout()
    expect({ phase, index: step?.index, until: holding?.until }).toEqual({
      phase: 'progressing',
      index: 1,
      until: null,
    })
    expect(holding?.why).toMatch(
      /pause for evidence, at least 100ms\): evidence that the canary is good 10\^\d(\.\d)? to one of 10\^1\.3; if it fails no more, enough of it takes /,
    )

    await load(2_600)
    await vi.waitFor(async () => expect((await rollout()).step?.index).toBe(2), { timeout: 10_000 })
    const { events } = await ask<{ events: EventView[] }>('/v1/events?rollout=shop-1')
    expect(events.at(-1)).toMatchObject({ type: 'verdict', trigger: 'analyzer' })
    expect(events.at(-1)?.reason).toMatch(
      /^step 2 of 3 passes on evidence that the canary is good 10\^\d/,
    )

    const { seq } = events.at(-1)!
    const told = await explain(sluice, seq)
    expect(told).toMatchObject({ code: 0, stderr: '' })
    expect(told.stdout).toMatch(
      new RegExp(
        `^Verdict ${seq} agrees: evidence that the canary is good 10\\^\\d(\\.\\d)? to one of 10\\^1\\.3, recorded and computed again\\n\\d+ requests of the canary went well, 0 failed, 0 of stable failed\\n$`,
      ),
    )
  },
)
