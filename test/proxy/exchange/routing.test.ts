/** Which variant a request goes to, and what a new snapshot changes for requests under way. */

import { describe, expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { connectClient } from './client.ts'
import { valueOf, valuesOf } from './message.ts'
import { CANARY, STABLE, startProxy } from './proxy.ts'
import { type Script, startUpstream } from './upstream.ts'

const named =
  (name: string): Script =>
  (received) =>
    received.answer(200, name)

test('no route is a 404 with a reason, and the connection goes on', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({
    stable: [upstream.port],
    route: { path: { kind: 'prefix', value: '/shop' } },
  })
  const client = await connectClient(proxy.port)
  const answer = await client.get('/shopping')
  expect(answer.status).toBe(404)
  expect(valueOf(answer, 'proxy-status')).toMatch(/^sluice; error=destination_not_found;/)
  expect((await client.get('/shop/1')).status).toBe(200)
  expect(proxy.localCount(404)).toBe(1)
  expect(proxy.counted()).toMatchObject({ finished: 1, codes: { 'GET 200': 1 } })
})

describe('a minted cookie', () => {
  const STICKY = { sticky: [{ kind: 'cookie', name: 'sluice', mint: true }] } as const

  test('is set once, with its attributes, and keeps the client where it is', async () => {
    const stable = await startUpstream(named('stable'))
    const canary = await startUpstream(named('canary'))
    const proxy = await startProxy({
      stable: [stable.port],
      canary: { endpoints: [canary.port], weightBp: 5_000 },
      route: STICKY,
    })
    const seen = new Set<string>()
    for (let user = 0; user < 20; user++) {
      const client = await connectClient(proxy.port)
      const first = await client.get('/', 'Cookie: other=1\r\n')
      const setCookie = valueOf(first, 'set-cookie')
      expect(setCookie).toMatch(/^sluice=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Lax$/)
      const cookie = setCookie!.split(';')[0]!
      for (let visit = 0; visit < 3; visit++) {
        const again = await client.get('/', `Cookie: other=1; ${cookie}\r\n`)
        expect(again.body.toString()).toBe(first.body.toString())
        expect(valuesOf(again, 'set-cookie')).toEqual([])
      }
      seen.add(first.body.toString())
    }
    expect(seen).toEqual(new Set(['stable', 'canary']))
  })

  test("comes with an answer of Sluice's own too", async () => {
    const canary = { endpoints: [], weightBp: 5_000 }
    const proxy = await startProxy({ stable: [], canary, route: STICKY })
    const answer = await (await connectClient(proxy.port)).get('/')
    expect(answer.status).toBe(503)
    expect(valueOf(answer, 'set-cookie')).toMatch(/^sluice=/)
  })

  test('is not set without a canary', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port], route: STICKY })
    const answer = await (await connectClient(proxy.port)).get('/')
    expect(valuesOf(answer, 'set-cookie')).toEqual([])
  })
})

test('a forced variant is given to who asks for it', async () => {
  const stable = await startUpstream(named('stable'))
  const canary = await startUpstream(named('canary'))
  const proxy = await startProxy({
    stable: [stable.port],
    canary: { endpoints: [canary.port], weightBp: 0 },
    route: { forceHeader: 'x-version' },
  })
  const client = await connectClient(proxy.port)
  expect((await client.get('/')).body.toString()).toBe('stable')
  expect((await client.get('/', 'X-Version: canary\r\n')).body.toString()).toBe('canary')
})

test('requests are spread over the endpoints of a variant by how busy these are', async () => {
  const busy = await startUpstream(() => undefined)
  const free = await startUpstream()
  const proxy = await startProxy({ stable: [busy.port, free.port] })
  const stuck = await connectClient(proxy.port)
  while (busy.requests.length === 0) {
    stuck.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await Promise.race([stuck.answer(), busy.request(0)])
  }
  const client = await connectClient(proxy.port)
  for (let i = 0; i < 20; i++) {
    expect((await client.get('/')).status).toBe(200)
  }
  expect(busy.requests).toHaveLength(1)
})

