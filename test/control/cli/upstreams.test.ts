import { beforeEach, expect, test } from 'vitest'
import { viewUpstream } from '../../../src/control/api/upstream-view.ts'
import { IDLE, SHOP } from '../upstreams/states.ts'
import { type FakeAdmin, fakeAdmin } from './fake-admin.ts'
import { sluice } from './harness.ts'

let admin: FakeAdmin
let env: { SLUICE_SERVER: string; TZ: string }

beforeEach(async () => {
  admin = await fakeAdmin()
  env = { SLUICE_SERVER: admin.url, TZ: 'UTC' }
  admin.upstreams = {
    upstreams: [SHOP, IDLE].map(viewUpstream),
    leaving: [{ id: 'http1://10.0.0.8:80', outstanding: 3, connections: 4 }],
  }
})

test('upstreams lists every endpoint, what it should get and what it got', async () => {
  const { code, stdout } = await sluice(['upstreams'], { env })
  expect(code).toBe(0)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))
  expect(lines).toEqual([
    [
      'UPSTREAM',
      'TRAFFIC',
      'ENDPOINT',
      'STATE',
      'WANTED',
      'OBSERVED',
      'UNDER WAY',
      'CONNECTIONS',
      'LATENCY',
      'REQUESTS',
      'FAILURES',
    ],
    [
      'shop-v1',
      'shop stable 97.5 %',
      'http://10.0.0.1:80',
      'healthy',
      '100 %',
      '98.76 %',
      '12',
      '15',
      '2.5ms',
      '12,345',
      '6',
    ],
    [
      '',
      'https://10.0.0.2:443 (shop.example)',
      'unhealthy: answered 503',
      '0 %',
      '1.24 %',
      '0',
      '0',
      '-',
      '0',
      '0',
    ],
    [
      'shop-v0',
      'safe to remove',
      'http://10.0.0.9:80',
      'in use',
      '50 %',
      '-',
      '0',
      '0',
      '-',
      '0',
      '0',
    ],
    ['http1://10.0.0.8:80 is leaving: 3 requests under way'],
  ])
})

test('an ejected endpoint says until when, and why', async () => {
  const [shop] = admin.upstreams.upstreams
  const endpoints = shop!.endpoints.map((endpoint) =>
    Object.assign(endpoint, { health: { ...endpoint.health, status: 'healthy' } }),
  )
  admin.upstreams = { upstreams: [{ ...shop!, endpoints }], leaving: [] }
  const { stdout } = await sluice(['upstreams', 'shop-v1'], { env })
  expect(stdout).toMatch(/ {2}ejected until \d\d:\d\d:21: latency {2}/)
})

test('an upstream that drains says so, with who has it', async () => {
  const [shop] = admin.upstreams.upstreams
  const traffic = [{ route: 'shop', variant: 'canary', wantedShare: 0, observedShare: 0 }]
  admin.upstreams = { upstreams: [{ ...shop!, traffic, draining: true }], leaving: [] }
  expect((await sluice(['upstreams'], { env })).stdout).toContain('draining (shop canary 0 %)')
})

test('one upstream is asked for by its name, and JSON is what the API says', async () => {
  const { stdout } = await sluice(['upstreams', 'shop-v0', '--output', 'json'], { env })
  expect(JSON.parse(stdout)).toEqual(viewUpstream(IDLE))
  expect(admin.asked.map(({ path }) => path)).toEqual(['/v1/upstreams/shop-v0'])
  const all = await sluice(['upstreams', '--output', 'json'], { env })
  expect(JSON.parse(all.stdout)).toEqual(admin.upstreams)
})

test('an upstream that is not there is a failure', async () => {
  const { code, stderr } = await sluice(['upstreams', 'none'], { env })
  expect(code).toBe(1)
  expect(stderr).not.toBe('')
})
