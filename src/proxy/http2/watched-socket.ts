/**
 * A socket as node:http2 gets it, so that what goes through can be looked at before.
 *
 * It costs some microseconds a request, as node:http2 otherwise reads a socket without JavaScript hearing of it; but it
 * offers nothing else to hook in. Backpressure goes through in both directions.
 */

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

interface Chunk {
  readonly chunk: Buffer
}

/** Who hears of everything before it is passed on. */
interface SocketWatch {
  /** Returns whether it is. */
  readonly onRead: (bytes: Buffer) => boolean
  readonly onWrite: (bytes: Buffer) => void
}

export class WatchedSocket extends Duplex {
  readonly #socket: Socket
  readonly #onWrite: (bytes: Buffer) => void
  #isEnded = false

  constructor(socket: Socket, { onRead, onWrite }: SocketWatch) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    this.#onWrite = onWrite
    socket
      .on('data', (bytes: Buffer) => {
        if (onRead(bytes) && !this.push(bytes)) socket.pause()
      })
      .on('end', () => this.#onEnd())
      .on('close', () => this.destroy())
      .on('error', () => this.destroy())
  }

  /**
   * The peer sends no more: all is over once what it sent has been read. An end that node:http2 hears of would have it
   * shut the socket down, and whatever it writes from then on would end the process (Node 26.10: an assertion).
   */
  #onEnd(): void {
    this.#isEnded = true
    if (this.readableLength === 0) this.destroy()
  }

  /** Called before what is at hand is passed on. */
  override _read(): void {
    if (this.#isEnded) process.nextTick(() => this.#onEnd())
    else this.#socket.resume()
  }

  override _write(
    bytes: Buffer,
    _encoding: string,
    onWritten: (error?: Error | null) => void,
  ): void {
    this.#onWrite(bytes)
    this.#socket.write(bytes, onWritten)
  }

  override _writev(chunks: readonly Chunk[], onWritten: (error?: Error | null) => void): void {
    const socket = this.#socket
    for (const { chunk } of chunks) this.#onWrite(chunk)
    socket.cork()
    for (let i = 0; i < chunks.length - 1; i++) socket.write(chunks[i]!.chunk)
    socket.write(chunks.at(-1)!.chunk, onWritten)
    socket.uncork()
  }

  override _final(onFinished: () => void): void {
    this.#socket.end(onFinished)
  }

  override _destroy(_error: Error | null, onDestroyed: (error: null) => void): void {
    this.#socket.destroy()
    onDestroyed(null)
  }
}
