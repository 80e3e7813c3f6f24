/**
 * Plays one case: the hostile side on bare sockets, and on the other side the strict recording upstream or an
 * honest client.
 *
 * When nothing moves any more is found by asking, not by waiting: the proxy answers a ping after it has read
 * what had arrived, and once several pings have changed nothing, nothing will.
 */

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { onTestFinished } from 'vitest'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { valuesOf } from '../proxy/exchange/message.ts'
import { SocketReader } from '../proxy/exchange/reader.ts'
import { answerOk, type Received, type Script } from '../proxy/exchange/upstream.ts'
import { readAnswers } from './answers.ts'
import { expand, type HostileCase } from './cases.ts'
import { Answers, FrameReader, PREFACE } from './frames.ts'
import type { Outcome } from './outcome.ts'
import { Http2Recorder, NEXT, type Recorder } from './recorder.ts'
import type { Facing, ListenerName, Reading, Target } from './target.ts'

const QUIET_PINGS = 6
const FLOOD_NOTICED_MS = 500
const CUT_COUNT = 24
const HTTP1: Facing = { protocol: 'http1', isTrusted: false }

export type Play = (one: HostileCase, target: Target) => Promise<Outcome>

/** Plays a hostile client over HTTP/1.1, or one that is, in front of an upstream that speaks `protocol`. */
export function playClient(listener: ListenerName, protocol: Facing['protocol'] = 'http1'): Play {
  return async (one, target) => {
    const recorder = await record(one, target, protocol)
    const isTrusted = listener === 'proxied'
    const bench = await Bench.start(target, recorder, { protocol, isTrusted })
    const proxyName = one.template === undefined ? '' : await bench.findProxyName(listener)
    const client = await connectClient(target.port(listener))
    client.send(expand(one, proxyName).bytes)
    if (one.then === 'fin') client.end()
    if (one.then === 'rst') client.reset()
    if (one.then?.startsWith('send:') === true) {
      await bench.rest(client.reader)
      client.send(/^send:(\S*)/.exec(one.then)![1]!)
    }
    await bench.rest(client.reader)
    return bench.http1Outcome(client, 'GET')
  }
}

/** Plays a hostile client over HTTP/2: with prior knowledge, or agreed on by ALPN. `isCut`: its bytes come in small pieces. */
export function playHttp2Client(
  listener: 'http2' | 'both' | 'tls',
  {
    isCut = false,
    protocol = 'http1',
  }: Partial<Pick<Facing, 'protocol'>> & { isCut?: boolean } = {},
): Play {
  return async (one, target) => {
    const recorder = await record(one, target, protocol)
    const bench = await Bench.start(target, recorder, { ...HTTP1, protocol })
    if (one.assert?.repeat !== undefined) {
      await bench.repeat(one, listener, Math.ceil(one.assert.repeat / 4))
      await bench.forget()
      await bench.repeat(one, listener, one.assert.repeat)
    }
    const client = await connectHttp2(target.port(listener), listener)
    if (one.client === 'no-read') client.reader.hold()
    const { bytes } = expand(one)
    if (isCut) await writeCut(client.socket, bytes, target)
    else client.socket.write(bytes)
    await bench.rest(client.reader)
    client.reader.resume()
    // A flood may be noticed by looking at what has come from time to time.
    if (one.repeatUnit !== undefined) await target.pass(FLOOD_NOTICED_MS)
    await bench.rest(client.reader)
    return bench.http2Outcome(client)
  }
}

/** Plays a hostile upstream, and asks once more to see whether its connection is used again. */
export const playUpstream: Play = async (one, target) => {
  const { bytes, again } = expand(one)
  const recorder = await target.record(async (received) => {
    received.send(bytes)
    if (again.length > 0) await pour(received.socket, again)
    if (one.then === 'fin') received.end()
    if (one.then === 'rst') received.reset()
  })
  return playRequest(one, { target, recorder, protocol: 'http1' })
}

