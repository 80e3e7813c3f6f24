import { expect, test } from 'vitest'
import { authorize, identify } from '../../../src/control/api/auth.ts'
import { createApi } from '../../../src/control/api/server.ts'
import type { Role } from '../../../src/control/config/config.ts'
import { RUNNING, rolloutBase } from './fake-engine.ts'
import { PushedMetrics } from '../../../src/control/providers/pushed.ts'
import { bearer, type Method, serve, START, tokenOf } from './serve.ts'
import { NO_FLAGS } from './no-flags.ts'

const TOKENS = [tokenOf('vera', 'viewer'), tokenOf('ola', 'operator'), tokenOf('ada', 'admin')]
const NAMES: Readonly<Record<Role, string>> = { viewer: 'vera', operator: 'ola', admin: 'ada' }

const READS = [
  '/v1/rollouts',
  '/v1/rollouts/shop-1',
  '/v1/rollouts/shop-1/analysis',
  '/v1/routes',
  '/v1/routes/shop',
  '/v1/events',
  '/metrics',
  '/openapi.json',
]
const CHANGES: readonly [method: Method, path: string, body?: unknown][] = [
  ['POST', '/v1/rollouts', START],
  ['POST', '/v1/rollouts/shop-1/promote'],
  ['POST', '/v1/rollouts/shop-1/pause'],
  ['POST', '/v1/rollouts/shop-1/resume'],
  ['PUT', '/v1/rollouts/shop-1/weight', { weight: 10 }],
  ['POST', '/v1/rollouts/shop-1/abort'],
  ['POST', '/v1/rollouts/shop-1/retry'],
]

test.for<Role>(['viewer', 'operator', 'admin'])('%s may do what the ladder says', async (role) => {
  const { ask, put } = await serve({ tokens: () => TOKENS })
  put({ ...rolloutBase(), ...RUNNING, phase: 'progressing' })
  const headers = bearer(NAMES[role])
  for (const path of READS) {
    expect([path, (await ask('GET', path, { headers })).status]).toEqual([path, 200])
  }
  for (const [method, path, body] of CHANGES) {
    const { status, json } = await ask(method, path, { headers, body })
    const expected = role === 'viewer' ? 403 : path === '/v1/rollouts' ? 201 : 200
    expect([path, status, json.code]).toEqual([
      path,
      expected,
      role === 'viewer' ? 'forbidden' : undefined,
    ])
  }
})

test('without a token only the probes answer', async () => {
  const { ask, acts, journal } = await serve({ tokens: () => TOKENS })
  for (const path of ['/livez', '/readyz']) {
    expect((await ask('GET', path)).status).toBe(200)
  }
  const asked = [
    ...READS.map((path) => ask('GET', path)),
    ask('GET', '/v1/events/stream'),
    ask('GET', '/v1/nothing'),
    ...CHANGES.map(([method, path, body]) => ask(method, path, { body })),
  ]
  for (const { status, headers, json } of await Promise.all(asked)) {
    expect([status, headers['www-authenticate'], json.code]).toEqual([
      401,
      'Bearer realm="sluice"',
      'unauthenticated',
    ])
  }
  expect([acts, journal]).toEqual([[], []])
})

test('HEAD asks for the same role as GET', async () => {
  const { ask } = await serve({ tokens: () => TOKENS })
  expect((await ask('HEAD', '/v1/routes')).status).toBe(401)
  expect((await ask('HEAD', '/v1/routes', { headers: bearer('vera') })).status).toBe(200)
})

test('the name of the token is the actor', async () => {
  const { ask, put, acts } = await serve({ tokens: () => TOKENS })
  put({ ...rolloutBase(), ...RUNNING, phase: 'progressing' })
  await ask('POST', '/v1/rollouts/shop/abort', { headers: bearer('ola') })
  expect(acts[0]?.actor).toBe('ola')
})

test('a token counts from the moment that it is configured, and no longer', async () => {
  let tokens = [tokenOf('ola', 'operator')]
  const { ask } = await serve({ tokens: () => tokens })
  const headers = bearer('ola')
  expect((await ask('GET', '/v1/routes', { headers })).status).toBe(200)
  tokens = [tokenOf('ada', 'admin')]
  expect((await ask('GET', '/v1/routes', { headers })).status).toBe(401)
})

test.for([
  ['no field', undefined],
  ['another scheme', 'Basic b2xhOnNlY3JldA=='],
  ['no token', 'Bearer '],
  ['two tokens', 'Bearer secret-of-ola secret-of-ada'],
  ['an unknown token', 'Bearer secret-of-bob'],
  ['the hash instead of the token', `Bearer ${TOKENS[1]?.sha256}`],
])('%s is no identity', ([, field]) => {
  expect(() => identify(TOKENS, field)).toThrow(
    expect.objectContaining({ code: 'unauthenticated' }),
  )
})

test('the scheme is read in any case', () => {
  expect(identify(TOKENS, 'bEaReR secret-of-ola')).toEqual({ name: 'ola', role: 'operator' })
})

test('without tokens everybody is an anonymous admin', () => {
  expect(identify([], undefined)).toEqual({ name: 'anonymous', role: 'admin' })
})

test('a refusal names the role that is needed', () => {
  expect(() => authorize({ name: 'vera', role: 'viewer' }, 'operator')).toThrow(
    'The token "vera" has the role viewer, but this needs operator',
  )
})

test.for(['0.0.0.0', '::', '192.168.1.7', 'sluice.example.com'])(
  'it does not listen on %s without tokens',
  async (host) => {
    const { engine, store } = await serve()
    const api = createApi({
      engine,
      store,
      pushed: new PushedMetrics(),
      requestsPerSecond: () => null,
      upstreams: { states: () => [], leaving: () => [] },
      flags: NO_FLAGS,
      routes: () => [],
      renderMetrics: async () => ({ contentType: 'text/plain', body: '' }),
      ready: () => ({ ok: true, reasons: [] }),
      tokens: () => [],
      clock: { nowMs: () => 0 },
      log: { warn: () => {}, error: () => {} },
    })
    await expect(api.listen({ host, port: 0 })).rejects.toMatchObject({ code: 'invalidConfig' })
    await api.close()
  },
)
