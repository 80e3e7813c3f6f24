/** Every failure of an upstream: what the client is told, what is counted, and that the connection goes on. */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from './eventually.ts'
import { type UpstreamFailure, UPSTREAM_FAILURES } from '../../../src/proxy/failure.ts'
import { type Answer, type Client, connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { type Proxy, type Setup, startProxy } from './proxy.ts'
import { BrokenOff } from './reader.ts'
import { type Received, type Script, startUpstream } from './upstream.ts'

/** Checks that the request ended as the table of failures says. */
function expectFailure(answer: Answer, proxy: Proxy, reason: UpstreamFailure): void {
  const { status, error } = UPSTREAM_FAILURES[reason]
  expect(answer.status).toBe(status)
  expect(valueOf(answer, 'proxy-status')).toMatch(new RegExp(`^sluice; error=${error};`))
  expect(valueOf(answer, 'date')).toMatch(/GMT$/)
  expect(answer.body.toString()).toMatch(new RegExp(`^${status} `))
  expect(proxy.counted()).toMatchObject({
    finished: 1,
    errors: 1,
    failures: { [reason]: 1 },
    codes: { [`GET ${status}`]: 1 },
    latencyCount: 1,
  })
}

/** The next request on the same connection is as good as any. */
async function expectGoesOn(client: Client, answer: Answer): Promise<void> {
  expect(valueOf(answer, 'connection')).toBeUndefined()
  expect((await client.get('/next')).body.toString()).toBe('next')
}

/** Answers `/next`, and everything else by the script. */
function butNext(script: Script): Script {
  return (received) =>
    received.target === '/next' ? received.answer(200, 'next') : script(received)
}

/** Sends the piece until the proxy has had enough. */
async function drip(received: Received, piece: string): Promise<void> {
  while (!received.socket.destroyed) {
    received.send(piece)
    await setImmediate()
  }
}

/** Asks once where that has to fail. */
async function fail(setup: Setup): Promise<{ answer: Answer; proxy: Proxy; client: Client }> {
  const proxy = await startProxy(setup)
  const client = await connectClient(proxy.port)
  return { answer: await client.get('/'), proxy, client }
}

describe('what the upstream does instead of answering', () => {
  test.for([
    ['resets', 'reset', (received) => received.reset()],
    ['closes', 'reset', (received) => received.end()],
    [
      'closes in the middle of the head',
      'incomplete',
      (received) => {
        received.send('HTTP/1.1 200 OK\r\ncontent-le')
        received.end()
      },
    ],
    [
      'closes after an interim answer',
      'incomplete',
      (received) => {
        received.send('HTTP/1.1 103 Early Hints\r\n\r\n')
        received.end()
      },
    ],
    ['speaks something else', 'protocol', (received) => received.send('SSH-2.0-OpenSSH_9.2\r\n')],
    [
      'contradicts itself',
      'protocol',
      (received) =>
        received.send('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
    ],
    [
      'switches protocols unasked',
      'protocol',
      (received) =>
        received.send('HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
    ],
    [
      'sends a head that is too large',
      'headTooLarge',
      (received) => received.send(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`),
    ],
    [
      'sends a head without an end',
      'headTooLarge',
      (received) => {
        received.send('HTTP/1.1 200 OK\r\n')
        return drip(received, 'x-line: 0123456789\r\n'.repeat(10))
      },
    ],
    [
      'sends a line without an end',
      'headTooLarge',
      (received) => {
        received.send('HTTP/1.1 200 OK\r\nx: ')
        return drip(received, 'yyyyyyyyyyyyyyyy'.repeat(64))
      },
    ],
    [
      'sends interim answers without an end',
      'protocol',
      (received) => drip(received, 'HTTP/1.1 100 Continue\r\n\r\n'),
    ],
  ] satisfies readonly (readonly [string, UpstreamFailure, Script])[])(
    '%s: %s',
    async ([, reason, script]) => {
      const upstream = await startUpstream(butNext(script))
      const proxy = await startProxy({ stable: [upstream.port] })
      const client = await connectClient(proxy.port)
      const answer = await client.get('/')
      expectFailure(answer, proxy, reason)
      expect(upstream.requests).toHaveLength(1)
      await eventually(() => upstream.openCount).toBe(0)
      await expectGoesOn(client, answer)
    },
  )

  test.for([
    ['says nothing', () => undefined],
    [
      'sends its head byte by byte',
      async (received: Received) => {
        for (const byte of 'HTTP/1.1 200 OK') {
          received.send(byte)
          await setImmediate()
        }
      },
    ],
    [
      'sends only an interim answer',
      (received: Received) => received.send('HTTP/1.1 103 Early Hints\r\n\r\n'),
    ],
  ] satisfies readonly (readonly [string, Script])[])('%s in time', async ([, script]) => {
    const upstream = await startUpstream(butNext(script))
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    const answering = client.get('/')
    const received = await upstream.request(0)
    await proxy.advance(50_000)
    expect(proxy.counted().finished).toBe(0)
    await proxy.advance(11_000)
    const answer = await answering
    expectFailure(answer, proxy, 'responseTimeout')
    await received.gone()
    await expectGoesOn(client, answer)
  })
})

describe('an answer that breaks off', () => {
  const BY_LENGTH = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234'
  const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n'
  const UNTIL_CLOSE = 'HTTP/1.1 200 OK\r\n\r\n01234'

  test.for([
    ['a length and a FIN', BY_LENGTH, 'end', 'incomplete'],
    ['a length and an RST', BY_LENGTH, 'reset', 'incomplete'],
    ['chunks and a FIN', CHUNKED, 'end', 'incomplete'],
    ['chunks and an RST', CHUNKED, 'reset', 'incomplete'],
    ['chunks and garbage', CHUNKED, 'garbage', 'protocol'],
    ['no length and an RST', UNTIL_CLOSE, 'reset', 'incomplete'],
    ['a length and silence', BY_LENGTH, 'silence', 'stalled'],
    ['chunks and silence', CHUNKED, 'silence', 'stalled'],
    ['no length and silence', UNTIL_CLOSE, 'silence', 'stalled'],
  ] as const)('%s', async ([, start, end, reason]) => {
    const upstream = await startUpstream((received) => received.send(start))
    const proxy = await startProxy({ stable: [upstream.port] })
    for (const version of ['1.1', '1.0']) {
      const client = await connectClient(proxy.port)
      client.send(`GET / HTTP/${version}\r\nHost: test\r\n\r\n`)
      const failing = client.answer().catch((error: unknown) => error)
      await eventually(() => client.reader.receivedBytes).toBeGreaterThan(60)
      const received = upstream.requests.at(-1)!
      if (end === 'end') received.end()
      if (end === 'reset') received.reset()
      if (end === 'garbage') received.send('z')
      if (end === 'silence') await proxy.advance(31_000)
      expect(await failing).toBeInstanceOf(BrokenOff)
    }
    expect(proxy.counted()).toMatchObject({
      finished: 2,
      errors: 2,
      clientAborts: 0,
      failures: { [reason]: 2 },
      codes: { 'GET 200': 2 },
      responseBytes: 10,
    })
    await eventually(() => upstream.openCount).toBe(0)
  })

  test('a body that comes slowly is not broken off', async () => {
    const upstream = await startUpstream((received) => received.send(BY_LENGTH))
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    const answering = client.get('/')
    await eventually(() => client.reader.receivedBytes).toBeGreaterThan(60)
    const received = upstream.requests[0]!
    for (const byte of '56789') {
      await proxy.advance(20_000)
      received.send(byte)
      await eventually(() => proxy.counted().responseBytes).toBe(Number(byte) + 1)
    }
    expect((await answering).body.toString()).toBe('0123456789')
  })
})

describe('no connection', () => {
  test('refused', async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address!.port : 0
    server.close()
    await once(server, 'close')
    const { answer, proxy, client } = await fail({ stable: [port] })
    expectFailure(answer, proxy, 'refused')
    expect(valueOf(answer, 'connection')).toBeUndefined()
    expect((await client.get('/')).status).toBe(502)
  })

  test('no such name', async () => {
    const { answer, proxy } = await fail({ stable: [{ host: 'nowhere.invalid', port: 80 }] })
    expect(answer.status).toBe(502)
    expectFailure(answer, proxy, 'dns')
  })

  test('no endpoint', async () => {
    const { answer, proxy } = await fail({ stable: [] })
    expect(answer.status).toBe(503)
    expectFailure(answer, proxy, 'unavailable')
  })

  test('no endpoint for a request with a body: what is short of it is read, and the client goes on', async () => {
    const proxy = await startProxy({ stable: [] })
    const client = await connectClient(proxy.port)
    for (const length of [0, 3, 3]) {
      client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n`)
      client.send('abc'.slice(0, length))
      expect((await client.answer()).status).toBe(503)
    }
    client.send('POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n')
    expect(valueOf(await client.answer(), 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
  })

  test('an HTTP/1.0 client is told, and its connection closed', async () => {
    const proxy = await startProxy({ stable: [] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    const answer = await client.answer()
    expect(answer.status).toBe(503)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
  })

  test('a HEAD is told without a body', async () => {
    const proxy = await startProxy({ stable: [] })
    const client = await connectClient(proxy.port)
    client.send('HEAD / HTTP/1.1\r\nHost: test\r\n\r\n')
    expect((await client.answer('HEAD')).status).toBe(503)
    expect((await client.get('/')).status).toBe(503)
  })

  test('nobody accepts', async () => {
    const { port, fill } = await deafListener()
    const proxy = await startProxy({ stable: [port] })
    await fill()
    const client = await connectClient(proxy.port)
    const answering = client.get('/')
    await eventually(() => proxy.thread('upstreamOpened')).toBe(1)
    await proxy.advance(9_000)
    expect(proxy.counted().finished).toBe(0)
    await proxy.advance(2_000)
    expectFailure(await answering, proxy, 'connectTimeout')
    await eventually(() => proxy.thread('upstreamClosed')).toBe(1)
  })

  test('too many', async () => {
    const upstream = await startUpstream(butNext(() => undefined))
    const proxy = await startProxy({
      stable: [upstream.port],
      limits: { upstreamConnections: 2 },
    })
    const busy = await Promise.all([1, 2].map(() => connectClient(proxy.port)))
    for (const client of busy) client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await upstream.request(1)
    const client = await connectClient(proxy.port)
    const answer = await client.get('/')
    expect(proxy.thread('upstreamOpened')).toBe(2)
    expectFailure(answer, proxy, 'connectionLimit')
    busy[0]!.reset()
    await eventually(() => upstream.openCount).toBe(1)
    await expectGoesOn(client, answer)
  })
})

/** Listens in a thread that never accepts; once `fill` has filled its queue, nobody can connect any more. */
async function deafListener(): Promise<{ port: number; fill: () => Promise<void> }> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const server = require('node:net').createServer()
     server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port)
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
     })`,
    { eval: true },
  )
  onTestFinished(() => void worker.terminate())
  const [port] = (await once(worker, 'message')) as [number]
  return { port, fill: () => fillQueue(port) }
}

/** A queue is full when a connection is still not made some turns of the event loop later: on loopback it takes one. */
async function fillQueue(port: number): Promise<void> {
  let socket: Socket
  do {
    socket = connect({ port, host: '127.0.0.1' })
    const filler = socket
    onTestFinished(() => void filler.destroy())
    for (let turn = 0; turn < 20; turn++) await setImmediate()
  } while (!socket.connecting)
}
