/**
 * What is about to be written to one socket: heads and small pieces gather in a latin1 string and leave in
 * one write; large pieces go out as they are. Hot: one write a message is most of what makes it cheap.
 */

import type { Socket } from 'node:net'

/** Pieces up to this many bytes are copied into the string; a copy costs less than a second buffer to write. */
export const INLINE_BYTES = 8 * 1024

export class Outbox {
  readonly socket: Socket
  #text = ''

  constructor(socket: Socket) {
    this.socket = socket
  }

  text(text: string): void {
    this.#text += text
  }

  /** Adds bytes that the caller may overwrite as soon as this returns, unless it says that they are still in use. */
  bytes(bytes: Buffer, start: number, end: number): boolean {
    if (end - start <= INLINE_BYTES) {
      this.#text += bytes.toString('latin1', start, end)
      return false
    }
    const { socket } = this
    if (this.#text === '') {
      socket.write(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
    } else {
      socket.cork()
      this.flush()
      socket.write(bytes.subarray(start, end))
      socket.uncork()
    }
    return socket.writableLength > 0
  }

  flush(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    this.socket.write(text, 'latin1')
  }
}
