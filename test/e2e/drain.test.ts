/**
 * SIGTERM to the real process: whoever was promised an answer gets it whole, nobody new comes, nothing lasts longer
 * than it may, and the next process can take the place at once.
 */

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { eventually } from '../proxy/exchange/eventually.ts'
import { readHead, valueOf } from '../proxy/exchange/message.ts'
import { startSwitching, UPGRADE } from '../proxy/exchange/switching.ts'
import { startUpstream } from '../proxy/exchange/upstream.ts'
import { type House, startHouse } from './house.ts'

const MIB = 1024 * 1024
/** More than one read of a socket. */
const BODY = Buffer.alloc(100_000, 'x')
const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const BOTH = '{ name: public, host: 127.0.0.1, port: 0, protocols: [http1, http2] }'
/** RFC 9113 section 6.8: the greatest number that a stream can have. */
const LAST_POSSIBLE = 2 ** 31 - 1

test('HTTP/1.1 under way is answered with a close, what is idle is closed, nobody new comes', async () => {
  const upstream = await startUpstream((received) =>
    received.target === '/held' ? undefined : received.answer(200, 'ok'),
  )
  const { port, sluice } = await startHouse(upstream, { threads: 2 })
  const idle = await clients(port, 4)
  for (const client of idle) expect((await client.get('/')).status).toBe(200)
  const fresh = await clients(port, 4)
  const busy = await clients(port, 4)
  for (const client of busy) client.send(GET.replace('/', '/held'))
  await eventually(() => held(upstream.requests).length).toBe(busy.length)

  const stopped = sluice.stop()
  for (const client of [...idle, ...fresh]) expect(await client.reader.end()).not.toBe('open')
  expect(await refusal(port)).toBe('ECONNREFUSED')
  for (const received of held(upstream.requests)) received.answer(200, 'done')
  for (const client of busy) {
    const answer = await client.answer()
    expect([answer.body.toString(), valueOf(answer, 'connection')]).toEqual(['done', 'close'])
    expect(await client.reader.end()).toBe('ended')
    client.end()
  }
  expect(await stopped).toBe(0)
})

test('HTTP/2 is told twice: that it ends, then which stream is the last; all of them finish', async () => {
  const upstream = await startUpstream(() => undefined)
  const { port, sluice } = await startHouse(upstream, { threads: 2, listeners: BOTH })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  onTestFinished(() => session.destroy())
  const goaways: (readonly [code: number, lastStream: number])[] = []
  session.on('goaway', (code, lastStream) => void goaways.push([code, lastStream]))
  const bodies = ['a', 'b', 'c'].map(async (path) => {
    const stream = session.request({ ':path': `/${path}` }).setEncoding('latin1')
    let body = ''
    for await (const text of stream) body += String(text)
    return body
  })
  await eventually(() => upstream.requests.length).toBe(3)

  const stopped = sluice.stop()
  await eventually(() => goaways).toEqual([
    [0, LAST_POSSIBLE],
    [0, 5],
  ])
  for (const received of upstream.requests) received.answer(200, received.target)
  expect(await Promise.all(bodies)).toEqual(['/a', '/b', '/c'])
  expect(await stopped).toBe(0)
})

test('WebSockets end within the time for draining, not all at once', async () => {
  const upstream = await startSwitching()
  const { port, sluice } = await startHouse(upstream, { proxyEntries: ['drainTimeout: 4s'] })
  const tunnels = await clients(port, 40)
  for (const client of tunnels) {
    client.send(UPGRADE)
    expect((await readHead(client.reader))?.startLine).toContain(' 101 ')
  }
  const startMs = performance.now()
  const stopped = sluice.stop()
  tunnels[0]!.send('still here')
  const far = await eventuallyFound(() =>
    upstream.switched.find(({ reader }) => reader.unread !== ''),
  )
  expect(far.reader.unread).toBe('still here')
  const endedMs = await Promise.all(
    tunnels.map(async (client) => {
      await client.reader.end()
      client.end()
      return performance.now() - startMs
    }),
  )
  expect(await stopped).toBe(0)
  // They end in the second half of the time: 2 s, in which the wheel turns eight times.
  expect(Math.min(...endedMs)).toBeGreaterThan(1_900)
  expect(new Set(endedMs.map((ms) => Math.floor(ms / 250))).size).toBeGreaterThan(3)
})

