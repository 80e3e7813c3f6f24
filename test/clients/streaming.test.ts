/**
 * Streaming, by each version on either side: nothing waits for more. Each side moves on only when the test has seen at the
 * other what was sent before, so a piece that is held back is a test that does not end.
 */

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import type { Readable } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { bodyOf, CA, PRIOR_KNOWLEDGE, SECURE, serve, serveHttp2 } from './servers.ts'

const MIB = 1024 * 1024

/** One request as the upstream sees it, whatever its version. */
interface Far {
  readonly body: Readable
  hint(link: string): void
  begin(status: number): void
  write(text: string): void
  end(text?: string): void
}

/** One request as the client sees it, whatever its version. */
interface Near {
  send(bytes: string | Buffer): void
  finish(): void
  readonly hints: readonly unknown[]
  /** Resolves with status and body when there is a head. */
  readonly answer: Promise<{ status: number; body: Readable }>
}

type OnRequest = (far: Far) => void

async function upstreamIn1(onRequest: OnRequest) {
  const { port } = await serve((body, response) => {
    onRequest({
      body,
      hint: (link) => response.writeEarlyHints({ link }),
      begin: (status) => response.writeHead(status).flushHeaders(),
      write: (text) => void response.write(text),
      end: (text) => void response.end(text),
    })
  })
  return port
}

async function upstreamIn2(onRequest: OnRequest) {
  const { endpoint } = await serveHttp2((stream) => {
    onRequest({
      body: stream,
      hint: (link) => stream.additionalHeaders({ ':status': 103, link }),
      begin: (status) => stream.respond({ ':status': status }),
      write: (text) => void stream.write(text),
      end: (text) => void stream.end(text),
    })
  })
  return endpoint
}

function askIn1(proxy: Proxy): Near {
  const asked = request({ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false })
  const hints: unknown[] = []
  asked.on('information', (hint) => hints.push(hint.headers['link']))
  asked.on('error', () => undefined).flushHeaders()
  onTestFinished(() => void asked.destroy())
  const answer = once(asked, 'response') as Promise<[IncomingMessage]>
  return {
    send: (bytes) => void asked.write(bytes),
    finish: () => void asked.end(),
    hints,
    answer: answer.then(([body]) => ({ status: body.statusCode ?? 0, body })),
  }
}

function session(proxy: Proxy, scheme: string): ClientHttp2Session {
  const opened = connect(`${scheme}://127.0.0.1:${proxy.port}`, { ca: CA })
  opened.on('error', () => undefined)
  onTestFinished(() => opened.destroy())
  return opened
}

function askIn2(proxy: Proxy, scheme: string): Near {
  const stream: ClientHttp2Stream = session(proxy, scheme).request(
    { ':method': 'POST', ':path': '/' },
    { endStream: false },
  )
  const hints: unknown[] = []
  stream.on('headers', (fields) => hints.push(fields['link']))
  stream.on('error', () => undefined)
  const answer = once(stream, 'response') as Promise<[Record<string, unknown>]>
  return {
    send: (bytes) => void stream.write(bytes),
    finish: () => void stream.end(),
    hints,
    answer: answer.then(([fields]) => ({ status: Number(fields[':status']), body: stream })),
  }
}

/** Collects what comes. */
function heard(body: Readable): () => string {
  let text = ''
  body.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  return () => text
}

const NEAR = [
  ['HTTP/1.1', { listener: {}, dial: askIn1 }],
  ['HTTP/2', { listener: PRIOR_KNOWLEDGE, dial: (proxy: Proxy) => askIn2(proxy, 'http') }],
  ['HTTP/2 over TLS', { listener: SECURE, dial: (proxy: Proxy) => askIn2(proxy, 'https') }],
] as const

const FAR = [
  ['HTTP/1.1', upstreamIn1],
  ['HTTP/2', upstreamIn2],
] as const

