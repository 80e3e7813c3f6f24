import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { fakeAdmin, rollout, type Refusal } from './fake-admin.ts'
import { sluice } from './harness.ts'

const REFUSALS: readonly { refusal: Refusal; code: number; says: string }[] = [
  {
    refusal: {
      status: 422,
      code: 'invalidRequest',
      detail: 'The rollout has faults',
      errors: [{ pointer: '/guard/successCriteria', detail: 'found "rate", expected error_rate' }],
    },
    code: 2,
    says:
      'sluice: The rollout has faults (422 invalidRequest)\n' +
      '  /guard/successCriteria: found "rate", expected error_rate\n',
  },
  {
    refusal: {
      status: 422,
      code: 'invalidRequest',
      detail: 'There is no upstream "b"',
      errors: [{ pointer: '/to', detail: 'There is no upstream "b"' }],
    },
    code: 2,
    says: 'sluice: There is no upstream "b" (422 invalidRequest)\n  at /to\n',
  },
  {
    refusal: {
      status: 400,
      code: 'malformedRequest',
      detail: 'The body has a fault at /to: it is empty',
      errors: [{ pointer: '/to', detail: 'it is empty' }],
    },
    code: 2,
    says: 'sluice: The body has a fault at /to: it is empty (400 malformedRequest)\n',
  },
  {
    refusal: { status: 401, code: 'unauthenticated', detail: 'The token is not known here' },
    code: 4,
    says:
      'sluice: The token is not known here (401 unauthenticated)\n' +
      '  set SLUICE_TOKEN or give --token-file\n',
  },
  {
    refusal: { status: 403, code: 'forbidden', detail: 'The token has the role viewer' },
    code: 4,
    says: 'sluice: The token has the role viewer (403 forbidden)\n',
  },
  {
    refusal: { status: 409, code: 'invalidTransition', detail: 'It is promoted' },
    code: 6,
    says: 'sluice: It is promoted (409 invalidTransition)\n',
  },
  {
    refusal: { status: 412, code: 'stale', detail: 'It is at generation 4, not 2' },
    code: 6,
    says:
      'sluice: It is at generation 4, not 2 (412 stale)\n' +
      '  look again with sluice status, then decide\n',
  },
  {
    refusal: { status: 404, code: 'notFound', detail: 'There is no rollout "shop"' },
    code: 1,
    says: 'sluice: There is no rollout "shop" (404 notFound)\n',
  },
  {
    refusal: { status: 503, code: 'stopping' },
    code: 1,
    says: 'sluice: Refused with 503 (503 stopping)\n',
  },
]

test.for(REFUSALS)('$refusal.status ends with $code', async ({ refusal, code, says }) => {
  const admin = await fakeAdmin()
  admin.refusal = refusal
  const ended = await sluice(['promote', 'shop'], { env: { SLUICE_SERVER: admin.url } })
  expect(ended).toEqual({ code, stdout: '', stderr: says })
})

test('nobody listening ends with 7, and says where', async () => {
  const admin = await fakeAdmin()
  await admin.close()
  const { code, stderr } = await sluice(['status', '--server', `${admin.url}/`])
  expect(code).toBe(7)
  expect(stderr).toContain(`cannot reach the server at ${admin.url}: nobody listens there`)
})

test('a host without an address ends with 7', async () => {
  const { code } = await sluice(['status', '--server', 'http://sluice.invalid:9090'])
  expect(code).toBe(7)
})

test('a broken connection is tried again with the same key, so that the work is done once', async () => {
  const admin = await fakeAdmin()
  admin.rollouts = [rollout()]
  admin.refusals.push({ status: 409, code: 'requestInFlight' })
  admin.dropCount = 1
  const { code } = await sluice(['promote', 'shop'], { env: { SLUICE_SERVER: admin.url } })
  expect(code).toBe(0)
  const keys = admin.asked.map(({ headers }) => headers['idempotency-key'])
  expect(keys).toHaveLength(2)
  expect(new Set(keys).size).toBe(1)
})

test('a request in flight is no reason to try again where nothing broke', async () => {
  const admin = await fakeAdmin()
  admin.refusals.push({ status: 409, code: 'requestInFlight' })
  const { code } = await sluice(['promote', 'shop'], { env: { SLUICE_SERVER: admin.url } })
  expect({ code, askedCount: admin.asked.length }).toEqual({ code: 6, askedCount: 1 })
})

test('connections that go on breaking end with 7 after three tries', async () => {
  const admin = await fakeAdmin()
  admin.dropCount = 3
  const { code } = await sluice(['promote', 'shop'], { env: { SLUICE_SERVER: admin.url } })
  expect({ code, left: admin.dropCount, askedCount: admin.asked.length }).toEqual({
    code: 7,
    left: 0,
    askedCount: 0,
  })
})

test('a server that is not Sluice is told from one that refuses', async () => {
  const server = createServer((_request, response) => response.end('<html>Welcome</html>'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const { code, stderr } = await sluice(['status', '--server', `http://127.0.0.1:${port}`])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining("does not answer as Sluice's admin API does"),
  })
})

test('a faulty SLUICE_SERVER is a usage fault', async () => {
  const { code, stderr } = await sluice(['status'], { env: { SLUICE_SERVER: 'prod' } })
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining('SLUICE_SERVER must be an address'),
  })
})
