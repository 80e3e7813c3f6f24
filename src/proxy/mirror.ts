/**
 * Copies of requests for an upstream whose answers nobody sees: so a canary can be judged before a user meets it.
 *
 * A copy is sent once the request itself is on its way, and never waited for. Its answer is read to its end, counted in a
 * series of its own, and compared with the request's by status class. What cannot be copied is counted by reason.
 */

import { binIndex } from '../analyzer/histogram.ts'
import { CODE_COUNT, FIRST_CODE, METHODS, SERIES } from '../analyzer/tally.ts'
import { KeptBody } from './attempt/kept-body.ts'
import { blameOf } from './attempt/policy.ts'
import type { Copy, ThreadContext } from './context.ts'
import {
  MIRROR_DROPS,
  type MirrorDrop,
  UPSTREAM_FAILURE_INDEX,
  UPSTREAM_FAILURES,
  type UpstreamFailure,
} from './failure.ts'
import { NO_BODY } from './http1/framing.ts'
import type { ResponseHead } from './http1/response-head.ts'
import { methodIndex } from './method.ts'
import type { Outgoing } from './outgoing.ts'
import type { CompiledErrors, CompiledMirror, CompiledRoute } from './table.ts'
import type { AttemptResult, Endpoint } from './upstream/endpoint.ts'
import { NEVER, type Upstream, type UpstreamUser } from './upstream/upstream.ts'

/** Copies of one thread at a time. */
const MIRROR_LIMIT = 128

/** A copy whose answer takes more than that many times as long as the request's is slower. */
const SLOWER = 2

/** The copy of an exchange's present request, where there is one. */
export class Copying {
  readonly #context: ThreadContext
  /** Until the request is over; the copy itself may go on. */
  #copy: MirroredRequest | null = null
  #isDecided = false

  constructor(context: ThreadContext) {
    this.#context = context
  }

  /** A request begins. */
  begin(): void {
    this.#isDecided = false
  }

