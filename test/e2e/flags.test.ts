/** The real process with two threads: flags decide who goes where, and OFREP says the same. */

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sumOf } from './house.ts'
import { startShopPair } from './shop-pair.ts'
import { type SluiceProcess, startSluice } from './sluice-process.ts'

const USERS = Array.from({ length: 60 }, (_, i) => `user-${i}`)
const HELD = { canary: { steps: [{ setWeight: 40 }, { pause: {} }] } }
const POLL = { interval: 50, timeout: 15_000 }

interface Settings {
  readonly rules: readonly string[]
  readonly flagLines: readonly string[]
  readonly files?: Readonly<Record<string, string>>
}

async function open({ rules, flagLines, files = {} }: Settings) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-flags-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, `${name}.new`), text)
    renameSync(join(folder, `${name}.new`), join(folder, name))
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  const shops = await startShopPair()
  onTestFinished(() => shops.close())
  const routeLines = ['sticky: { header: x-user }', 'rules:', ...rules.map((rule) => `  - ${rule}`)]
  const options = { folder, shops, threads: 2, routeLines, flagLines }
  let sluice: SluiceProcess = await startSluice(options)
  onTestFinished(() => sluice.kill())
  return {
    write,
    /** Returns who was answered by the canary. */
    async visit(headers: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
      const answers = USERS.map(async (user) => {
        const response = await fetch(sluice.proxyUrl, { headers: { 'x-user': user, ...headers } })
        return (await response.text()).trim()
      })
      const versions = await Promise.all(answers)
      return USERS.filter((_, i) => versions[i] === 'v2')
    },
    async ask(path: string, body: unknown = {}): Promise<Record<string, any>> {
      const response = await fetch(`${sluice.adminUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
      return response.json() as Promise<Record<string, unknown>>
    },
    metrics: async () => (await fetch(`${sluice.adminUrl}/metrics`)).text(),
    restart: async () => {
      await sluice.kill()
      sluice = await startSluice(options)
    },
  }
}

function definitions(plan: string): string {
  const targeting = { if: [{ '==': [{ var: 'plan' }, plan] }, 'on', 'off'] }
  const checkout = {
    state: 'ENABLED',
    variants: { on: true, off: false },
    defaultVariant: 'off',
    targeting,
  }
  return JSON.stringify({ flags: { checkout } })
}

test("a team's file decides, is loaded anew, and its last good content stays when it breaks", async () => {
  const house = await open({
    rules: ['flag: { provider: team, key: checkout }'],
    flagLines: [
      'attributes: { plan: header.x-plan }',
      'providers:',
      '  team: { flagd: { file: ./team.json } }',
    ],
    files: { 'team.json': definitions('gold') },
  })
  await house.ask('/v1/rollouts', { route: 'shop', to: 'shop-v2', strategy: HELD })
  expect(await house.visit()).toEqual([])
  expect(await house.visit({ 'x-plan': 'gold' })).toEqual(USERS)
  house.write('team.json', definitions('silver'))
  await expect.poll(() => house.visit({ 'x-plan': 'silver' }), POLL).toEqual(USERS)
  expect(await house.visit({ 'x-plan': 'gold' })).toEqual([])
  house.write('team.json', '{"flags": {')
  const good = 'sluice_flag_provider_last_load_successful'
  await expect.poll(async () => sumOf(await house.metrics(), good, 'team'), POLL).toBe(0)
  expect(await house.visit({ 'x-plan': 'silver' })).toEqual(USERS)
  const evaluations = async (label: string) =>
    sumOf(await house.metrics(), 'sluice_flag_evaluations_total', label)
  await expect
    .poll(() => evaluations('variant="canary",reason="targeting_match"'), POLL)
    .toBeGreaterThanOrEqual(180)
})

test('a flag that its rollout decides: proxy and OFREP agree, also after kill -9, and off is off at once', async () => {
  const house = await open({ rules: ['flag: { key: checkout }'], flagLines: ['approval: none'] })
  await house.ask('/v1/flags', { key: 'checkout' })
  await house.ask('/v1/rollouts', { route: 'shop', to: 'shop-v2', strategy: HELD })
  expect(await house.visit()).toEqual([])
  const rollout = { route: 'shop', to: 'shop-v2', strategy: HELD }
  await house.ask('/v1/flags/checkout/ramp', { rollout })
  const canaries = await house.visit()
  expect(canaries.length).toBeGreaterThan(5)
  expect(canaries.length).toBeLessThan(45)
  const asked = USERS.map(async (targetingKey) => {
    const of = (key: string) =>
      house.ask(`/ofrep/v1/evaluate/flags/${key}`, { context: { targetingKey } })
    const [flag, route] = await Promise.all([of('checkout'), of('shop')])
    expect(flag['value']).toBe(route['value'] === 'canary')
    return flag['value'] === true
  })
  const isOn = await Promise.all(asked)
  expect(USERS.filter((_, i) => isOn[i])).toEqual(canaries)
  await house.restart()
  expect(await house.visit()).toEqual(canaries)
  await house.ask('/v1/flags/checkout/off')
  expect(await house.visit()).toEqual([])
})

test('a provider of OpenFeature that a module makes decides once it has answered', async () => {
  const module = `
    export default ({ keys }) => ({
      metadata: { name: 'test' },
      resolveBooleanEvaluation: async (key, fallback, { targetingKey }) =>
        key === 'broken'
          ? Promise.reject(new Error('no'))
          : { value: keys.includes(targetingKey), reason: 'TARGETING_MATCH' },
      resolveStringEvaluation: async (key, value) => ({ value, errorCode: 'TYPE_MISMATCH' }),
    })`
  const options = `{ keys: [${USERS.slice(0, 7).join(', ')}] }`
  const house = await open({
    rules: ['flag: { provider: vendor, key: checkout }'],
    flagLines: [
      'providers:',
      `  vendor: { openfeature: { module: ./vendor.mjs, options: ${options}, deadline: 500ms } }`,
    ],
    files: { 'vendor.mjs': module },
  })
  await house.ask('/v1/rollouts', { route: 'shop', to: 'shop-v2', strategy: HELD })
  await expect.poll(() => house.visit(), POLL).toEqual(USERS.slice(0, 7))
})

test('a provider of OpenFeature that never answers delays each user once, and all go to stable', async () => {
  const module = `
    const never = () => new Promise(() => {})
    export default {
      metadata: { name: 'never' },
      resolveBooleanEvaluation: never,
      resolveStringEvaluation: never,
    }`
  const house = await open({
    rules: ['flag: { provider: vendor, key: checkout }'],
    flagLines: ['providers:', '  vendor: { openfeature: { module: ./vendor.mjs } }'],
    files: { 'vendor.mjs': module },
  })
  const strategy = { canary: { steps: [{ setWeight: 100 }, { pause: {} }] } }
  await house.ask('/v1/rollouts', { route: 'shop', to: 'shop-v2', strategy })
  expect(await house.visit()).toEqual([])
  const timeouts = async () =>
    sumOf(await house.metrics(), 'sluice_flag_evaluations_total', 'reason="timeout"')
  await expect.poll(timeouts, POLL).toBe(USERS.length)
})