const PAIRS = NEAR.flatMap(([near, by]) =>
  FAR.map(([far, start]) => [near, far, { by, start }] as const),
)

describe.for(PAIRS)('%s to %s', ([, , { by, start }]) => {
  async function open(): Promise<{ near: Near; far: Far; proxy: Proxy }> {
    const met = Promise.withResolvers<Far>()
    const place = await start(met.resolve)
    const proxy = await startProxy({ stable: [place], listener: by.listener })
    const near = by.dial(proxy)
    return { near, far: await met.promise, proxy }
  }

  test('each event is there before the next is sent', async () => {
    const { near, far } = await open()
    near.finish()
    far.begin(200)
    const { body } = await near.answer
    const text = heard(body)
    let sent = ''
    for (let id = 0; id < 10; id++) {
      const event = `id: ${id}\ndata: x\n\n`
      sent += event
      far.write(event)
      await eventually(text).toBe(sent)
    }
    far.end()
    await once(body, 'end')
    expect(text()).toBe(sent)
  })

  test('each piece of a request is there before the next is sent, and before it is answered', async () => {
    const { near, far } = await open()
    const text = heard(far.body)
    let sent = ''
    for (let i = 0; i < 10; i++) {
      sent += `piece ${i}\n`
      near.send(`piece ${i}\n`)
      await eventually(text).toBe(sent)
    }
    near.finish()
    far.begin(200)
    far.end('thanks')
    const { body } = await near.answer
    expect(String(await bodyOf(body))).toBe('thanks')
  })

  test('both sides talk at once', async () => {
    const { near, far } = await open()
    far.begin(200)
    const { body } = await near.answer
    const [up, down] = [heard(far.body), heard(body)]
    for (let turn = 1; turn <= 10; turn++) {
      near.send('ping')
      await eventually(up).toBe('ping'.repeat(turn))
      far.write('pong')
      await eventually(down).toBe('pong'.repeat(turn))
    }
    near.finish()
    far.end()
    await once(body, 'end')
    expect(down()).toBe('pong'.repeat(10))
  })

  test('a long poll is answered when there is something to say', async () => {
    const { near, far, proxy } = await open()
    near.finish()
    await proxy.advance(30_000)
    far.begin(200)
    far.end('news')
    const { status, body } = await near.answer
    expect([status, String(await bodyOf(body))]).toEqual([200, 'news'])
  })

  test('Early Hints come when they are sent', async () => {
    const { near, far } = await open()
    near.finish()
    far.hint('</style.css>; rel=preload')
    await eventually(() => near.hints).toEqual(['</style.css>; rel=preload'])
    far.begin(200)
    far.end('page')
    expect((await near.answer).status).toBe(200)
  })

  test('an answer may come while the body still flows, and be whole', async () => {
    const { near, far } = await open()
    near.send(Buffer.alloc(MIB, 'x'))
    far.begin(413)
    far.end('too large')
    const { status, body } = await near.answer
    expect([status, String(await bodyOf(body))]).toEqual([413, 'too large'])
  })

  test('a body that ends without a byte is seen to end', async () => {
    const { near, far } = await open()
    near.finish()
    expect((await bodyOf(far.body)).length).toBe(0)
    far.begin(200)
    far.end('ok')
    expect((await near.answer).status).toBe(200)
  })
})

test.for([
  ['in cleartext', PRIOR_KNOWLEDGE, 'http'],
  ['over TLS', SECURE, 'https'],
] as const)(
  'HTTP/2 %s: an empty body that ends at once is seen to end',
  async ([, listener, scheme]) => {
    const { port } = await serve(async (body, response) => {
      response.end(String((await bodyOf(body)).length))
    })
    const proxy = await startProxy({ stable: [port], listener })
    const stream = session(proxy, scheme).request(
      { ':method': 'POST', ':path': '/' },
      { endStream: false },
    )
    stream.end()
    expect(String(await bodyOf(stream))).toBe('0')
  },
)