/** As `playUpstream`, over HTTP/2. */
export const playHttp2Upstream: Play = async (one, target) => {
  const recorder = await recordHttp2(one.raw)
  return playRequest(one, { target, recorder, protocol: 'http2' })
}

function record(one: HostileCase, target: Target, protocol: string): Promise<Recorder> {
  return protocol === 'http1' ? target.record(scriptOf(one)) : recordHttp2('')
}

async function recordHttp2(raw: string): Promise<Http2Recorder> {
  const recorder = new Http2Recorder(raw)
  await recorder.listen()
  return recorder
}

async function playRequest(
  one: HostileCase,
  { target, recorder, protocol }: { target: Target; recorder: Recorder } & Pick<Facing, 'protocol'>,
): Promise<Outcome> {
  const bench = await Bench.start(target, recorder, { ...HTTP1, protocol })
  const client = await connectClient(target.port('http1'))
  if (one.client === 'no-read') client.reader.hold()
  client.send(one.request ?? '')
  // The upstream's silence ends by a timeout.
  if (one.then === 'hang') await client.reader.end()
  await bench.rest(client.reader)
  return bench.http1Outcome(client, one.request?.split(' ')[0] ?? 'GET')
}

function scriptOf(one: HostileCase): Script {
  return (received) =>
    one.upstream === undefined ? answerHonestly(received) : received.send(one.upstream)
}

/** Waits for a 100 before the body where one is asked for, as an honest server does. */
async function answerHonestly(received: Received): Promise<void> {
  if (received.head.fields.some(([name]) => name === 'expect')) {
    received.send('HTTP/1.1 100 Continue\r\n\r\n')
  }
  await answerOk(received)
}

/** Each piece is read before the next one comes: the first and the last few, and what is between at once. */
async function writeCut(socket: Socket, bytes: Buffer, target: Target): Promise<void> {
  const places = Array.from({ length: CUT_COUNT }, (_, index) => PREFACE.length - 1 + index * 7)
  const end = bytes.length
  const cuts = [...places, end - 3, end - 1, end].filter((at) => at > 0 && at <= end)
  let start = 0
  for (const at of cuts) {
    if (at <= start) continue
    socket.write(bytes.subarray(start, at))
    start = at
    await target.ping()
  }
}

async function pour(socket: Socket, unit: Buffer): Promise<void> {
  const piece = Buffer.concat(Array<Buffer>(Math.ceil(16_384 / unit.length)).fill(unit))
  while (!socket.destroyed && socket.writable) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
}

interface Http2Client {
  readonly socket: Socket
  readonly reader: SocketReader
}

async function connectHttp2(
  port: number,
  listener: 'http2' | 'both' | 'tls',
): Promise<Http2Client> {
  if (listener !== 'tls') return connectClient(port)
  const options = { servername: 'a.example', rejectUnauthorized: false, allowHalfOpen: true }
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...options })
  onTestFinished(() => void socket.destroy())
  const reader = new SocketReader(socket)
  await once(socket, 'secureConnect')
  return { socket, reader }
}

class Bench {
  readonly #target: Target
  readonly #recorder: Recorder
  readonly #startMs = performance.now()
  #before: Reading
  #isCollected = false

  static async start(target: Target, recorder: Recorder, facing: Facing): Promise<Bench> {
    return new Bench(target, recorder, await target.face(recorder, facing))
  }

  private constructor(target: Target, recorder: Recorder, before: Reading) {
    this.#target = target
    this.#recorder = recorder
    this.#before = before
  }

  /** From now on memory is compared with that of now, without what is no longer used. */
  async forget(): Promise<void> {
    this.#isCollected = true
    this.#before = await this.#target.collect()
  }

