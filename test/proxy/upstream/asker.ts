/** A request without a client: asks an endpoint as an exchange does, and writes down all that it hears. */

import { eventually } from '../exchange/eventually.ts'
import type { ThreadContext } from '../../../src/proxy/context.ts'
import type { UpstreamFailure } from '../../../src/proxy/failure.ts'
import { BY_LENGTH, CHUNKED, NO_BODY } from '../../../src/proxy/http1/framing.ts'
import type { ResponseHead } from '../../../src/proxy/http1/response-head.ts'
import type { Endpoint } from '../../../src/proxy/upstream/endpoint.ts'
import type { Upstream, UpstreamUser } from '../../../src/proxy/upstream/upstream.ts'

export interface Question {
  readonly method?: string
  readonly target?: string
  /** Beside `host`. */
  readonly lines?: string
  /** Sent whole; null begins a body of unknown length and leaves it to the test. */
  readonly body?: string | null
  /** Said beforehand; otherwise a body is of unknown length. */
  readonly contentLength?: number
  readonly isUpgrade?: boolean
  readonly takesTrailers?: boolean
  /** Default: true. */
  readonly mayReuse?: boolean
}

/** What a head said. */
interface Told {
  readonly status: number
  readonly lines: string
  readonly bodyKind: number
  readonly contentLength: number
}

export class Asker implements UpstreamUser {
  readonly method: string
  readonly target: string
  readonly lines: string
  readonly bodyKind: number
  readonly contentLength: number
  readonly isUpgrade: boolean
  readonly takesTrailers: boolean
  isRequestDone: boolean

  upstream: Upstream | null = null
  readonly informational: Told[] = []
  switched: Told | null = null
  head: Told | null = null
  readonly pieces: Buffer[] = []
  /** Null until the answer has ended. */
  trailers: string | null = null
  failure: { readonly reason: UpstreamFailure; readonly retry: number } | null = null
  /** Something has come since it heard that that was all: a client would not have it yet. */
  isUnflushed = false
  drainCount = 0
  /** Called with each piece of the answer. */
  onPiece: (() => void) | null = null
  readonly #body: string | null

  constructor(question: Question) {
    this.method = question.method ?? 'GET'
    this.target = question.target ?? '/'
    this.lines = `host: a.example\r\n${question.lines ?? ''}`
    this.#body = question.body ?? null
    this.contentLength = question.contentLength ?? -1
    this.bodyKind = kindOf(question)
    this.isUpgrade = question.isUpgrade ?? false
    this.takesTrailers = question.takesTrailers ?? false
    this.isRequestDone = question.body === undefined
  }

  /** Everything that came, as latin1. */
  get body(): string {
    return Buffer.concat(this.pieces).toString('latin1')
  }

  /** Resolves when the answer has ended, and all of it would be with the client, or has failed. */
  async settled(): Promise<this> {
    await eventually(() => this.#isSettled).toBe(true)
    return this
  }

  get #isSettled(): boolean {
    return this.failure !== null || (this.trailers !== null && !this.isUnflushed)
  }

  send(): void {
    const upstream = this.upstream!
    upstream.sendHead(this)
    upstream.flush()
    if (this.isRequestDone || this.#body === null) return
    this.sendData(this.#body)
    this.end()
  }

  sendData(data: string | Buffer): void {
    const bytes = Buffer.from(data)
    this.upstream!.sendData(bytes, 0, bytes.length)
    this.upstream!.flush()
  }

  end(trailers = ''): void {
    this.isRequestDone = true
    this.upstream!.sendEnd(trailers)
    this.upstream!.flush()
  }

  onConnected(): void {
    this.send()
  }

  onInformational(head: ResponseHead): void {
    this.informational.push(told(head))
    this.isUnflushed = true
  }

  onSwitch(head: ResponseHead): void {
    this.isRequestDone = false
    this.switched = told(head)
    this.isUnflushed = true
  }

  onResponseHead(head: ResponseHead): void {
    this.head = told(head)
    this.isUnflushed = true
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    this.pieces.push(Buffer.from(bytes.subarray(start, end)))
    this.isUnflushed = true
    this.onPiece?.()
    return false
  }

  onResponseEnd(trailers: string): void {
    if (this.trailers !== null) throw new Error('the answer ended twice')
    this.trailers = trailers
    this.isUnflushed = true
  }

  onReadEnd(): void {
    this.isUnflushed = false
  }

  onUpstreamDrain(): void {
    this.drainCount++
  }

  onUpstreamFailure(reason: UpstreamFailure, retry: number): void {
    if (this.failure !== null) throw new Error('it failed twice')
    this.failure = { reason, retry }
  }
}

function kindOf({ body, contentLength }: Question): number {
  if (contentLength !== undefined) return BY_LENGTH
  return body === undefined ? NO_BODY : CHUNKED
}

function told({ status, lines, bodyKind, contentLength }: ResponseHead): Told {
  return { status, lines, bodyKind, contentLength }
}

/** Asks; the answer's `upstream` is null where the endpoint has no place for it. */
export function ask(context: ThreadContext, endpoint: Endpoint, question: Question = {}): Asker {
  const asker = new Asker(question)
  asker.upstream = endpoint.open(context, asker, question.mayReuse ?? true)
  if (asker.upstream?.isConnected === true) asker.send()
  return asker
}
