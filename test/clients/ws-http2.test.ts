/**
 * WebSocket over HTTP/2 (RFC 8441): a client of node:http2 asks by extended CONNECT and talks frames that it makes
 * itself, to a server of `ws` that knows HTTP/1.1 alone.
 */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientHttp2Stream, connect } from 'node:http2'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { CA, PRIOR_KNOWLEDGE, SECURE, serve } from './servers.ts'
import { echo, type Options, serveWebSocket } from './websocket.ts'

const FIN_TEXT = 0x81
const FIN_BINARY = 0x82
const FIN_CLOSE = 0x88
const MASKED = 0x80

/** A masked frame, as clients send them. */
function frame(first: number, payload: Buffer): Buffer {
  const mask = randomBytes(4)
  const long = payload.length > 65_535 ? 8 : 2
  const length = payload.length < 126 ? 0 : long
  const head = Buffer.alloc(2 + length)
  head[0] = first
  if (length === 0) head[1] = MASKED | payload.length
  else if (length === 2) {
    head[1] = MASKED | 126
    head.writeUInt16BE(payload.length, 2)
  } else {
    head[1] = MASKED | 127
    head.writeBigUInt64BE(BigInt(payload.length), 2)
  }
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4]!)])
}

/** Where an unmasked frame's payload begins and ends; null where it is not whole. */
function unframe(bytes: Buffer): { first: number; payload: Buffer; rest: Buffer } | null {
  if (bytes.length < 10) {
    if (bytes.length < 2 || bytes.length < 2 + (bytes[1]! & 0x7f)) return null
  }
  const short = bytes[1]!
  const begin = short < 126 ? 2 : short === 126 ? 4 : 10
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < begin + length) return null
  const end = begin + length
  return { first: bytes[0]!, payload: bytes.subarray(begin, end), rest: bytes.subarray(end) }
}

class Http2WebSocket {
  readonly stream: ClientHttp2Stream
  readonly #frames: { first: number; payload: Buffer }[] = []
  #bytes: Buffer = Buffer.alloc(0)
  isEnded = false

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream
    stream.on('error', () => undefined).on('end', () => (this.isEnded = true))
    stream.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      for (let read = unframe(this.#bytes); read !== null; read = unframe(this.#bytes)) {
        this.#bytes = read.rest
        this.#frames.push(read)
      }
    })
  }

  async next(): Promise<{ first: number; payload: Buffer }> {
    await eventually(() => this.#frames.length).toBeGreaterThan(0)
    return this.#frames.shift()!
  }
}

async function dial(proxy: Proxy, isSecure: boolean, headers: Record<string, string> = {}) {
  const url = `${isSecure ? 'https' : 'http'}://127.0.0.1:${proxy.port}`
  const session = connect(url, { ca: CA })
  onTestFinished(() => session.destroy())
  const [settings] = (await once(session, 'remoteSettings')) as [{ enableConnectProtocol: boolean }]
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': isSecure ? 'https' : 'http',
      ':path': '/ws',
      ':authority': 'a.example',
      'sec-websocket-version': '13',
      ...headers,
    },
    { endStream: false },
  )
  const socket = new Http2WebSocket(stream)
  const [answer] = (await once(stream, 'response')) as [Record<string, string | number>]
  return { session, settings, socket, answer }
}

async function start(isSecure: boolean, options: Options = {}) {
  const port = await serveWebSocket(echo, options)
  return startProxy({ stable: [port], listener: isSecure ? SECURE : PRIOR_KNOWLEDGE })
}

describe.for([
  ['in cleartext', false],
  ['over TLS', true],
] as const)('%s', ([, isSecure]) => {
  test('it is offered, asked for, and answered 200', async () => {
    const proxy = await start(isSecure)
    const { settings, answer } = await dial(proxy, isSecure)
    expect(settings.enableConnectProtocol).toBe(true)
    expect(answer[':status']).toBe(200)
    expect(answer).not.toHaveProperty('sec-websocket-accept')
    expect(answer).not.toHaveProperty('upgrade')
    expect(proxy.counted().tunnelsOpened).toBe(1)
  })

  test.for([0, 125, 126, 65_536, 1_048_576])('%i bytes come back as they were', async (size) => {
    const proxy = await start(isSecure)
    const { socket } = await dial(proxy, isSecure)
    const sent = randomBytes(size)
    socket.stream.write(frame(FIN_BINARY, sent))
    const { first, payload } = await socket.next()
    expect([first, payload.equals(sent)]).toEqual([FIN_BINARY, true])
  })

  test('many share a session with each other and with requests', async () => {
    const proxy = await start(isSecure)
    const { session, socket } = await dial(proxy, isSecure)
    const plain = session.request({ ':path': '/' })
    const [answer] = (await once(plain, 'response')) as [Record<string, number>]
    expect(answer[':status']).toBe(426)
    socket.stream.write(frame(FIN_TEXT, Buffer.from('still here')))
    expect((await socket.next()).payload.toString()).toBe('still here')
    expect(proxy.thread('accepted')).toBe(1)
  })

  test('a close is answered, and ends the stream', async () => {
    const proxy = await start(isSecure)
    const { socket } = await dial(proxy, isSecure)
    const code = Buffer.from([0x03, 0xe8])
    socket.stream.write(frame(FIN_CLOSE, code))
    expect(await socket.next()).toMatchObject({ first: FIN_CLOSE, payload: code })
    await eventually(() => socket.isEnded).toBe(true)
    socket.stream.end()
    await eventually(() => proxy.counted().tunnelsClosed).toBe(1)
  })

  test('a reset of the stream cuts the connection to the upstream', async () => {
    const proxy = await start(isSecure)
    const { socket, session } = await dial(proxy, isSecure)
    socket.stream.close(8)
    await eventually(() => proxy.counted().tunnelsClosed).toBe(1)
    expect(session.destroyed).toBe(false)
  })
})

test('the subprotocol that the upstream chose is told', async () => {
  const proxy = await start(false, {
    server: { handleProtocols: (offered) => [...offered].at(-1)! },
  })
  const { answer } = await dial(proxy, false, { 'sec-websocket-protocol': 'chat.v1, chat.v2' })
  expect(answer['sec-websocket-protocol']).toBe('chat.v2')
})

test('an upstream that refuses is heard', async () => {
  const { server, port } = await serve((_, response) => response.end())
  server.on('upgrade', (_, socket) => {
    socket.end(
      'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno',
    )
  })
  const proxy = await startProxy({ stable: [port], listener: PRIOR_KNOWLEDGE })
  const { answer } = await dial(proxy, false)
  expect(answer).toMatchObject({ ':status': 401, 'www-authenticate': 'Basic' })
})
