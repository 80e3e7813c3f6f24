/**
 * Writes the answer on one HTTP/2 stream. Hot: head and small pieces gather until `flush`, so that a small
 * answer, known as a whole by then, is one call for its head and one for its content.
 *
 * A stream that was reset meanwhile takes nothing more and says so later, by its `close`; until then what is
 * sent is thrown away.
 */

import { constants, type ServerHttp2Stream } from 'node:http2'
import type { LocalAnswer } from '../downstream.ts'
import type { Failure } from '../failure.ts'
import { grpcFailureLines } from '../grpc.ts'
import { CHUNKED, UNTIL_CLOSE } from '../http1/framing.ts'
import { failureLines, failureText } from '../http1/local-answer.ts'
import { INLINE_BYTES } from '../http1/outbox.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { type Via, viaLine } from '../via.ts'
import { fieldsObject, pushFields } from './response-fields.ts'

const WITHOUT_CONTENT = { endStream: true }
const WITH_TRAILERS = { waitForTrailers: true }

/** Has no content (RFC 9110 section 15.3.6); node:http2 sends none, whatever it is given. */
const RESET_CONTENT = 205

export class AnswerWriter {
  /** All of it has been handed over. */
  isEnded = false
  /** Called when what was written has been taken, after a write that said it was not. */
  onDrain: (() => void) | null = null

