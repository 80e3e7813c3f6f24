/**
 * The upstream of gRPC calls: HTTP/2 in cleartext with prior knowledge (RFC 9113), the same answer to every call: one
 * message, then `grpc-status: 0` as trailer. `grpc.ts PORT`. Frames are read by hand and fields not at all: a server
 * on `node:http2` costs the load's core more than the proxies need. A request by HTTP/1.1 is answered 200.
 */

import { type Socket, createServer } from 'node:net'
import { GRPC_MESSAGE } from '../scenario.ts'

const FRAME_HEAD_BYTES = 9
const DATA = 0
const HEADERS = 1
const SETTINGS = 4
const PING = 6
const WINDOW_UPDATE = 8
const END_STREAM = 1
const ACK = 1
const END_HEADERS = 4

const PREFACE_BYTES = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length
const MAX_WINDOW_BYTES = 0x7fff_ffff
const FIRST_WINDOW_BYTES = 65_535

function frame(type: number, flags: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes.writeUInt8(type, 3)
  bytes.writeUInt8(flags, 4)
  bytes.set(payload, FRAME_HEAD_BYTES)
  return bytes
}

/** Literal field that is not indexed (RFC 7541 section 6.2.2), no Huffman code. */
function field(name: string, value: string): Buffer {
  const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)]
  return Buffer.concat([
    Buffer.from([0, nameBytes.length]),
    nameBytes,
    Buffer.from([valueBytes.length]),
    valueBytes,
  ])
}

/** `:status: 200` is number 8 of the static table (RFC 7541 appendix A). */
const STATUS_200 = Buffer.from([0x88])
const ANSWER = [
  frame(
    HEADERS,
    END_HEADERS,
    Buffer.concat([STATUS_200, field('content-type', 'application/grpc')]),
  ),
  frame(DATA, 0, GRPC_MESSAGE),
  frame(HEADERS, END_HEADERS | END_STREAM, field('grpc-status', '0')),
]

function windowUpdate(): Buffer {
  const payload = Buffer.alloc(4)
  // More than all requests of a run send, so that it need not be said again.
  payload.writeUInt32BE(MAX_WINDOW_BYTES - FIRST_WINDOW_BYTES)
  return frame(WINDOW_UPDATE, 0, payload)
}

class Connection {
  readonly #socket: Socket
  #pending: Buffer = Buffer.alloc(0)
  #out: Buffer[] = [frame(SETTINGS, 0, Buffer.alloc(0)), windowUpdate()]
  #hasBegun = false
  /** What the peer takes of DATA on all streams together. */
  #windowBytes = FIRST_WINDOW_BYTES
  /** Calls that wait for the window. */
  #waiting: number[] = []

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
  }

  #read(bytes: Buffer): void {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    if (!this.#hasBegun && !this.#begin()) return
    let at = 0
    while (this.#pending.length >= at + FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + this.#pending.readUIntBE(at, 3)
      if (this.#pending.length < end) break
      this.#take(this.#pending.subarray(at, end))
      at = end
    }
    this.#pending = this.#pending.subarray(at)
    if (this.#out.length > 0) this.#socket.write(Buffer.concat(this.#out))
    this.#out = []
  }

  #begin(): boolean {
    if (this.#pending.length < PREFACE_BYTES) return false
    if (this.#pending.toString('latin1', 0, 4) !== 'PRI ') {
      this.#socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return false
    }
    this.#pending = this.#pending.subarray(PREFACE_BYTES)
    this.#hasBegun = true
    return true
  }

  #take(bytes: Buffer): void {
    const [type, flags = 0] = [bytes[3], bytes[4]]
    const stream = bytes.readUInt32BE(5)
    if (type === DATA || type === HEADERS) {
      if ((flags & END_STREAM) !== 0) this.#answer(stream)
    } else if (type === SETTINGS && (flags & ACK) === 0) {
      this.#out.push(frame(SETTINGS, ACK, Buffer.alloc(0)))
    } else if (type === PING && (flags & ACK) === 0) {
      this.#out.push(frame(PING, ACK, bytes.subarray(FRAME_HEAD_BYTES)))
    } else if (type === WINDOW_UPDATE && stream === 0) {
      this.#windowBytes += bytes.readUInt32BE(FRAME_HEAD_BYTES)
      for (const one of this.#waiting.splice(0)) this.#answer(one)
    }
  }

  #answer(stream: number): void {
    if (this.#windowBytes < GRPC_MESSAGE.length) {
      this.#waiting.push(stream)
      return
    }
    this.#windowBytes -= GRPC_MESSAGE.length
    for (const part of ANSWER) {
      const copy = Buffer.from(part)
      copy.writeUInt32BE(stream, 5)
      this.#out.push(copy)
    }
  }
}

createServer((socket) => void new Connection(socket)).listen(Number(process.argv[2]), '127.0.0.1')
