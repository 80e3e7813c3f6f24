/**
 * The two ends of a stream of node:http2, put right (Node 26.10).
 *
 * Node ends a stream that it closes: a body that is cancelled half way would be told to the peer as whole. So only we
 * end it. Where trailers may follow, and the stream is closed after it was ended and before nghttp2 has asked for them,
 * the process aborts (a CHECK in `Http2Stream::OnTrailers`). So it is ended when nothing is left to write, which makes
 * that moment short, and a reset waits until it is over. And Node gives the peer's end, a reset without an error and
 * the loss of the connection all as `end`; here they are told apart.
 */

import { constants, type ClientHttp2Stream } from 'node:http2'
import { fieldsObject } from '../http2/response-fields.ts'

interface StreamOptions {
  /** Without a body. */
  readonly endStream: boolean
  /** With trailers, if there are any. */
  readonly waitForTrailers: boolean
}

export class StreamEnds {
  /** The peer has ended its side, and did not just stop. */
  isReadWhole = false
  /** Our side has ended, or will as soon as all is written. */
  isEnded: boolean

  readonly #stream: ClientHttp2Stream
  readonly #endNow: () => void
  #trailers = ''
  #unwrittenCount = 0
  /** nghttp2 will ask for trailers when it sees the end. */
  #isAsked: boolean
  #isResetDue = false

  /** To be made before anything else is done with the stream; `opened`: with what it was. */
  constructor(stream: ClientHttp2Stream, opened: StreamOptions) {
    this.#stream = stream
    this.isEnded = opened.endStream
    this.#isAsked = opened.waitForTrailers
    if (this.#isAsked) stream.once('wantTrailers', () => this.#sendTrailers())
    const end = stream.end.bind(stream)
    this.#endNow = () => void end()
    stream.end = () => stream

    // The end of the peer's side is pushed to an open stream, the others to one that has just been closed.
    const push = stream.push.bind(stream)
    stream.push = (chunk: unknown) => {
      if (chunk === null && !stream.closed) this.isReadWhole = true
      return push(chunk)
    }
  }

  write(bytes: Buffer): void {
    if (this.isEnded || this.#isGone) return
    this.#unwrittenCount++
    this.#stream.write(bytes, this.#onWritten)
  }

  end(trailers: string): void {
    if (this.isEnded) return
    this.isEnded = true
    this.#trailers = trailers
    if (this.#unwrittenCount === 0) this.#finish()
  }

  reset(): void {
    const isAsking = this.#isAsked && this.isEnded && this.#unwrittenCount === 0
    if (isAsking && !this.#isGone) this.#isResetDue = true
    else this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  get #isGone(): boolean {
    return this.#stream.closed || this.#stream.destroyed
  }

  readonly #onWritten = (): void => {
    if (--this.#unwrittenCount === 0 && this.isEnded) this.#finish()
  }

  #finish(): void {
    if (!this.#isGone) this.#endNow()
  }

  #sendTrailers(): void {
    this.#isAsked = false
    if (this.#isGone) return
    this.#stream.sendTrailers(fieldsObject(this.#trailers))
    // They leave in the next turn of the event loop, and what follows them must not overtake them.
    if (this.#isResetDue) setImmediate(() => this.#stream.close(constants.NGHTTP2_CANCEL))
  }
}
