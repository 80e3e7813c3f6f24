/**
 * Reads a socket as a strict parser of HTTP wants it: lines that end in CRLF, exact counts, the end.
 *
 * Nothing is read from the socket while it is held, so that a test can play a peer that does not read.
 */

import type { Socket } from 'node:net'

/** `ended`: the peer sent a FIN; `reset`: an RST; `closed`: we closed it ourselves. */
export type Ending = 'open' | 'ended' | 'reset' | 'closed'

/** The peer ended in the middle of something. */
export class BrokenOff extends Error {
  constructor(what: string, ending: Ending) {
    super(`The connection is ${ending} in the middle of ${what}`)
    this.name = 'BrokenOff'
  }
}

/** What arrived is not HTTP by the letter. */
export class NotHttp extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NotHttp'
  }
}

const LINE_BYTES = 256 * 1024

export class SocketReader {
  readonly #socket: Socket
  #chunks: Buffer[] = []
  #length = 0
  #waiting: (() => void)[] = []
  #isDiscarding = false
  ending: Ending = 'open'
  /** Everything that came, used or not. */
  receivedBytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
    socket
      .on('data', (bytes: Buffer) => this.#onData(bytes))
      .on('end', () => this.#onEnding('ended'))
      .on('error', (error: NodeJS.ErrnoException) =>
        this.#onEnding(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'reset' : 'closed'),
      )
      .on('close', () => this.#onEnding('closed'))
  }

  /** Reads no more from the socket until `resume`. */
  hold(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Throws away what is there and what comes; only `receivedBytes` goes on. */
  discard(): void {
    this.#isDiscarding = true
    this.#chunks = []
    this.#length = 0
  }

  /** Resolves with a line without its CRLF, or null at a clean end. */
  async line(): Promise<string | null> {
    for (;;) {
      const bytes = this.#peek()
      const at = bytes.indexOf(0x0a)
      if (at >= 0) {
        if (at === 0 || bytes[at - 1] !== 0x0d) throw new NotHttp('a line ends without CR')
        const line = this.#cut(at + 1).toString('latin1', 0, at - 1)
        if (line.includes('\r')) throw new NotHttp('a CR stands alone')
        return line
      }
      if (bytes.length > LINE_BYTES) throw new NotHttp('a line has no end')
      if (!(await this.#more())) {
        if (this.#length === 0) return null
        throw new BrokenOff('a line', this.ending)
      }
    }
  }

  /** Resolves with a line that has to come. */
  async lineOf(what: string): Promise<string> {
    const line = await this.line()
    if (line === null) throw new BrokenOff(what, this.ending)
    return line
  }

  async take(byteCount: number): Promise<Buffer> {
    while (this.#length < byteCount) {
      if (!(await this.#more())) throw new BrokenOff('a body', this.ending)
    }
    this.#peek()
    return this.#cut(byteCount)
  }

  /** Resolves with all that comes until a FIN; throws `BrokenOff` at anything else. */
  async toEnd(): Promise<Buffer> {
    while (await this.#more());
    if (this.ending !== 'ended') throw new BrokenOff('a body', this.ending)
    return this.#cut(this.#peek().length)
  }

  /** Resolves with how the connection ended; what comes until then is kept. */
  async end(): Promise<Ending> {
    while (await this.#more());
    return this.ending
  }

  /** What has arrived and was not used. */
  get unread(): string {
    return this.#peek().toString('latin1')
  }

  #onData(bytes: Buffer): void {
    this.receivedBytes += bytes.length
    if (this.#isDiscarding) return
    this.#chunks.push(bytes)
    this.#length += bytes.length
    this.#wake()
  }

  #onEnding(ending: Ending): void {
    if (this.ending === 'open') this.ending = ending
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves with whether more has come; false at the end. */
  async #more(): Promise<boolean> {
    const had = this.receivedBytes
    if (this.ending === 'open') {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    }
    return this.receivedBytes > had
  }

  #peek(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  #cut(byteCount: number): Buffer {
    const bytes = this.#peek()
    this.#chunks = byteCount === bytes.length ? [] : [bytes.subarray(byteCount)]
    this.#length -= byteCount
    return bytes.subarray(0, byteCount)
  }
}
