/** Requests whose variant a flag decides that has to be waited for. */

import { expect, onTestFinished, test } from 'vitest'
import type { Flags, Route } from '../../../src/proxy/snapshot.ts'
import { NO_RETRY } from '../routes.ts'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { CANARY, type Proxy, type Setup, STABLE, startProxy } from './proxy.ts'
import { answerOk, startUpstream } from './upstream.ts'

/** What the provider below asks, in order; each question waits for its answer. */
interface Asked {
  readonly unit: string
  readonly answer: (isOn: boolean) => void
}

const SLUICE_ASKED = 'sluiceAsked'

/** An OpenFeature provider that hands its questions to the test. */
const PROVIDER = `data:text/javascript,${encodeURIComponent(`
  const ask = (unit) => new Promise((resolve) =>
    globalThis.${SLUICE_ASKED}.push({ unit, answer: (value) => resolve({ value }) }))
  const unknown = (_, value) => Promise.resolve({ value, errorCode: 'TYPE_MISMATCH' })
  export default {
    metadata: { name: 'by hand' },
    resolveBooleanEvaluation: (_key, _default, { targetingKey }) => ask(targetingKey),
    resolveStringEvaluation: unknown,
    resolveNumberEvaluation: unknown,
    resolveObjectEvaluation: unknown,
  }
`)}`

function flagsWithin(deadlineMs: number): Flags {
  const source = {
    kind: 'openFeature',
    module: PROVIDER,
    options: '{}',
    deadlineMs,
    memoMs: 60_000,
    memoLimit: 1_000,
  } as const
  const provider = { name: 'vendor', variants: { true: 'canary', false: 'stable' }, source }
  return { providers: [provider], attributes: {} }
}

async function start(deadlineMs = 60_000, route: Partial<Route> = {}) {
  const asked: Asked[] = []
  Object.assign(globalThis, { [SLUICE_ASKED]: asked })
  onTestFinished(() => void Reflect.deleteProperty(globalThis, SLUICE_ASKED))
  const [stable, canary] = await Promise.all(
    ['stable', 'canary'].map((name) =>
      startUpstream(async (received) => {
        await received.whole
        received.answer(200, name)
      }),
    ),
  )
  const setup: Setup = {
    stable: [stable!.port],
    canary: { endpoints: [canary!.port], weightBp: 0 },
    flags: flagsWithin(deadlineMs),
    route: {
      sticky: [{ kind: 'header', name: 'x-user' }],
      rules: [{ when: null, decision: { kind: 'flag', provider: 'vendor', key: 'new-shop' } }],
      ...route,
    },
  }
  const proxy = await startProxy(setup, () => 0.5)
  return { asked, proxy, stable: stable!, canary: canary!, client: await connectClient(proxy.port) }
}

function ask(user: string): string {
  return `GET / HTTP/1.1\r\nHost: test\r\nX-User: ${user}\r\n\r\n`
}

test.for([
  [true, 'canary'],
  [false, 'stable'],
] as const)(
  'a flag that answers %s sends it to %s, and the next one of that user at once',
  async ([isOn, variant]) => {
    const { asked, client } = await start()
    client.send(ask('ann'))
    await eventually(() => asked.map(({ unit }) => unit)).toEqual(['ann'])
    asked[0]!.answer(isOn)
    expect((await client.answer()).body.toString()).toBe(variant)
    client.send(ask('ann'))
    expect((await client.answer()).body.toString()).toBe(variant)
    expect(asked).toHaveLength(1)
  },
)

test('one that does not answer in time decides nothing', async () => {
  const { asked, proxy, client } = await start(5)
  client.send(ask('ann'))
  expect((await client.answer()).body.toString()).toBe('stable')
  expect(asked).toHaveLength(1)
  expect(proxy.counted(CANARY).started).toBe(0)
})

/** `connectMs` of the proxy's timeouts. */
const CONNECT_MS = 10_000
const RETRY = { attempts: 2, statuses: [503], methods: null, perTryMs: null }

test.for([
  ['without retries', NO_RETRY],
  ['with retries', RETRY],
] as const)('one may take longer than a connection, %s', async ([, retry]) => {
  const { asked, proxy, client } = await start(60_000, { retry })
  client.send(ask('ann'))
  await eventually(() => asked.length).toBe(1)
  await proxy.advance(CONNECT_MS)
  asked[0]!.answer(true)
  expect((await client.answer()).body.toString()).toBe('canary')
  expect(proxy.counted(STABLE).started).toBe(0)
  expect(proxy.counted(CANARY)).toMatchObject({ finished: 1, errors: 0, retries: 0 })
})

test('a request whose flag was long in coming is sent once', async () => {
  const { asked, proxy, stable, canary, client } = await start(60_000, { retry: RETRY })
  canary.script = () => undefined
  client.send(ask('ann'))
  await eventually(() => asked.length).toBe(1)
  await proxy.advance(CONNECT_MS)
  asked[0]!.answer(true)
  const received = await canary.request(0)
  // One that is tried twice, by which time the first would have been too.
  stable.script = (first) => {
    stable.script = answerOk
    first.answer(503)
  }
  const other = await connectClient(proxy.port)
  other.send(ask('bob'))
  await eventually(() => asked.length).toBe(2)
  asked[1]!.answer(false)
  expect((await other.answer()).status).toBe(200)
  expect(canary.requests).toHaveLength(1)
  received.answer(200, 'canary')
  expect((await client.answer()).body.toString()).toBe('canary')
})

test('a body waits until it is known where to', async () => {
  const { asked, canary, client } = await start()
  client.send('POST / HTTP/1.1\r\nHost: test\r\nX-User: ann\r\nContent-Length: 5\r\n\r\nHello')
  await eventually(() => asked.length).toBe(1)
  asked[0]!.answer(true)
  expect((await client.answer()).body.toString()).toBe('canary')
  expect((await canary.requests[0]!.whole).toString()).toBe('Hello')
})

test('a client that leaves while it is waited for leaves nothing behind', async () => {
  const { asked, proxy, client } = await start()
  client.send(ask('ann'))
  await eventually(() => asked.length).toBe(1)
  client.end()
  await eventually(() => aborts(proxy)).toBe(1)
  asked[0]!.answer(true)
  const other = await connectClient(proxy.port)
  other.send(ask('ann'))
  expect((await other.answer()).body.toString()).toBe('canary')
  expect(proxy.counted(CANARY)).toMatchObject({ finished: 1, errors: 0 })
})

function aborts(proxy: Proxy): number {
  return proxy.counted(STABLE).clientAborts + proxy.counted(CANARY).clientAborts
}
