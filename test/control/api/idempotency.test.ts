import { expect, test, vi } from 'vitest'
import { CodedError } from '../../../src/control/coded-error.ts'
import { RUNNING, rolloutBase } from './fake-engine.ts'
import { bearer, serve, START, tokenOf } from './serve.ts'

const KEY = { 'idempotency-key': 'ci-run-17' }

test('a start that is sent again is done once and answered the same', async () => {
  const { ask, journal } = await serve()
  const first = await ask('POST', '/v1/rollouts', { body: START, headers: KEY })
  const second = await ask('POST', '/v1/rollouts', { body: START, headers: KEY })
  expect([first.status, second.status]).toEqual([201, 201])
  expect(second.text).toBe(first.text)
  expect(second.headers).toMatchObject({
    etag: first.headers['etag'],
    location: first.headers['location'],
    'content-type': first.headers['content-type'],
    'idempotency-replayed': 'true',
  })
  expect(first.headers['idempotency-replayed']).toBeUndefined()
  expect(journal).toHaveLength(1)
})

test('a promote that is sent again with the tag of before is not stale', async () => {
  const { ask, put, acts } = await serve()
  put({ ...rolloutBase(), ...RUNNING, phase: 'progressing' })
  const headers = { ...KEY, 'if-match': '"1"' }
  const first = await ask('POST', '/v1/rollouts/shop-1/promote', { headers })
  const second = await ask('POST', '/v1/rollouts/shop-1/promote', { headers })
  expect([first.status, second.status, second.text]).toEqual([200, 200, first.text])
  expect(acts).toHaveLength(1)
})

test('members in another order are the same request', async () => {
  const { ask } = await serve()
  await ask('POST', '/v1/rollouts', { body: START, headers: KEY })
  const { strategy, to, route } = START
  const again = await ask('POST', '/v1/rollouts', { body: { strategy, to, route }, headers: KEY })
  expect(again.headers['idempotency-replayed']).toBe('true')
})

test('a key under another body, path or actor is refused', async () => {
  const tokens = [tokenOf('ada', 'operator'), tokenOf('bob', 'operator')]
  const { ask, journal } = await serve({ tokens: () => tokens })
  const headers = { ...KEY, ...bearer('ada') }
  await ask('POST', '/v1/rollouts', { body: START, headers })
  const others = await Promise.all([
    ask('POST', '/v1/rollouts', { body: { ...START, to: 'shop-v3' }, headers }),
    ask('POST', '/v1/rollouts/shop-1/pause', { headers }),
    ask('POST', '/v1/rollouts', { body: START, headers: { ...KEY, ...bearer('bob') } }),
  ])
  expect(others.map(({ status, json }) => [status, json.code])).toEqual(
    others.map(() => [422, 'keyReused']),
  )
  expect(journal).toHaveLength(1)
})

test('the same request while the first is at work is told to wait; another one is refused', async () => {
  const served = await serve()
  const { ask } = served
  const { promise, resolve } = Promise.withResolvers<void>()
  served.gate = promise
  const first = ask('POST', '/v1/rollouts', { body: START, headers: KEY })
  const same = async (): Promise<number> =>
    (await ask('POST', '/v1/rollouts', { body: START, headers: KEY })).status
  await vi.waitFor(() => expect(served.arrivalCount).toBe(1))
  expect(await same()).toBe(409)
  const other = { ...START, to: 'shop-v3' }
  expect((await ask('POST', '/v1/rollouts', { body: other, headers: KEY })).status).toBe(422)
  resolve()
  expect((await first).status).toBe(201)
  expect(await same()).toBe(201)
  expect(served.journal).toHaveLength(1)
})

test('a request that failed is not kept', async () => {
  const served = await serve()
  served.failure = new CodedError('storeUnavailable', 'The store cannot be written: disk full')
  const failed = await served.ask('POST', '/v1/rollouts', { body: START, headers: KEY })
  expect([failed.status, failed.headers['retry-after']]).toEqual([503, '2'])
  served.failure = null
  const { status, headers } = await served.ask('POST', '/v1/rollouts', {
    body: START,
    headers: KEY,
  })
  expect([status, headers['idempotency-replayed']]).toEqual([201, undefined])
})

test('a reply is kept with whole milliseconds, which is what a store holds', async () => {
  const { ask, replies } = await serve({ clock: { nowMs: () => 1_793_000_000_000.25 } })
  await ask('POST', '/v1/rollouts', { body: START, headers: KEY })
  expect(replies.get('ci-run-17')?.atMs).toBe(1_793_000_000_000)
})

test.for(['', 'two words', 'x'.repeat(256), 'caf\u00e9'])(
  'the key "%s" is malformed',
  async (key) => {
    const { ask } = await serve()
    const headers = { 'idempotency-key': key }
    const { status, json } = await ask('POST', '/v1/rollouts', { body: START, headers })
    expect(status).toBe(400)
    expect(json).toMatchObject({ code: 'malformedRequest', in: 'header' })
    expect(json.errors[0].pointer).toBe('/idempotency-key')
  },
)

test('a key of 255 characters is taken', async () => {
  const { ask } = await serve()
  const headers = { 'idempotency-key': '~'.repeat(255) }
  expect((await ask('POST', '/v1/rollouts', { body: START, headers })).status).toBe(201)
})

test('an abort under a used key aborts all the same', async () => {
  const { ask } = await serve()
  await ask('POST', '/v1/rollouts', { body: START, headers: KEY })
  const { status, json } = await ask('POST', '/v1/rollouts/shop/abort', { headers: KEY })
  expect([status, json.phase]).toEqual([200, 'aborted'])
})