  readonly #stream: ServerHttp2Stream
  /** A head that has not been sent yet. */
  #fields: string[] | null = null
  #text = ''
  /** What comes as content is thrown away, trailers too; its length is not told, and the head waits for its end. */
  #isWithoutContent = false
  /** Of unknown length: trailers may follow. */
  #mayHaveTrailers = false
  #trailers = ''
  #hearsDrain = false
  #isResetDue = false

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
    this.#endOnlyWhenEnded()
  }

  /**
   * A stream that is closed with an error is ended by node:http2 first, and what was cut would reach the client as if
   * it were whole. So the end is sent for an answer that has one, and for no other.
   */
  #endOnlyWhenEnded(): void {
    const stream = this.#stream
    // oxlint-disable-next-line eslint/no-underscore-dangle, typescript/unbound-method -- bound where it is called
    const sendEnd = stream._final
    // oxlint-disable-next-line eslint/no-underscore-dangle -- so Node names what a kind of stream brings along
    stream._final = (onFinished) => {
      if (this.isEnded) sendEnd.call(stream, onFinished)
      else onFinished()
    }
  }

  get unsentBytes(): number {
    return this.#stream.writableLength + this.#text.length
  }

  /** Whether what is unsent is more than `limit` bytes; and `onDrain` will follow, which needs a full stream. */
  isFull(limit: number): boolean {
    const stream = this.#stream
    return stream.writableLength > limit && stream.writableNeedDrain
  }

  get #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  informational(head: ResponseHead, via: Via): void {
    if (this.#isGone) return
    const fields = fieldsObject(head.lines + viaLine(via, head))
    this.#stream.additionalHeaders({ ...fields, [constants.HTTP2_HEADER_STATUS]: head.status })
  }

  /** `extraLines` go after the upstream's. */
  head(head: ResponseHead, extraLines: string, via: Via): void {
    const fields = [':status', String(head.status)]
    pushFields(fields, head.lines)
    pushFields(fields, viaLine(via, head))
    if (extraLines !== '') pushFields(fields, extraLines)
    this.#fields = fields
    this.#isWithoutContent = head.status === RESET_CONTENT
    if (this.#isWithoutContent) return
    if (head.contentLength >= 0) fields.push('content-length', String(head.contentLength))
    this.#mayHaveTrailers = head.bodyKind === CHUNKED || head.bodyKind === UNTIL_CLOSE
  }

  /** What is a 101 in HTTP/1.1 is a 200 to an extended CONNECT (RFC 8441 section 5). */
  switch(head: ResponseHead, extraLines: string, via: Via): void {
    const fields = [':status', '200']
    pushFields(fields, head.lines)
    pushFields(fields, viaLine(via, head) + extraLines)
    this.#fields = fields
  }

  /** Returns whether the bytes are still in use afterwards. */
  data(bytes: Buffer, start: number, end: number): boolean {
    if (this.#isWithoutContent) return false
    if (end - start <= INLINE_BYTES) {
      this.#text += bytes.toString('latin1', start, end)
      return false
    }
    this.flush()
    if (this.#isGone) return false
    this.#watch(this.#stream.write(bytes.subarray(start, end)))
    return this.#stream.writableLength > 0
  }

  /** `trailers`: field lines. */
  end(trailers: string): void {
    this.isEnded = true
    if (this.#isWithoutContent) return this.flush()
    this.#trailers = trailers
    const fields = this.#fields
    if (this.#isGone) return
    if (fields !== null && trailers === '') {
      this.#fields = null
      this.#mayHaveTrailers = false
      if (this.#text === '') return this.#stream.respond(fields, WITHOUT_CONTENT)
      this.#stream.respond(fields)
    } else {
      this.#respond()
    }
    this.#end()
  }

  #end(): void {
    const text = this.#text
    this.#text = ''
    if (text === '') this.#stream.end()
    else this.#stream.end(text, 'latin1')
  }

  failure(
    failure: Failure,
    answer: LocalAnswer,
    options: { isHead: boolean; dateLine: string },
  ): void {
    this.isEnded = true
    if (this.#isGone) return
    const lines = failureLines(failure) + options.dateLine + answer.extraLines
    if (answer.isGrpc) {
      const fields = [':status', '200']
      pushFields(fields, grpcFailureLines(failure) + lines)
      this.#stream.respond(fields, WITHOUT_CONTENT)
      return
    }
    const text = failureText(failure)
    const fields = [':status', String(failure.status)]
    fields.push('content-type', 'text/plain; charset=utf-8', 'content-length', String(text.length))
    pushFields(fields, lines)
    this.#stream.respond(fields, options.isHead ? WITHOUT_CONTENT : {})
    if (!options.isHead) this.#stream.end(text, 'latin1')
  }

  /** Sends what has gathered. */
  flush(): void {
    if (this.#fields === null && this.#text === '') return
    if (this.#isWithoutContent && !this.isEnded) return
    if (this.#isGone) return this.#forget()
    this.#respond()
    const text = this.#text
    this.#text = ''
    if (text !== '') this.#watch(this.#stream.write(text, 'latin1'))
  }

  #forget(): void {
    this.#fields = null
    this.#text = ''
  }

  #respond(): void {
    const fields = this.#fields
    if (fields === null) return
    this.#fields = null
    if (this.#isWithoutContent) {
      this.#stream.respond(fields, WITHOUT_CONTENT)
    } else if (this.#mayHaveTrailers || this.#trailers !== '') {
      this.#mayHaveTrailers = true
      this.#stream.once('wantTrailers', () => this.#sendTrailers())
      this.#stream.respond(fields, WITH_TRAILERS)
    } else {
      this.#stream.respond(fields)
    }
  }

  #sendTrailers(): void {
    this.#stream.sendTrailers(this.#trailers === '' ? {} : fieldsObject(this.#trailers))
    // They leave in the next turn of the event loop, and so has what follows them to.
    if (this.#isResetDue) setImmediate(() => this.#stream.close(constants.NGHTTP2_NO_ERROR))
  }

  /** Tells the client, once it has the whole answer, to send no more of its request (RFC 9113 section 8.1). */
  resetWhenSent(): void {
    if (this.#mayHaveTrailers) this.#isResetDue = true
    else this.#stream.close(constants.NGHTTP2_NO_ERROR)
  }

  /** `isTaken`: what a write has returned. */
  #watch(isTaken: boolean): void {
    if (isTaken || this.#hearsDrain) return
    this.#hearsDrain = true
    this.#stream.on('drain', () => this.onDrain?.())
  }
}
