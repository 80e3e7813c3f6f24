/**
 * What a play happens on: the target, the upstream behind it, and what was seen of both before.
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
import { readAnswers } from './answers.ts'
import { expand, type HostileCase } from './cases.ts'
import { Answers, FrameReader } from './frames.ts'
import type { Outcome } from './outcome.ts'
import { NEXT, type Recorder } from './recorder.ts'
import type { Stage } from './play.ts'
import type { ListenerName, Reading, Target } from './target.ts'

const QUIET_PINGS = 6

/** Listeners on which clients may speak HTTP/2. */
export type Http2Listener = Extract<ListenerName, 'http2' | 'both' | 'tls'>

export interface Http2Client {
  readonly socket: Socket
  readonly reader: SocketReader
}

export async function connectHttp2(port: number, listener: Http2Listener): Promise<Http2Client> {
  if (listener !== 'tls') return connectClient(port)
  const options = { servername: 'a.example', rejectUnauthorized: false, allowHalfOpen: true }
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], ...options })
  onTestFinished(() => void socket.destroy())
  const reader = new SocketReader(socket)
  await once(socket, 'secureConnect')
  return { socket, reader }
}

export class Bench {
  readonly #target: Target
  readonly #recorder: Recorder
  readonly #startMs = performance.now()
  readonly #isCounted: boolean
  #before: Reading
  #errorsBefore = 0
  #isCollected = false

  static async start(
    { target, facing }: Stage,
    recorder: Recorder,
    one: HostileCase,
  ): Promise<Bench> {
    const bench = new Bench(target, recorder, {
      before: await target.face(recorder, facing),
      isCounted: one.assert?.countsAsError !== undefined,
    })
    bench.#errorsBefore = await bench.#errorCount()
    return bench
  }

  private constructor(
    target: Target,
    recorder: Recorder,
    { before, isCounted }: { before: Reading; isCounted: boolean },
  ) {
    this.#target = target
    this.#recorder = recorder
    this.#before = before
    this.#isCounted = isCounted
  }

  /** 0 where no case asks for it. */
  async #errorCount(): Promise<number> {
    return this.#isCounted ? await this.#target.errorCount() : 0
  }

  /** From now on memory is compared with that of now, without what is no longer used. */
  async forget(): Promise<void> {
    this.#isCollected = true
    this.#before = await this.#target.collect()
  }

  /** Plays the whole connection so many times, one after the other. */
  async repeat(one: HostileCase, listener: Http2Listener, count: number): Promise<void> {
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
    const { residentBytes, eventLoopDelayMs } = reading
    const errorCount = (await this.#errorCount()) - this.#errorsBefore
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
      errorCount,
    }
  }
}

function textOf(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
}
