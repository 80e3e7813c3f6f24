/**
 * Writes answers to one client: heads with the framing that the client's version knows, bodies, answers of our
 * own. Hot: what is small gathers in the outbox and leaves in one write.
 */

import type { Socket } from 'node:net'
import type { Failure } from '../failure.ts'
import { CHUNKED, NO_BODY, UNTIL_CLOSE } from './framing.ts'
import { type AnswerOptions, localAnswer } from './local-answer.ts'
import { Outbox } from './outbox.ts'
import { type Via, viaLine } from '../via.ts'
import type { ResponseHead } from './response-head.ts'

export class ResponseWriter {
  /** Of the request that is being answered: HTTP/1.0 knows neither chunks nor interim answers. */
  isHttp11 = true
  /** Of the table by which the present request is answered. */
  via!: Via
  readonly #outbox: Outbox
  #bodyKind = NO_BODY

  constructor(socket: Socket) {
    this.#outbox = new Outbox(socket)
  }

  /** Whether only the end of the connection tells the client that the present answer is whole. */
  get isUntilClose(): boolean {
    return this.#bodyKind === UNTIL_CLOSE
  }

  /** Whether that will be so for an answer with this head. */
  needsClose(head: ResponseHead): boolean {
    return !this.isHttp11 && hasUnknownLength(head)
  }

  informational(head: ResponseHead): void {
    if (!this.isHttp11) return
    this.#outbox.text(`HTTP/1.1 ${head.statusText}\r\n${head.lines}${viaLine(this.via, head)}\r\n`)
    this.#outbox.flush()
  }

  /** From here on `data` is written as it is, and `end` ends our half of the connection. */
  switch(head: ResponseHead, extraLines: string): void {
    this.#bodyKind = UNTIL_CLOSE
    this.#outbox.text(
      `HTTP/1.1 ${head.statusText}\r\nconnection: upgrade\r\nupgrade: websocket\r\n${head.lines}${viaLine(this.via, head)}${extraLines}\r\n`,
    )
  }

  /** `extraLines` go after the upstream's. */
  head(head: ResponseHead, extraLines: string, isPersistent: boolean): void {
    let framing = ''
    if (hasUnknownLength(head)) {
      this.#bodyKind = this.isHttp11 ? CHUNKED : UNTIL_CLOSE
      if (this.isHttp11) framing = 'transfer-encoding: chunked\r\n'
    } else {
      this.#bodyKind = head.bodyKind
      if (head.contentLength >= 0) framing = `content-length: ${head.contentLength}\r\n`
    }
    this.#outbox.text(
      `HTTP/1.1 ${head.statusText}\r\n${head.lines}${viaLine(this.via, head)}${extraLines}${framing}${this.#connectionLine(isPersistent)}\r\n`,
    )
  }

  /** Says what becomes of the connection, where that is not what the version implies. */
  #connectionLine(isPersistent: boolean): string {
    if (!isPersistent) return 'connection: close\r\n'
    return this.isHttp11 ? '' : 'connection: keep-alive\r\n'
  }

  /** Returns whether the bytes are still in use afterwards. */
  data(bytes: Buffer, start: number, end: number): boolean {
    const outbox = this.#outbox
    if (this.#bodyKind !== CHUNKED) return outbox.bytes(bytes, start, end)
    outbox.text(`${(end - start).toString(16)}\r\n`)
    const isInUse = outbox.bytes(bytes, start, end)
    outbox.text('\r\n')
    return isInUse
  }

  /** `trailers`: field lines; only chunks have a place for them. */
  end(trailers: string): void {
    if (this.#bodyKind === CHUNKED) this.#outbox.text(`0\r\n${trailers}\r\n`)
    this.#bodyKind = NO_BODY
  }

  failure(failure: Failure, options: AnswerOptions): void {
    this.#outbox.text(localAnswer(failure, options))
  }

  flush(): void {
    this.#outbox.flush()
  }
}

function hasUnknownLength(head: ResponseHead): boolean {
  return head.bodyKind === CHUNKED || head.bodyKind === UNTIL_CLOSE
}