  /** It is on its way: it is copied, once, where the route says so. */
  start(request: Outgoing, { mirror, errors }: CompiledRoute): void {
    if (this.#isDecided || mirror === null) return
    this.#isDecided = true
    if (request.isUpgrade || !mirror.methods.has(request.method)) return
    if (this.#context.random() >= mirror.share) return
    this.#copy = new MirroredRequest(this.#context, request, { mirror, errors })
    if (request.isRequestDone) this.#copy.send()
  }

  get isCopied(): boolean {
    return this.#copy !== null
  }

  keep(bytes: Buffer, start: number, end: number): void {
    this.#copy?.body.keep(bytes, start, end)
  }

  endBody(trailers: string): void {
    const copy = this.#copy
    if (copy === null) return
    copy.body.keepTrailers(trailers)
    copy.send()
  }

  /** The request is answered. `latencyUs`: until the head of the answer. */
  noteAnswer(status: number, latencyUs: number): void {
    this.#copy?.noteAnswer(status, latencyUs)
  }

  /** The request is over. */
  end(): void {
    this.#copy = null
  }
}

/** One copy, from its decision to its end. */
class MirroredRequest implements UpstreamUser, Copy {
  readonly method: string
  readonly target: string
  readonly lines: string
  readonly bodyKind: number
  readonly contentLength: number
  readonly takesTrailers: boolean
  readonly isUpgrade = false
  isRequestDone: boolean
  readonly body: KeptBody = new KeptBody()
  readonly #context: ThreadContext
  readonly #mirror: CompiledMirror
  readonly #errors: CompiledErrors
  #upstream: Upstream | null = null
  #endpoint: Endpoint | null = null
  #timer: NodeJS.Timeout | null = null
  #startMs = 0
  #answerMs = 0
  #isOver = false
  #isResent = false
  /** 0 while there is none; of the request itself, and of its copy. */
  #status = 0
  #latencyUs = 0
  #copyStatus = 0

  constructor(
    context: ThreadContext,
    request: Outgoing,
    to: { readonly mirror: CompiledMirror; readonly errors: CompiledErrors },
  ) {
    this.#context = context
    this.#mirror = to.mirror
    this.#errors = to.errors
    this.method = request.method
    this.target = request.target
    this.lines = `${request.plainLines}x-sluice-variant: mirror\r\nx-sluice-mirror: true\r\n`
    this.bodyKind = request.bodyKind
    this.contentLength = request.contentLength
    this.takesTrailers = request.takesTrailers
    this.isRequestDone = request.isRequestDone
    this.body.begin(request.bodyKind !== NO_BODY)
  }

  /** The request is there whole: sends its copy. */
  send(): void {
    const { series, upstream } = this.#mirror
    const context = this.#context
    if (!this.body.isWhole) return this.#drop('bodyTooLarge')
    if (context.copies.size >= MIRROR_LIMIT) return this.#drop('tooMany')
    const endpoint = upstream.choose({ unitHash: () => context.random() * 2 ** 32, avoid: null })
    const place = endpoint?.open(context, this, true) ?? null
    if (place === null) return this.#drop('unavailable')
    context.copies.add(this)
    context.tally[series + SERIES.started]!++
    this.#endpoint = endpoint
    this.#upstream = place
    this.#startMs = performance.now()
    const limitMs = context.table.timeouts.responseHeadMs
    this.#timer = setTimeout(() => this.#onTimeout(), limitMs)
    if (place.isConnected) this.onConnected()
  }

  /** An answer that goes on has said what it is; nobody reads the rest. */
  #onTimeout(): void {
    if (this.#copyStatus === 0) this.#fail('responseTimeout')
    else this.giveUp()
  }

  /** It ends as what has come of it until now; without an answer it says nothing. */
  giveUp(): void {
    if (this.#copyStatus !== 0) return this.#finish()
    if (!this.#leave()) return
    const { tally } = this.#context
    const { series } = this.#mirror
    tally[series + SERIES.finished]!++
    tally[series + SERIES.clientAborts]!++
    this.#endpoint!.note('cancelled', (performance.now() - this.#startMs) * 1000)
  }

  #finish(): void {
    this.#end(this.#errors.byStatus[this.#copyStatus] === 1, null)
  }

  #drop(reason: MirrorDrop): void {
    const { series } = this.#mirror
    this.#context.tally[series + SERIES.mirrorDrops + MIRROR_DROPS.indexOf(reason)]!++
  }

  /** The request itself is answered. `latencyUs`: until the head of the answer. */
  noteAnswer(status: number, latencyUs: number): void {
    this.#status = status
    this.#latencyUs = latencyUs
    this.#compare()
  }

  /** While it waited the endpoint may have left, and then gets nothing more. */
  onConnected(): void {
    if (this.#endpoint!.isRetired) return this.giveUp()
    const upstream = this.#upstream!
    if (this.body.isEmpty) {
      this.isRequestDone = true
      upstream.sendHead(this)
    } else {
      this.isRequestDone = false
      upstream.sendHead(this)
      this.isRequestDone = true
      this.body.sendTo(upstream, true)
    }
    upstream.flush()
  }

  onInformational(): void {}

  onSwitch(): void {
    this.#fail('upgrade')
  }

  onResponseHead(head: ResponseHead): void {
    this.#answerMs = performance.now()
    this.#copyStatus = head.status
  }

  onResponseData(_bytes: Buffer, start: number, end: number): boolean {
    this.#context.tally[this.#mirror.series + SERIES.responseBytes]! += end - start
    return false
  }

  onResponseEnd(): void {
    this.#upstream = null
    this.#finish()
  }

  onReadEnd(): void {}

  onUpstreamDrain(): void {}

  onUpstreamFailure(reason: UpstreamFailure, retry: number): void {
    this.#upstream = null
    if (this.#endpoint!.isRetired && this.#copyStatus === 0) return this.giveUp()
    if (retry === NEVER || this.#isResent) return this.#fail(reason)
    // A connection that was kept had died, which is nobody's fault.
    this.#isResent = true
    this.#upstream = this.#endpoint!.open(this.#context, this, false)
    if (this.#upstream === null) this.#fail(reason)
    else if (this.#upstream.isConnected) this.onConnected()
  }

  #fail(reason: UpstreamFailure): void {
    if (this.#copyStatus === 0) {
      this.#answerMs = performance.now()
      this.#copyStatus = UPSTREAM_FAILURES[reason].status
    }
    this.#end(true, reason)
  }

  #end(isError: boolean, failure: UpstreamFailure | null): void {
    if (!this.#leave()) return
    this.#count(isError, failure)
    this.#compare()
  }

  /** Returns whether it was still on its way. */
  #leave(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    clearTimeout(this.#timer ?? undefined)
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.close()
    this.#context.copies.delete(this)
    return true
  }

  #count(isError: boolean, failure: UpstreamFailure | null): void {
    const { tally } = this.#context
    const { series } = this.#mirror
    const latencyUs = (performance.now() - this.#startMs) * 1000
    const code = this.#copyStatus - FIRST_CODE
    tally[series + SERIES.finished]!++
    if (isError) tally[series + SERIES.errors]!++
    if (failure !== null) tally[series + SERIES.failures + UPSTREAM_FAILURE_INDEX[failure]]!++
    const row = Math.min(methodIndex(this.method), METHODS.length - 1)
    tally[series + SERIES.codes + row * CODE_COUNT + code]!++
    tally[series + SERIES.latency + binIndex(latencyUs)]!++
    this.#endpoint!.note(this.#result(failure), this.#headUs)
  }

  #result(failure: UpstreamFailure | null): AttemptResult {
    if (failure !== null) return blameOf(failure)
    return this.#copyStatus >= 500 ? 'serverError' : 'ok'
  }

  /** Until the answer's head, or its failure. */
  get #headUs(): number {
    return (this.#answerMs - this.#startMs) * 1000
  }

  /** Once both are answered. */
  #compare(): void {
    if (!this.#isOver || this.#status === 0) return
    const { tally } = this.#context
    const isSame = Math.floor(this.#status / 100) === Math.floor(this.#copyStatus / 100)
    const { series } = this.#mirror
    tally[series + (isSame ? SERIES.mirrorSame : SERIES.mirrorDifferent)]!++
    if (this.#headUs > SLOWER * this.#latencyUs) tally[series + SERIES.mirrorSlower]!++
    this.#status = 0
  }
}
