/**
 * An upstream on bare sockets: records every request by the letter of RFC 9112, answers by a script in raw bytes.
 *
 * What is not HTTP, or follows a request where nothing should, is kept in `faults`, which must be empty
 * when the test ends.
 */

import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'
import { type Field, framingOf, type Head, readBody, readHead } from './message.ts'
import { BrokenOff, type Ending, SocketReader } from './reader.ts'

/** One request as it arrived. */
export class Received {
  readonly head: Head
  readonly method: string
  readonly target: string
  trailers: readonly Field[] = []
  readonly socket: Socket
  readonly reader: SocketReader
  /** The upstream's connections count from 0. */
  readonly connection: number
  /** Resolves with the body once it is whole; never where it is cut. */
  readonly whole: Promise<Buffer>
  isWhole = false
  /** Whether another request has come on the connection since. */
  isFollowed = false
  bodyBytes = 0
  readonly #pieces: Buffer[] = []
  readonly #onWhole: (body: Buffer) => void

  constructor(head: Head, place: { socket: Socket; reader: SocketReader; connection: number }) {
    const [method = '', target = ''] = head.startLine.split(' ')
    const { promise, resolve } = Promise.withResolvers<Buffer>()
    this.head = head
    this.method = method
    this.target = target
    this.socket = place.socket
    this.reader = place.reader
    this.connection = place.connection
    this.whole = promise
    this.#onWhole = resolve
  }

  /** Resolves with how the proxy ended the connection. */
  gone(): Promise<Ending> {
    return this.reader.end()
  }

  async readBody(): Promise<void> {
    this.trailers = await readBody(this.reader, framingOf(this.head, { kind: 'none' }), (bytes) => {
      this.bodyBytes += bytes.length
      this.#pieces.push(bytes)
    })
    this.isWhole = true
    this.#onWhole(Buffer.concat(this.#pieces))
  }

  send(bytes: string | Buffer): void {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1')
    else this.socket.write(bytes)
  }

  /** Sends a whole answer. */
  answer(status: number, body: string | Buffer = '', lines = ''): void {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
    this.send(`HTTP/1.1 ${status} X\r\n${lines}content-length: ${bytes.length}\r\n\r\n`)
    if (bytes.length > 0) this.send(bytes)
  }

  /** Sends a FIN. */
  end(): void {
    this.socket.end()
  }

  /** Sends an RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }
}

/** Called when a head has arrived; the body is read meanwhile. */
export type Script = (request: Received) => unknown

/** Answers 200 with what the test named it, once the request is whole. */
export const answerOk: Script = async (request) => {
  await request.whole
  request.answer(200, 'ok')
}

export class Upstream {
  script: Script
  readonly requests: Received[] = []
  readonly sockets = new Set<Socket>()
  readonly faults: unknown[] = []
  /** Hears every byte as it comes. */
  onBytes: ((bytes: Buffer) => void) | null = null
  /** Connections that there have been. */
  connectionCount = 0
  port = 0

  constructor(script: Script) {
    this.script = script
  }

  /** Those that are open. */
  get openCount(): number {
    return this.sockets.size
  }

  get targets(): string[] {
    return this.requests.map(({ target }) => target)
  }

  /** Resolves with the request of that number, from 0, when its head has arrived. */
  async request(index: number): Promise<Received> {
    await eventually(() => this.requests.length).toBeGreaterThan(index)
    return this.requests[index]!
  }

  accept(socket: Socket): void {
    const connection = this.connectionCount++
    this.sockets.add(socket)
    socket
      .on('close', () => this.sockets.delete(socket))
      .on('data', (bytes: Buffer) => this.onBytes?.(bytes))
    const reader = new SocketReader(socket)
    this.#serve({ socket, reader, connection }).then(
      () => socket.end(),
      (error: unknown) => {
        if (!(error instanceof BrokenOff)) this.faults.push(error)
        socket.destroy()
      },
    )
  }

  #run(received: Received): void {
    Promise.resolve(this.script(received)).catch((error: unknown) => {
      if (!isGone(error)) this.faults.push(error)
    })
  }

  async #serve(place: { socket: Socket; reader: SocketReader; connection: number }): Promise<void> {
    let received: Received | undefined
    for (;;) {
      const head = await readHead(place.reader)
      if (head === null) return
      if (received !== undefined) received.isFollowed = true
      received = new Received(head, place)
      this.requests.push(received)
      this.#run(received)
      await received.readBody()
    }
  }
}

/** Whether the script only found that the proxy had left. */
function isGone(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && /^(?:ECONNRESET|EPIPE)$/.test(String(error.code))
  )
}

/** Starts one; it is closed, and asked for faults, when the test ends. */
export async function startUpstream(script: Script = answerOk): Promise<Upstream> {
  const upstream = new Upstream(script)
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
    upstream.accept(socket),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  upstream.port = (server.address() as { port: number }).port
  onTestFinished(() => {
    server.close()
    for (const socket of upstream.sockets) socket.destroy()
    expect(upstream.faults).toEqual([])
  })
  return upstream
}
