/**
 * `ws` at both ends, Sluice between: messages of every size and kind, pings, closes, extensions, subprotocols.
 *
 * The tunnel does not know frames; what is shown here is that it never has to.
 */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { eventually } from '../proxy/exchange/eventually.ts'
import { startProxy } from '../proxy/exchange/proxy.ts'
import { serve } from './servers.ts'
import { dial, type Dialed, echo, serveWebSocket, startWebSocket } from './websocket.ts'

const KIB = 1024
const MIB = 1024 * KIB

async function next(socket: WebSocket): Promise<{ bytes: Buffer; isBinary: boolean }> {
  const [bytes, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
  return { bytes, isBinary }
}

describe('messages', () => {
  test.for([0, 1, 125, 126, 65_535, 65_536, 64 * KIB + 1, MIB, 16 * MIB])(
    'of %i bytes come back as they were',
    async (size) => {
      const { client } = await startWebSocket(echo)
      const sent = randomBytes(size)
      client.send(sent)
      const binary = await next(client)
      expect([binary.isBinary, binary.bytes.equals(sent)]).toEqual([true, true])
      const text = 'ä'.repeat(size / 2)
      client.send(text)
      const answer = await next(client)
      expect([answer.isBinary, answer.bytes.toString() === text]).toEqual([false, true])
    },
  )

  test('in fragments are one message', async () => {
    const { client } = await startWebSocket(echo)
    const pieces = Array.from({ length: 50 }, () => randomBytes(1_000))
    for (const piece of pieces) client.send(piece, { fin: false })
    client.send('', { fin: true })
    expect((await next(client)).bytes.equals(Buffer.concat(pieces))).toBe(true)
  })

  test('many small ones keep their order', async () => {
    const { client } = await startWebSocket(echo)
    const answers: number[] = []
    client.on('message', (bytes: Buffer) => answers.push(Number(bytes)))
    for (let i = 0; i < 2_000; i++) client.send(String(i))
    await eventually(() => answers.length).toBe(2_000)
    expect(answers).toEqual(Array.from({ length: 2_000 }, (_, i) => i))
  })

  test('both ways at once do not wait for each other', async () => {
    const { client, far } = await startWebSocket((socket) => {
      for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(256 * KIB, i))
    })
    const received = { up: 0, down: 0 }
    client.on('message', (bytes: Buffer) => (received.down += bytes.length))
    far.on('message', (bytes: Buffer) => (received.up += bytes.length))
    for (let i = 0; i < 20; i++) client.send(Buffer.alloc(256 * KIB, i))
    await eventually(() => received).toEqual({ up: 5 * MIB, down: 5 * MIB })
  })
})

describe('control frames', () => {
  test('a flood of pings is answered, ping by ping', async () => {
    // Else ws, where it owes too many pongs, ends the connection.
    const server = { autoPong: false }
    const { client } = await startWebSocket((far) => far.on('ping', (bytes) => far.pong(bytes)), {
      server,
    })
    const pongs: number[] = []
    client.on('pong', (bytes: Buffer) => pongs.push(Number(bytes)))
    for (let i = 0; i < 1_000; i++) client.ping(String(i))
    await eventually(() => pongs.length).toBe(1_000)
    expect(pongs).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
  })

  test('a ping of the upstream reaches the client', async () => {
    const { client, far } = await startWebSocket(echo)
    const heard = once(client, 'ping')
    const answered = once(far, 'pong')
    far.ping('are you there')
    expect(String((await heard)[0])).toBe('are you there')
    expect(String((await answered)[0])).toBe('are you there')
  })

  test.for([
    [1000, 'done'],
    [1001, 'going away'],
    [1011, 'ä reason'],
    [3000, ''],
    [4999, 'x'.repeat(123)],
  ] as const)('code %i passes, whoever closes', async ([code, reason]) => {
    for (const closer of ['client', 'far'] as const) {
      const pair = await startWebSocket(echo)
      const other = closer === 'client' ? pair.far : pair.client
      const heard = once(other, 'close')
      const confirmed = once(pair[closer], 'close')
      pair[closer].close(code, reason)
      expect((await heard).map(String)).toEqual([String(code), reason])
      expect((await confirmed).map(String)).toEqual([String(code), reason])
      const tunnels = () => pair.proxy.counted().tunnelsClosed
      await eventually(tunnels).toBe(1)
    }
  })

  test('a connection cut without a close is seen as 1006 at the other end', async () => {
    for (const cutter of ['client', 'far'] as const) {
      const pair = await startWebSocket(echo)
      const heard = once(cutter === 'client' ? pair.far : pair.client, 'close')
      pair[cutter].terminate()
      expect((await heard)[0]).toBe(1006)
    }
  })
})

describe('the handshake', () => {
  test('permessage-deflate is agreed on by the ends', async () => {
    const options = { perMessageDeflate: { threshold: 0 } }
    const { client, far, proxy } = await startWebSocket(echo, { server: options, client: options })
    expect(client.extensions).toMatch(/^permessage-deflate/)
    expect(far.extensions).toMatch(/^permessage-deflate/)
    const text = 'abc'.repeat(100_000)
    client.send(text)
    expect((await next(client)).bytes.toString()).toBe(text)
    expect(proxy.counted().requestBytes).toBeLessThan(text.length / 10)
  })

  test('the subprotocol is the one that the upstream chose', async () => {
    const { client, far } = await startWebSocket(echo, {
      server: { handleProtocols: (offered) => [...offered].at(-1)! },
      protocols: ['chat.v1', 'chat.v2'],
    })
    expect([client.protocol, far.protocol]).toEqual(['chat.v2', 'chat.v2'])
  })

  test('fields pass to the upstream and back', async () => {
    const { request, response } = await startWebSocket(echo, {
      client: { headers: { 'x-own': 'up', cookie: 'a=b' }, origin: 'https://origin.example' },
      answerLine: 'x-own: down',
    })
    expect(request.headers).toMatchObject({
      'x-own': 'up',
      cookie: 'a=b',
      origin: 'https://origin.example',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    })
    expect(request.headers.upgrade).toBe('websocket')
    expect(response.headers['x-own']).toBe('down')
  })

  test('an upstream that refuses is heard', async () => {
    const { server, port } = await serve((_, response) => response.end())
    server.on('upgrade', (_, socket) => {
      socket.end(
        'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno',
      )
    })
    const proxy = await startProxy({ stable: [port] })
    const refused = await dial(proxy).refusal
    expect(refused).toMatchObject({ statusCode: 401, headers: { 'www-authenticate': 'Basic' } })
    expect(proxy.counted()).toMatchObject({ tunnelsOpened: 0, codes: { 'GET 401': 1 } })
  })

  test('an upstream that is not there is a 502', async () => {
    const proxy = await startProxy({ stable: [1] })
    expect(await dial(proxy).refusal).toMatchObject({ statusCode: 502 })
  })
})

test('two hundred connections at once each have their own', async () => {
  const proxy = await startProxy({ stable: [await serveWebSocket(echo)] })
  const clients: Dialed[] = Array.from({ length: 200 }, () => dial(proxy))
  const answers = await Promise.all(
    clients.map(async ({ socket }, i) => {
      await once(socket, 'open')
      socket.send(String(i))
      return Number((await next(socket)).bytes)
    }),
  )
  expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => i))
  expect(proxy.counted().tunnelsOpened).toBe(200)
  for (const { socket } of clients) socket.close()
  await eventually(() => proxy.counted().tunnelsClosed).toBe(200)
})
