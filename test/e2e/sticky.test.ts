/** The real process with two threads, and users who stay on their variant: what each of them does counts once. */

import { mkdtempSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { AnalysisView, RolloutView } from '../../src/control/api/schema.ts'
import { startShopPair } from './shop-pair.ts'
import { type SluiceProcess, startSluice } from './sluice-process.ts'

const USERS = Array.from({ length: 60 }, (_, i) => `user-${i}`)

async function open() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-sticky-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const shops = await startShopPair()
  onTestFinished(() => shops.close())
  const options = { folder, shops, threads: 2, routeLines: ['sticky: { header: x-user }'] }
  let sluice: SluiceProcess = await startSluice(options)
  onTestFinished(() => sluice.kill())

  /** Returns each user's answer. */
  async function visit(users: readonly string[]): Promise<readonly string[]> {
    const answers: string[] = []
    for (let i = 0; i < users.length; i += 20) {
      const some = users.slice(i, i + 20).map(async (user) => {
        const response = await fetch(sluice.proxyUrl, { headers: { 'x-user': user } })
        return (await response.text()).trim()
      })
      answers.push(...(await Promise.all(some)))
    }
    return answers
  }
  async function ask<View>(path: string, body?: unknown): Promise<View> {
    const response = await fetch(`${sluice.adminUrl}${path}`, {
      ...(body !== undefined && {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as View
  }
  return {
    visit,
    /** From now on the canary answers so. */
    behave: (listener: RequestListener) => {
      shops.canary.server.removeAllListeners('request').on('request', listener)
    },
    start: () =>
      ask<RolloutView>('/v1/rollouts', {
        route: 'shop',
        to: 'shop-v2',
        strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } },
      }),
    rollout: () => ask<RolloutView>('/v1/rollouts/shop'),
    analysis: () => ask<AnalysisView>('/v1/rollouts/shop/analysis'),
    restart: async () => {
      await sluice.stop()
      sluice = await startSluice(options)
    },
  }
}

/** Each visit of all users takes seconds on a machine that is busy with other tests. */
const PATIENCE = { timeout: 90_000 }

test('a canary that is slow for one user after the other is taken back', PATIENCE, async () => {
  const house = await open()
  // Stable shows how fast it is.
  for (let n = 0; n < 12; n++) await house.visit(USERS)
  house.behave((_, response) => void setTimeout(() => response.end('v2\n'), 80))
  await house.start()
  await expect
    .poll(async () => (await house.visit(USERS), (await house.rollout()).phase), {
      interval: 50,
      timeout: 60_000,
    })
    .toBe('aborted')
  expect((await house.rollout()).reason).toMatch(/canary units took longer than/)
})

// On a machine that stands still for a second, others are not answered in time either.
test(
  'one user who fails for ever takes nothing back, and is known after a restart',
  { ...PATIENCE, retry: 2 },
  async () => {
    const house = await open()
    await house.start()
    const answers = await house.visit(USERS)
    const unlucky = USERS[answers.indexOf('v2')]!
    house.behave(({ headers }, response) => {
      response.statusCode = headers['x-user'] === unlucky ? 500 : 200
      response.end('v2\n')
    })
    /** Canary's bad: units with a first failure, and all requests. */
    const bad = async () => {
      const { evidence } = await house.analysis()
      const of = (check: string) => evidence?.checks.find(({ name }) => name === check)?.canary.bad
      return { units: of('failed'), requests: of('slo') }
    }
    const visits = [...USERS, ...Array.from({ length: 20 }, () => unlucky)]
    for (let n = 0; n < 5; n++) await house.visit(visits)
    await expect.poll(bad, { timeout: 10_000 }).toEqual({ units: 1, requests: 5 * 21 })
    await house.restart()
    for (let n = 0; n < 5; n++) await house.visit(visits)
    await expect.poll(bad, { timeout: 10_000 }).toEqual({ units: 1, requests: 10 * 21 })
    expect((await house.rollout()).phase).toBe('paused')
  },
)
