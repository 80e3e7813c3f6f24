/**
 * Requests as we read them: head and body after head and body, from pieces as they come, in the steps of
 * `DownstreamConnection`, with its shared read buffer but without sockets, upstreams and deadlines.
 */

import { createPeer, forwardingLines } from '../../src/proxy/forwarding.ts'
import { NO_BODY } from '../../src/proxy/http1/framing.ts'
import { RequestBody } from '../../src/proxy/http1/request-body.ts'
import { RequestHead } from '../../src/proxy/http1/request-head.ts'
import type { Limits } from '../../src/proxy/snapshot.ts'
import { INPUT_BYTES } from './input.ts'
import { emptyReading, fieldsOf, type Message, type Reading } from './reading.ts'

/** Small, so that they are met. */
export const LIMITS: Limits = {
  headBytes: 4_096,
  headerCount: 50,
  fieldBytes: 4_096,
  bodyBytes: 0,
  connections: 1,
  connectionsPerAddress: 1,
  streams: 1,
  bodyBytesPerSecond: 0,
  upstreamConnections: 1,
  responseHeadBytes: 4_096,
  bufferBytes: 65_536,
}

/** What it says of the way is passed on with the rest. */
const PEER = createPeer({
  address: '192.0.2.1',
  isTrusted: true,
  isSecure: false,
  clientCertificate: null,
})

const LF = 0x0a

/** Reads one stream after the other; what it returns is its own. */
export class OurRequests {
  readonly #head = new RequestHead(LIMITS)
  readonly #body = new RequestBody()
  readonly #scratch = Buffer.alloc(INPUT_BYTES)
  #reading = emptyReading()
  #rest: Buffer | null = null
  #arrivedBytes = 0
  #hasHeadBegun = false
  #message: Message | null = null

  read(pieces: readonly Buffer[]): Reading {
    const reading = emptyReading()
    this.#reading = reading
    this.#rest = null
    this.#arrivedBytes = 0
    this.#hasHeadBegun = false
    this.#message = null
    for (const piece of pieces) if (!this.#isOver) this.#onRead(piece)
    return reading
  }

  /** The scratch buffer is overwritten by the next read, as it is in a thread. */
  #onRead(piece: Buffer): void {
    piece.copy(this.#scratch)
    this.#onData(this.#scratch.subarray(0, piece.length))
    if (this.#rest !== null && this.#rest.buffer === this.#scratch.buffer) {
      this.#rest = Buffer.from(this.#rest)
    }
  }

  #onData(bytes: Buffer): void {
    this.#arrivedBytes += bytes.length
    if (this.#rest === null) {
      this.#rest = bytes
    } else {
      this.#rest = Buffer.concat([this.#rest, bytes])
      const isBegun = this.#message === null && this.#hasHeadBegun
      if (isBegun && !bytes.includes(LF) && this.#rest.length < LIMITS.headBytes) return
    }
    while (this.#rest !== null && !this.#isOver && this.#step()) {
      // each step takes a head or a piece of a body
    }
  }

  get #isOver(): boolean {
    return this.#reading.isDone || this.#reading.fault !== null
  }

  /** Returns whether there may be more to do. */
  #step(): boolean {
    return this.#message === null ? this.#readHead() : this.#readBody(this.#message)
  }

  #readHead(): boolean {
    const head = this.#head
    const bytes = this.#rest!
    const headEnd = head.parse(bytes, 0, bytes.length)
    this.#reading.stoppedAt = this.#arrivedBytes - bytes.length
    if (headEnd === 0) this.#hasHeadBegun = true
    if (headEnd < 0) this.#reading.fault = head.fault
    if (headEnd <= 0) return false
    this.#reading.stoppedAt += headEnd
    const lines = head.keptLines(true)
    const message: Message = {
      start: `${head.method} ${head.target}`,
      host: head.host,
      version: String(head.minorVersion),
      fields: fieldsOf(lines),
      lines: lines + forwardingLines(PEER, head),
      body: '',
      trailers: [],
      isWhole: false,
      isLast: head.isUpgrade || !head.isPersistent,
      isUpgrade: head.isUpgrade,
    }
    this.#reading.messages.push(message)
    this.#rest = headEnd === bytes.length ? null : bytes.subarray(headEnd)
    this.#body.begin(head)
    this.#message = message
    if (head.bodyKind === NO_BODY || this.#body.isWhole) this.#finish(message)
    return true
  }

  #readBody(message: Message): boolean {
    const bytes = this.#rest!
    const end = this.#body.read(bytes, {
      onChunkData: (from, dataStart, dataEnd) => {
        message.body += from.toString('latin1', dataStart, dataEnd)
      },
    })
    if (end < 0) {
      this.#reading.fault = 'badChunk'
      return false
    }
    this.#rest = end === bytes.length ? null : bytes.subarray(end)
    if (this.#body.isWhole) this.#finish(message)
    return true
  }

  #finish(message: Message): void {
    message.isWhole = true
    message.trailers = fieldsOf(this.#body.trailers)
    this.#message = null
    this.#hasHeadBegun = false
    this.#reading.isDone = message.isLast
  }
}
