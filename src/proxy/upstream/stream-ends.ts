/**
 * The two ends of a stream of node:http2, put right.
 *
 * Node ends a stream that it closes: a body that is cancelled half way would be told to the peer as whole, and where
 * trailers were to follow it the process aborts (Node 26.10, a CHECK in `Http2Stream::OnTrailers`). So only we end it.
 * And Node gives the peer's end, a reset without an error and the loss of the connection all as `end`.
 */

import type { Http2Stream } from 'node:http2'

export class StreamEnds {
  /** The peer has ended its side, and did not just stop. */
  isReadWhole = false
  readonly #end: () => void

  /** To be made before anything else is done with the stream. */
  constructor(stream: Http2Stream) {
    const end = stream.end.bind(stream)
    this.#end = () => void end()
    stream.end = () => stream

    // The end of the peer's side is pushed to an open stream, the others to one that has just been closed.
    const push = stream.push.bind(stream)
    stream.push = (chunk: unknown) => {
      if (chunk === null && !stream.closed) this.isReadWhole = true
      return push(chunk)
    }
  }

  /** Ends our side. */
  end(): void {
    this.#end()
  }
}