describe('a new snapshot', () => {
  test('without canary: what is under way ends there, nothing new begins there', async () => {
    const stable = await startUpstream(named('stable'))
    const canary = await startUpstream()
    canary.script = () => undefined
    const weights = { endpoints: [canary.port], weightBp: 10_000 }
    const proxy = await startProxy({ stable: [stable.port], canary: weights })
    const client = await connectClient(proxy.port)
    client.send('GET /under-way HTTP/1.1\r\nHost: test\r\n\r\n')
    const received = await canary.request(0)

    proxy.use({ stable: [stable.port] })
    const other = await connectClient(proxy.port)
    expect((await other.get('/')).body.toString()).toBe('stable')
    received.answer(200, 'canary')
    expect((await client.answer()).body.toString()).toBe('canary')
    expect((await client.get('/')).body.toString()).toBe('stable')
    expect(canary.requests).toHaveLength(1)
    await received.gone()
    expect(proxy.counted(CANARY)).toMatchObject({ started: 1, finished: 1, errors: 0 })
    expect(proxy.counted(STABLE)).toMatchObject({ started: 2, finished: 2, errors: 0 })
  })

  test('closes the kept connections of an endpoint that is not named any more, and of no other', async () => {
    const stable = await startUpstream(named('stable'))
    const canary = await startUpstream(named('canary'))
    const route = { forceHeader: 'x-version' }
    const weights = { endpoints: [canary.port], weightBp: 0 }
    const proxy = await startProxy({ stable: [stable.port], canary: weights, route })
    const client = await connectClient(proxy.port)
    await client.get('/')
    await client.get('/', 'X-Version: canary\r\n')
    proxy.use({ stable: [stable.port], route })
    await eventually(() => canary.openCount).toBe(0)
    await client.get('/')
    expect(stable.connectionCount).toBe(1)
  })

  test.for(['GET', 'POST'])(
    'a %s that waits for a connection to the canary goes to stable',
    async (method) => {
      const stable = await startUpstream(async (received) => {
        received.answer(200, `stable ${(await received.whole).toString()}`)
      })
      const canary = await startUpstream()
      const weights = { endpoints: [canary.port], weightBp: 10_000 }
      const proxy = await startProxy({ stable: [stable.port], canary: weights })
      const client = await connectClient(proxy.port)
      const body = method === 'POST' ? 'Content-Length: 3\r\n\r\nabc' : '\r\n'
      client.send(`${method} / HTTP/1.1\r\nHost: test\r\n${body}`)
      await proxy.connecting()
      proxy.use({ stable: [stable.port] })
      const answer = await client.answer()
      expect(answer.body.toString()).toBe(method === 'POST' ? 'stable abc' : 'stable ')
      expect(canary.requests).toEqual([])
      expect(proxy.counted(CANARY).started).toBe(0)
      expect(proxy.counted(STABLE)).toMatchObject({ started: 1, finished: 1 })
    },
  )

  test('a route that is gone answers 404 to who waits for a connection', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await proxy.connecting()
    proxy.use({ stable: [], route: { name: 'other' } })
    expect((await client.answer()).status).toBe(404)
    expect((await client.get('/')).status).toBe(503)
  })

  test('a second try goes by the new snapshot, and the books of both variants balance', async () => {
    const stable = await startUpstream(named('stable'))
    const canary = await startUpstream(named('canary'))
    const weights = { endpoints: [canary.port], weightBp: 10_000 }
    const proxy = await startProxy({ stable: [stable.port], canary: weights })
    const client = await connectClient(proxy.port)
    expect((await client.get('/')).body.toString()).toBe('canary')
    canary.script = (received) => {
      proxy.use({ stable: [stable.port] })
      received.reset()
    }
    expect((await client.get('/')).body.toString()).toBe('stable')
    // Counted where it was first sent.
    expect(proxy.counted(CANARY)).toMatchObject({ started: 2, finished: 2, retries: 1 })
    expect(proxy.counted(STABLE)).toMatchObject({ started: 0, finished: 0 })
  })

  test('an endpoint that comes back is an endpoint like any other', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    await client.get('/')
    proxy.use({ stable: [] })
    expect((await client.get('/')).status).toBe(503)
    proxy.use({ stable: [upstream.port] })
    expect((await client.get('/')).status).toBe(200)
    await client.get('/')
    expect(upstream.connectionCount).toBe(2)
  })
})
