/** What is still to come of one request's body. Hot: bytes are counted and handed on, never copied. */

import { ChunkedDecoder, type ChunkSink } from './chunked.ts'
import { BY_LENGTH, CHUNKED, NO_BODY } from './framing.ts'
import type { RequestHead } from './request-head.ts'

/** An unread body up to this many bytes is read and thrown away, so that the connection can go on. */
const DISCARD_BYTES = 64 * 1024

export class RequestBody {
  readonly #decoder = new ChunkedDecoder()
  #kind = NO_BODY
  #remainingBytes = 0
  #expectsContinue = false

  begin(head: RequestHead): void {
    this.#kind = head.bodyKind
    this.#remainingBytes = head.contentLength
    this.#expectsContinue = head.expectsContinue
    if (head.bodyKind === CHUNKED) this.#decoder.reset()
  }

  /** Whether nothing of it is to come. */
  get isWhole(): boolean {
    return this.#kind === CHUNKED ? this.#decoder.isDone : this.#remainingBytes === 0
  }

  /** Field lines that may be passed on, once it is whole. */
  get trailers(): string {
    return this.#kind === CHUNKED ? this.#decoder.trailers : ''
  }

  /** Whether what is to come is short and sure to come. */
  get isRestShort(): boolean {
    const isKnown = this.#kind === BY_LENGTH && !this.#expectsContinue
    return isKnown && this.#remainingBytes <= DISCARD_BYTES
  }

  /** Returns how many bytes belong to the body, all of which the sink got; -1 when they are malformed. */
  read(bytes: Buffer, sink: ChunkSink): number {
    if (this.#kind === CHUNKED) return this.#decoder.decode(bytes, 0, bytes.length, sink)
    const take = Math.min(this.#remainingBytes, bytes.length)
    this.#remainingBytes -= take
    if (take > 0) sink.onChunkData(bytes, 0, take)
    return take
  }
}
