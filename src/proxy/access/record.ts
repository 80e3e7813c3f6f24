/**
 * What one request leaves in the access log: what its head said, kept until it has ended. Hot.
 *
 * The exchange owns one and uses it for each of its requests. With the log off, a request costs one look at the
 * table when it begins and one at `isOn` when it ends.
 *
 *     begin(head)  ->  noteResponseHead()  ->  finish(end)
 */

import type { ThreadContext } from '../context.ts'
import type { AccessEnd, AccessRequest, AccessTimes } from './entry.ts'
import { isFault } from './flags.ts'

/** What is read of a request's head, at once: the head is gone when the request ends. */
export interface AccessHead {
  readonly method: string
  readonly host: string
  readonly target: string
  /** Of HTTP/1; of no meaning where `isHttp2`. */
  readonly minorVersion: number
  readonly isHttp2: boolean
  /** Returns the value of the first field of that lower-case name, or null. */
  find(name: string): string | null
}

/** Who sent it. */
export interface AccessClient {
  readonly address: string
  readonly isSecure: boolean
}

export class AccessRecord implements AccessRequest, AccessTimes {
  /** A request has begun that may be written. Where false, `finish` need not be called. */
  isOn = false
  beganMs = 0
  method = ''
  host = ''
  target = ''
  protocol = ''
  client = ''
  isTls = false
  userAgent: string | null = null
  traceparent: string | null = null
  requestId: string | null = null
  durationUs = 0
  untilHeadUs = -1
  readonly #context: ThreadContext
  #startMs = 0

  constructor(context: ThreadContext) {
    this.#context = context
  }

  begin(head: AccessHead, client: AccessClient): void {
    this.isOn = this.#context.table.accessLog !== null
    if (!this.isOn) return
    const { sink } = this.#context.accessLog
    this.#startMs = sink.nowMs()
    this.beganMs = sink.wallMs()
    this.method = head.method
    this.host = head.host
    this.target = head.target
    this.protocol = head.isHttp2 ? 'HTTP/2' : head.minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0'
    this.client = client.address
    this.isTls = client.isSecure
    this.userAgent = head.find('user-agent')
    this.traceparent = head.find('traceparent')
    this.requestId = head.find('x-request-id')
    this.untilHeadUs = -1
  }

  /** The final head of the upstream's answer has come. */
  noteResponseHead(): void {
    if (this.isOn) this.untilHeadUs = this.#elapsedUs()
  }

  /** Writes the line, if this request is one of those that are written. The second call for a request does nothing. */
  finish(end: AccessEnd): void {
    if (!this.isOn) return
    this.isOn = false
    const { accessLog, random } = this.#context
    if (!accessLog.wants(end.isError || isFault(end), random())) return
    this.durationUs = this.#elapsedUs()
    accessLog.write(this, end, this)
  }

  #elapsedUs(): number {
    return (this.#context.accessLog.sink.nowMs() - this.#startMs) * 1000
  }
}