test('WebSockets over HTTP/2 do so too', async () => {
  const upstream = await startSwitching()
  const { port, sluice } = await startHouse(upstream, {
    listeners: BOTH,
    proxyEntries: ['drainTimeout: 20s', 'timeouts: { tunnelDrain: 2s }'],
  })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  onTestFinished(() => session.destroy())
  session.on('error', () => undefined)
  await once(session, 'remoteSettings')
  const tunnel = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/',
    'sec-websocket-version': '13',
  })
  tunnel.on('error', () => undefined).resume()
  const [fields] = await once(tunnel, 'response')
  expect(fields[':status']).toBe(200)
  const closed = once(tunnel, 'close')
  const startMs = performance.now()
  const stopped = sluice.stop()
  await closed
  expect(performance.now() - startMs).toBeLessThan(10_000)
  expect(await stopped).toBe(0)
})

test('a long download is cut when the time is over', async () => {
  const upstream = await startUpstream((received) =>
    received.send(`HTTP/1.1 200 OK\r\ncontent-length: ${100 * MIB}\r\n\r\nabc`),
  )
  const { port, sluice } = await startHouse(upstream, { proxyEntries: ['drainTimeout: 500ms'] })
  const client = await connectClient(port)
  client.send(GET)
  await eventually(() => client.reader.unread).toContain('abc')
  const startMs = performance.now()
  const stopped = sluice.stop()
  await expect(client.answer()).rejects.toThrow('in the middle of a body')
  expect(performance.now() - startMs).toBeGreaterThan(400)
  expect(await stopped).toBe(0)
  await eventually(() => upstream.openCount).toBe(0)
})

test('no request that came through is lost, and no answer is cut', async () => {
  const upstream = await startUpstream((received) => received.answer(200, BODY))
  const { port, sluice } = await startHouse(upstream, { threads: 2 })
  const counts = { whole: 0, cut: 0 }
  const asking = Array.from({ length: 32 }, (_, i) => keepAsking(port, counts, i % 2 === 0))
  await eventually(() => counts.whole).toBeGreaterThan(500)
  expect(await sluice.stop()).toBe(0)
  await Promise.all(asking)
  expect(counts.cut).toBe(0)
  expect(counts.whole).toBe(upstream.requests.length)
})

/** Asks until the proxy is gone, over one connection after the other, or over a new one each time. */
async function keepAsking(
  port: number,
  counts: { whole: number; cut: number },
  isKept: boolean,
): Promise<void> {
  for (;;) {
    const client = await connectClient(port).catch(() => null)
    if (client === null) return
    let mayGoOn = true
    while (mayGoOn) {
      const { receivedBytes } = client.reader
      client.send(GET)
      const answer = await client.answer().catch(() => null)
      if (answer === null) {
        if (client.reader.receivedBytes > receivedBytes) counts.cut++
        break
      }
      expect(answer.body.length).toBe(BODY.length)
      counts.whole++
      mayGoOn = isKept && valueOf(answer, 'connection') !== 'close'
    }
    client.end()
  }
}

test('the next process takes the same port at once, while clients still close', async () => {
  const upstream = await startUpstream()
  const first = await startHouse(upstream, { threads: 2 })
  const listeners = `{ name: public, host: 127.0.0.1, port: ${first.port} }`
  let house: House = first
  for (let round = 0; round < 2; round++) {
    const kept = await clients(house.port, 8)
    for (const client of kept) expect((await client.get('/')).status).toBe(200)
    expect(await house.sluice.stop()).toBe(0)
    house = await startHouse(upstream, { threads: 2, listeners, folder: first.folder })
    expect(house.port).toBe(first.port)
  }
  const client = await connectClient(first.port)
  expect((await client.get('/')).status).toBe(200)
})

function clients(port: number, count: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: count }, () => connectClient(port)))
}

function held<T extends { readonly target: string }>(requests: readonly T[]): T[] {
  return requests.filter(({ target }) => target === '/held')
}

async function eventuallyFound<T>(find: () => T | undefined): Promise<T> {
  await eventually(find).toBeDefined()
  return find()!
}

/** Resolves with the code of the error that a connection meets. */
async function refusal(port: number): Promise<string | undefined> {
  const [error]: NodeJS.ErrnoException[] = await once(connect({ port, host: '127.0.0.1' }), 'error')
  return error?.code
}
