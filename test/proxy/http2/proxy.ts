/**
 * HTTP/2 sessions of the proxy over a server of the test's own, with a clock that the test can put forward, and
 * clients of node:http2. When a test ends no session is left and no bug was reported.
 */

import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import {
  createTallyBuffer,
  segment,
  SERIES,
  seriesOffset,
  THREAD,
} from '../../../src/analyzer/tally.ts'
import { ThreadContext } from '../../../src/proxy/context.ts'
import { createPeer } from '../../../src/proxy/forwarding.ts'
import { Http2Session } from '../../../src/proxy/http2/session.ts'
import type { RefusalReport } from '../../../src/proxy/refusals.ts'
import { compileTable } from '../../../src/proxy/table.ts'
import { eventually } from '../exchange/eventually.ts'
import { type Setup, snapshotOf } from '../exchange/proxy.ts'

export class Http2Proxy {
  readonly words = segment(createTallyBuffer(1), 0)
  readonly bugs: unknown[] = []
  readonly refusals: RefusalReport[] = []
  readonly sessions = new Set<Http2Session>()
  readonly context: ThreadContext
  #offsetMs = 0
  port = 0

  constructor(setup: Setup) {
    this.context = new ThreadContext({
      tally: this.words,
      nowMs: performance.now(),
      random: Math.random,
      report: (error) => void this.bugs.push(error),
      tellRefusal: (report) => void this.refusals.push(report),
    })
    const snapshot = { ...snapshotOf(setup), tellsRefusals: true }
    this.context.use(compileTable(snapshot, this.context))
  }

  /** Puts the clock forward and does what is due by then. */
  async advance(byMs: number): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    this.#offsetMs += byMs
    this.context.nowMs = performance.now() + this.#offsetMs
    for (const session of this.sessions) session.sweep(this.context.nowMs)
  }

  series(counter: 'started' | 'finished' | 'clientAborts' | 'requestBytes'): number {
    return this.words[seriesOffset(0) + SERIES[counter]]!
  }
}

export async function startHttp2Proxy(setup: Setup): Promise<Http2Proxy> {
  const proxy = new Http2Proxy(setup)
  const peer = createPeer({
    address: '192.0.2.1',
    isTrusted: false,
    isSecure: false,
    clientCertificate: null,
  })
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const session = new Http2Session(proxy.context, peer, socket)
    proxy.sessions.add(session)
    session.onClosed(() => proxy.sessions.delete(session))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy.port = (server.address() as AddressInfo).port
  onTestFinished(async () => {
    server.close()
    for (const session of proxy.sessions) session.destroy()
    await eventually(() => proxy.words[THREAD.closed]).toBe(proxy.words[THREAD.accepted])
    await eventually(() => proxy.series('finished')).toBe(proxy.series('started'))
    proxy.context.endpoints.retain(new Set())
    expect(proxy.bugs).toEqual([])
  })
  return proxy
}

export interface Answer {
  readonly status: number
  readonly fields: IncomingHttpHeaders
  readonly body: string
  readonly trailers: IncomingHttpHeaders
  /** By which the stream was reset; 0 where it was not, or without an error. */
  readonly resetCode: number
}

export class Http2Client {
  readonly session: ClientHttp2Session
  /** Codes and last streams of the GOAWAYs that came. */
  readonly goaways: [code: number, lastStream: number][] = []

  constructor(session: ClientHttp2Session) {
    this.session = session
    session.on('goaway', (code, lastStream) => void this.goaways.push([code, lastStream]))
    session.on('error', () => undefined)
  }

  /** A stream whose errors are for the test to see in its `rstCode`. */
  open(fields: OutgoingHttpHeaders, endStream = true): ClientHttp2Stream {
    return this.session.request(fields, { endStream }).on('error', () => undefined)
  }

  get(path: string, fields: OutgoingHttpHeaders = {}): Promise<Answer> {
    return answerOf(this.open({ ':path': path, ...fields }))
  }
}

export async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let fields: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  const pieces: Buffer[] = []
  stream
    .on('response', (found) => void (fields = found))
    .on('trailers', (found) => void (trailers = found))
    .on('data', (bytes: Buffer) => void pieces.push(bytes))
  await new Promise((resolve) => stream.once('close', resolve))
  const body = Buffer.concat(pieces).toString('latin1')
  return { status: Number(fields[':status']), fields, body, trailers, resetCode: stream.rstCode }
}

export async function connectHttp2(proxy: Http2Proxy): Promise<Http2Client> {
  const session = connect(`http://127.0.0.1:${proxy.port}`)
  const client = new Http2Client(session)
  onTestFinished(() => session.destroy())
  await once(session, 'remoteSettings')
  return client
}
