/** The real process with two threads: rules, and users by a claim of tokens whose keys are asked for. */

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type SigningKey, signed, signingKey } from '../proxy/cohort/token/tokens.ts'
import { startShopPair } from './shop-pair.ts'
import { type SluiceProcess, startSluice } from './sluice-process.ts'

const USERS = Array.from({ length: 40 }, (_, i) => `user-${i}`)
/** Within a century. */
const LATER_S = 4_000_000_000

async function startKeyServer(key: SigningKey): Promise<string> {
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [key.jwk] })))
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
}

async function open(key: SigningKey) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-rules-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const shops = await startShopPair()
  onTestFinished(() => shops.close())
  const routeLines = [
    'sticky: [{ jwtClaim: sub }, { header: x-user }]',
    `jwt: { jwks: { url: "${await startKeyServer(key)}" }, audience: shop }`,
    'rules:',
    '  - { when: { claim: { name: plan, exact: enterprise } }, exclude: canary }',
    '  - { when: { header: { name: x-canary, exact: always } }, to: canary }',
  ]
  let sluice: SluiceProcess = await startSluice({ folder, shops, threads: 2, routeLines })
  onTestFinished(() => sluice.kill())

  /** Returns who answered; each time over a connection of its own, so that both threads are asked. */
  async function visit(headers: Readonly<Record<string, string>>): Promise<string> {
    const response = await fetch(sluice.proxyUrl, { headers: { connection: 'close', ...headers } })
    return (await response.text()).trim()
  }
  async function post(path: string, body: unknown): Promise<void> {
    const response = await fetch(`${sluice.adminUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  }
  return {
    visit,
    token: async (claims: object, by = key) => {
      const token = await signed(by, { aud: 'shop', exp: LATER_S, ...claims })
      return { authorization: `Bearer ${token}` }
    },
    start: (weight: number) =>
      post('/v1/rollouts', {
        route: 'shop',
        to: 'shop-v2',
        strategy: { canary: { steps: [{ setWeight: weight }, { pause: {} }] } },
      }),
    abort: () => post('/v1/rollouts/shop/abort', { reason: 'enough' }),
    metrics: async () => (await fetch(`${sluice.adminUrl}/metrics`)).text(),
    restart: async () => {
      await sluice.stop()
      sluice = await startSluice({ folder, shops, threads: 2, routeLines })
    },
  }
}

test('users stay on their side by their token, in each thread and after a restart', async () => {
  const house = await open(await signingKey('ES256', 'one'))
  await house.start(50)
  const sides = async () => {
    const answers = USERS.map(async (sub) => house.visit(await house.token({ sub })))
    return Promise.all(answers)
  }
  const first = await sides()
  expect(new Set(first)).toEqual(new Set(['v1', 'v2']))
  for (let n = 0; n < 3; n++) expect(await sides()).toEqual(first)
  await house.restart()
  expect(await sides()).toEqual(first)
})

test('rules go before the coin, forged tokens decide nothing, and an abort goes before rules', async () => {
  const key = await signingKey('ES256', 'one')
  const house = await open(key)
  expect(await house.visit({ 'x-canary': 'always' })).toBe('v1')
  await house.start(1)
  const enterprise = await house.token({ sub: 'anna', plan: 'enterprise' })
  const thief = await signingKey('ES256', 'one')
  const forged = await house.token({ sub: 'anna', plan: 'enterprise' }, thief)
  const asking = { 'x-canary': 'always' }
  expect(await house.visit(asking)).toBe('v2')
  expect(await house.visit({ ...asking, ...enterprise })).toBe('v1')
  expect(await house.visit({ ...asking, ...forged })).toBe('v2')
  const metrics = await house.metrics()
  expect(metrics).toContain('sluice_rule_faults_total{reason="tokenSignature"} 1\n')
  expect(metrics).toContain('sluice_forced_requests_total{route="shop",variant="canary"} 2\n')
  expect(metrics).toContain('sluice_forced_requests_total{route="shop",variant="stable"} 1\n')
  await house.abort()
  expect(await house.visit(asking)).toBe('v1')
})