  /** Plays the whole connection so many times, one after the other. */
  async repeat(one: HostileCase, listener: 'http2' | 'both' | 'tls', count: number): Promise<void> {
    const { bytes } = expand(one)
    for (let index = 0; index < count; index++) {
      const { socket, reader } = await connectHttp2(this.#target.port(listener), listener)
      socket.write(bytes)
      await reader.end()
      socket.destroy()
    }
  }

  /** The name by which the proxy is known in Via. */
  async findProxyName(listener: ListenerName): Promise<string> {
    const client = await connectClient(this.#target.port(listener))
    await client.get(NEXT)
    const [entry] = await this.#recorder.entries()
    return valuesOf(entry!.head, 'via')[0]!.split(' ')[1]!
  }

  /** Resolves when nothing moves any more. */
  async rest(reader: SocketReader): Promise<void> {
    let seen = ''
    for (let quiet = 0; quiet < QUIET_PINGS; quiet++) {
      await this.#target.ping()
      const now = `${reader.receivedBytes} ${reader.ending} ${this.#recorder.byteCount}`
      if (now !== seen) quiet = 0
      seen = now
    }
  }

  async http1Outcome(client: Client, method: string): Promise<Outcome> {
    const { reader } = client
    const clientText = reader.unread
    return {
      ...(await this.#outcome(reader)),
      ...readAnswers(clientText, { method, isEnded: reader.ending === 'ended' }),
      clientText,
      resets: [],
      goaways: [],
    }
  }

  async http2Outcome({ reader }: Http2Client): Promise<Outcome> {
    const answers = new Answers()
    const bytes = Buffer.from(reader.unread, 'latin1')
    for (const one of new FrameReader().read(bytes)) answers.add(one)
    const streams = [...answers.streams].toSorted(([a], [b]) => a - b).map(([, stream]) => stream)
    const answered = streams.filter(({ heads }) => heads.length > 0)
    const texts = answered.map(({ heads, body }) => [...heads.map(textOf), body].join('\r\n'))
    return {
      ...(await this.#outcome(reader)),
      statuses: answered.map(({ heads }) => Number(heads[0]![0]![1])),
      clientText: texts.join('\r\n'),
      head: textOf(answered.at(-1)?.heads[0] ?? []),
      body: answered.at(-1)?.body ?? '',
      isComplete: answered.every(({ isEnded, reset }) => isEnded && reset === null),
      resets: streams.flatMap(({ reset }) => reset ?? []),
      goaways: answers.goaways,
    }
  }

  /** What does not depend on the client's protocol. Asks once more, which has to be answered well. */
  async #outcome(reader: SocketReader) {
    const isClosed = reader.ending !== 'open'
    const elapsedMs = performance.now() - this.#startMs
    const reading = this.#isCollected ? await this.#target.collect() : await this.#target.ping()
    const { residentBytes, eventLoopDelayMs, counts } = reading
    const { text: upstreamText, mostConcurrent, faults } = this.#recorder
    const other = await connectClient(this.#target.port('http1'))
    const plain = await other.get(NEXT)
    if (plain.status !== 200) throw new Error(`A plain request was answered ${plain.status}`)
    const entries = await this.#recorder.entries()
    const requests = entries.filter(({ target }) => target !== NEXT)
    const next = entries.findLast(({ target }) => target === NEXT)
    return {
      isClosed,
      elapsedMs,
      requests,
      upstreamText,
      // What goes through a tunnel is nobody's HTTP.
      faults: requests.some(({ head }) => valuesOf(head, 'upgrade').length > 0) ? [] : faults,
      mostConcurrent,
      isReused: requests.some((one) => one.connection === next?.connection),
      rssGrowthBytes: residentBytes - this.#before.residentBytes,
      eventLoopDelayMs,
      counts: countsSince(this.#before, counts),
    }
  }
}

function countsSince(before: Reading, now: Reading['counts']): Reading['counts'] {
  if (now === null || before.counts === null) return null
  const had = before.counts
  return {
    started: now.started - had.started,
    finished: now.finished - had.finished,
    errors: now.errors - had.errors,
    clientAborts: now.clientAborts - had.clientAborts,
    upstreamFailures: now.upstreamFailures - had.upstreamFailures,
  }
}

function textOf(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
}
