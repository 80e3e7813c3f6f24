/**
 * A socket as node:http2 gets it, so that what the client sends can be looked at before.
 *
 * It costs some microseconds a request, as node:http2 otherwise reads a socket without JavaScript hearing of it; but it
 * offers nothing else to hook in. Backpressure goes through in both directions.
 */

import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

interface Chunk {
  readonly chunk: Buffer
}

export class WatchedSocket extends Duplex {
  readonly #socket: Socket

  /** `onBytes` hears of everything before it is passed on; returns whether it is. */
  constructor(socket: Socket, onBytes: (bytes: Buffer) => boolean) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    socket
      .on('data', (bytes: Buffer) => {
        if (onBytes(bytes) && !this.push(bytes)) socket.pause()
      })
      .on('end', () => this.push(null))
      .on('close', () => this.destroy())
      .on('error', () => this.destroy())
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(
    bytes: Buffer,
    _encoding: string,
    onWritten: (error?: Error | null) => void,
  ): void {
    this.#socket.write(bytes, onWritten)
  }

  override _writev(chunks: readonly Chunk[], onWritten: (error?: Error | null) => void): void {
    const socket = this.#socket
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
