/** The other side of a case: an upstream that keeps what reaches it, over HTTP/1.1 or in bare HTTP/2 frames. */

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { Head } from '../proxy/exchange/message.ts'
import { answerOk, type Received, type Script, Upstream } from '../proxy/exchange/upstream.ts'
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  type Frame,
  frame,
  FrameReader,
  GOAWAY,
  HEADERS,
  headers,
  PREFACE,
  SETTINGS,
} from './frames.ts'
import { HeaderDecoder } from './hpack.ts'
import type { Recorded } from './outcome.ts'

/** The request that is asked after a case, which belongs to no case. */
export const NEXT = '/next'
const TEXT_BYTES = 1_000_000

export interface Entry extends Recorded {
  readonly connection: number
}

export abstract class Recorder {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  byteCount = 0
  mostConcurrent = 0
  port = 0

  constructor() {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket)
      socket
        .on('close', () => this.#sockets.delete(socket))
        .on('error', () => socket.destroy())
        .on('data', (bytes: Buffer) => this.onBytes(bytes))
      this.accept(socket)
    })
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as { port: number }).port
  }

  get openCount(): number {
    return this.#sockets.size
  }

  /** Closes the connections there are; new ones are taken. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.#server.close()
    this.disconnect()
  }

  onBytes(bytes: Buffer): void {
    this.byteCount += bytes.length
  }

  /** Everything that came, as far as somebody might look for something in it. */
  abstract readonly text: string
  /** What is not HTTP by the letter, which must be nothing. */
  abstract readonly faults: readonly unknown[]
  abstract accept(socket: Socket): void
  /** All requests, `NEXT` among them. */
  abstract entries(): Promise<readonly Entry[]>
}

/** Answers `NEXT` by itself, and everything else by the script of the case. */
export class Http1Recorder extends Recorder {
  #upstream = new Upstream(answerOk)
  text = ''
  #concurrent = 0

  get faults(): readonly unknown[] {
    return this.#upstream.faults
  }

  /** Begins anew, with nothing recorded. */
  play(script: Script): void {
    this.disconnect()
    this.text = ''
    this.byteCount = 0
    this.mostConcurrent = 0
    this.#concurrent = 0
    this.#upstream = new Upstream(async (received) => {
      if (received.target === NEXT) return received.answer(200, 'next')
      this.mostConcurrent = Math.max(this.mostConcurrent, ++this.#concurrent)
      await script(received)
      this.#concurrent--
    })
  }

  override onBytes(bytes: Buffer): void {
    super.onBytes(bytes)
    if (this.text.length < TEXT_BYTES) this.text += bytes.toString('latin1')
  }

  accept(socket: Socket): void {
    this.#upstream.accept(socket)
  }

  entries(): Promise<Entry[]> {
    return Promise.all(this.#upstream.requests.map(entryOf))
  }
}

async function entryOf(received: Received): Promise<Entry> {
  const { target, head, isWhole, connection } = received
  const bodyText = isWhole ? (await received.whole).toString('latin1') : ''
  return { target, head, isWhole, connection, bodyText }
}

interface Stream {
  target: string
  head: Head
  isWhole: boolean
  bodyText: string
  connection: number
  /** Whether it is answered when it is whole. */
  isAwaited: boolean
}

/**
 * Sends the bytes of a case as soon as the request's head is there, once; what is asked later is answered well when it
 * is whole. Settings at the beginning of those bytes go out at once, as those of any server. Without bytes, all is
 * answered well.
 */
export class Http2Recorder extends Recorder {
  #settings = ''
  #answer = ''
  #entries: Stream[] = []
  #connectionCount = 0
  #hasAnswered = false
  faults: unknown[] = []

  /** Begins anew, with nothing recorded. */
  play(raw: string): void {
    this.disconnect()
    this.byteCount = 0
    this.mostConcurrent = 0
    this.faults = []
    this.#entries = []
    this.#connectionCount = 0
    const settingsBytes = leadingSettingsBytes(raw)
    this.#settings = raw.slice(0, settingsBytes) || frame(SETTINGS, { stream: 0 })
    this.#answer = raw.slice(settingsBytes)
    this.#hasAnswered = raw === ''
  }

  get text(): string {
    return this.#entries.map(({ head, bodyText }) => `${head.text}\r\n${bodyText}`).join('\r\n')
  }

  entries(): Promise<Entry[]> {
    return Promise.resolve(this.#entries)
  }

  accept(socket: Socket): void {
    const frames = new FrameReader()
    const decoder = new HeaderDecoder()
    const streams = new Map<number, Stream>()
    const connection = this.#connectionCount++
    let prefaceBytes = PREFACE.length
    let block: Buffer[] = []
    socket.write(this.#settings, 'latin1')
    const onFrame = ({ type, flags, stream, payload }: Frame): void => {
      if (type === HEADERS || type === CONTINUATION) {
        block.push(payload)
        if ((flags & END_HEADERS) === 0) return
        const fields = decoder.decode(Buffer.concat(block))
        block = []
        if (!streams.has(stream)) {
          const entry = this.#begin(fields, connection)
          streams.set(stream, entry)
          this.#onHead(socket, { stream, entry })
        }
      }
      const known = streams.get(stream)
      if (known === undefined || type === GOAWAY) return
      if (type === DATA) known.bodyText += payload.toString('latin1')
      if ((type !== DATA && type !== HEADERS) || (flags & END_STREAM) === 0) return
      known.isWhole = true
      if (known.isAwaited) answerWell(socket, stream, known.target)
    }
    socket.on('data', (bytes: Buffer) => {
      const rest = bytes.subarray(Math.min(prefaceBytes, bytes.length))
      prefaceBytes -= bytes.length - rest.length
      try {
        for (const one of frames.read(rest)) onFrame(one)
      } catch (error) {
        this.faults.push(error)
        socket.destroy()
      }
    })
    socket.on('end', () => socket.end())
  }

  #begin(fields: readonly (readonly [string, string])[], connection: number): Stream {
    const valueOf = (name: string): string => fields.find((field) => field[0] === name)?.[1] ?? ''
    const target = valueOf(':path')
    const startLine = `${valueOf(':method')} ${target} HTTP/2.0`
    const text = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const head = { startLine, fields, text }
    const state = { isWhole: false, bodyText: '', isAwaited: false }
    const entry: Stream = { target, head, connection, ...state }
    this.#entries.push(entry)
    return entry
  }

  #onHead(socket: Socket, { stream, entry }: { stream: number; entry: Stream }): void {
    if (entry.target !== NEXT && !this.#hasAnswered) {
      this.#hasAnswered = true
      socket.write(this.#answer, 'latin1')
      return
    }
    entry.isAwaited = true
    if (entry.head.fields.some(([name]) => name === 'expect')) {
      socket.write(headers(stream, [[':status', '100']]), 'latin1')
    }
  }
}

function answerWell(socket: Socket, stream: number, target: string): void {
  const body = frame(DATA, { stream, flags: END_STREAM }, target === NEXT ? 'next' : 'ok')
  socket.write(headers(stream, [[':status', '200']]) + body, 'latin1')
}

function leadingSettingsBytes(raw: string): number {
  const bytes = Buffer.from(raw, 'latin1')
  let at = 0
  while (at + 9 <= bytes.length && bytes[at + 3] === SETTINGS) {
    const payloadBytes = bytes.readUIntBE(at, 3)
    // One that is malformed is the answer.
    if (payloadBytes % 6 !== 0) break
    at += 9 + payloadBytes
  }
  return at
}
