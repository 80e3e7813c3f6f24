/**
 * The load of tunnels: WebSocket connections (RFC 6455) with one message each in flight; the next is sent when the
 * whole of the last has come back, byte for byte. `websocket.ts PORT PATH CONNECTIONS SECONDS BYTES` prints the same
 * line as `wrk.lua`, with messages for requests.
 *
 * On raw sockets, the one masked frame made beforehand: a WebSocket package would cost the load's core more than the
 * proxy needs.
 */

import { randomBytes } from 'node:crypto'
import { type Socket, connect } from 'node:net'
import { BROWSER_HEADERS } from '../scenario.ts'
import { acceptOf, upgradeFields } from '../upgrade.ts'

/** Room for what one read gives. */
const READ_BYTES = 65_536
/** Round trips are counted by microsecond; those of this many and more together. */
const LATENCY_BINS = 1_000_000
const UPGRADE_LIMIT_MS = 5_000

const [port, path, connections, seconds, messageBytes] = process.argv.slice(2)
const frame = maskedFrame(randomBytes(Number(messageBytes)))
const errors = { upgrade: 0, content: 0, closed: 0 }
const latencies = new Uint32Array(LATENCY_BINS)
let messageCount = 0
let isOver = false

/** A binary message of one frame, 126 to 65 535 bytes long, masked as a client's are (RFC 6455 section 5.2). */
function maskedFrame(payload: Buffer): Buffer {
  const mask = randomBytes(4)
  const head = Buffer.from([0x82, 0x80 | 126, payload.length >> 8, payload.length & 0xff])
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))])
}

class Tunnel {
  readonly socket: Socket
  readonly #key = randomBytes(16).toString('base64')
  readonly #onEstablished: (isOpen: boolean) => void
  #head = ''
  #isOpen = false
  #receivedBytes = 0
  #sentMs = 0

  /** `onEstablished` is told once whether the upgrade was granted. */
  constructor(scratch: Buffer, onEstablished: (isOpen: boolean) => void) {
    this.#onEstablished = onEstablished
    const callback = (byteCount: number): boolean => {
      if (this.#isOpen) this.#take(scratch, byteCount)
      else this.#upgrade(scratch.toString('latin1', 0, byteCount))
      return true
    }
    const onread = { buffer: scratch, callback }
    this.socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true, onread })
    this.socket.on('error', () => this.socket.destroy())
    this.socket.on('close', () => this.#close())
    const fields = { Host: `127.0.0.1:${port}`, ...BROWSER_HEADERS, ...upgradeFields(this.#key) }
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
    this.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  }

  send(): void {
    this.#receivedBytes = 0
    this.#sentMs = performance.now()
    this.socket.write(frame)
  }

  #upgrade(text: string): void {
    this.#head += text
    if (!this.#head.endsWith('\r\n\r\n')) return
    const accept = /^sec-websocket-accept:[ \t]*(\S+)/im.exec(this.#head)?.[1]
    this.#isOpen = this.#head.startsWith('HTTP/1.1 101 ') && accept === acceptOf(this.#key)
    if (this.#isOpen) this.#onEstablished(true)
    else this.socket.destroy()
  }

  #take(bytes: Buffer, byteCount: number): void {
    const start = this.#receivedBytes
    this.#receivedBytes += byteCount
    const isEcho =
      this.#receivedBytes <= frame.length &&
      bytes.compare(frame, start, this.#receivedBytes, 0, byteCount) === 0
    if (!isEcho) {
      errors.content++
      this.socket.destroy()
    } else if (this.#receivedBytes === frame.length && !isOver) {
      countLatency(performance.now() - this.#sentMs)
      this.send()
    }
  }

  #close(): void {
    if (isOver) return
    if (this.#isOpen) errors.closed++
    else {
      errors.upgrade++
      this.#onEstablished(false)
    }
  }
}

function countLatency(latencyMs: number): void {
  const bin = Math.min(Math.floor(latencyMs * 1_000), LATENCY_BINS - 1)
  latencies[bin] = (latencies[bin] ?? 0) + 1
  messageCount++
}

/** The latency that this share of the messages did not exceed, in milliseconds. */
function quantileMs(share: number): number {
  let left = messageCount * share
  return (
    Math.max(
      latencies.findIndex((count) => (left -= count) <= 0),
      0,
    ) / 1_000
  )
}

async function connectAll(): Promise<Tunnel[]> {
  const scratch = Buffer.allocUnsafe(READ_BYTES)
  const tunnels: Tunnel[] = []
  const established = Array.from({ length: Number(connections) }, () => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    tunnels.push(new Tunnel(scratch, resolve))
    return promise
  })
  const tooLate = setTimeout(() => {
    for (const { socket } of tunnels) socket.destroy()
  }, UPGRADE_LIMIT_MS)
  const areOpen = await Promise.all(established)
  clearTimeout(tooLate)
  return tunnels.filter((_, index) => areOpen[index])
}

const tunnels = await connectAll()
const startMs = performance.now()
for (const tunnel of tunnels) tunnel.send()
await new Promise((resolve) => void setTimeout(resolve, Number(seconds) * 1_000))
isOver = true
const line = {
  requests: messageCount,
  bytes: messageCount * frame.length,
  seconds: (performance.now() - startMs) / 1_000,
  p50Ms: quantileMs(0.5),
  p99Ms: quantileMs(0.99),
  errors,
}
process.stdout.write(`RESULT ${JSON.stringify(line)}\n`)
for (const { socket } of tunnels) socket.destroy()
