/**
 * One line of the access log: a JSON object with always the same keys in the same order, null where there is
 * nothing to say. ASCII, at most 20 KiB whatever the client sent.
 *
 * The path is written without its query: queries carry tokens and names, and a log outlives them both. Lines put
 * together by hand were rejected: more code than `JSON.stringify`, and not faster (bench/micro/access.bench.ts).
 */

import { asciiJson, bounded } from '../escape.ts'
import { flagsOf, type Reasons, type Tried } from './flags.ts'

/** What is known when a request begins. Texts are latin1, a character a byte. */
export interface AccessRequest {
  /** Milliseconds since 1970. */
  readonly beganMs: number
  /** Null where the head could not be read, and so `host`, `target` and `protocol`. */
  readonly method: string | null
  readonly host: string | null
  /** With its query. */
  readonly target: string | null
  readonly protocol: string | null
  /** The client's address. */
  readonly client: string
  readonly isTls: boolean
  readonly userAgent: string | null
  readonly traceparent: string | null
  readonly requestId: string | null
}

/** What is known when it has ended. */
export interface AccessEnd extends Reasons, Tried {
  /** What the client saw; 0 when it saw none. */
  readonly status: number
  /** -1 without one. */
  readonly grpcStatus: number
  /** Whether it counts as an error by the route's rule. */
  readonly isError: boolean
  readonly route: string | null
  readonly variant: string | null
  /** Id of the endpoint that it was last sent to. */
  readonly endpoint: string | null
  /** Bytes of the bodies, without framing. */
  readonly requestBytes: number
  readonly responseBytes: number
}

/** Microseconds since the request began; `untilHeadUs` is -1 where no head came from the upstream. */
export interface AccessTimes {
  readonly durationUs: number
  readonly untilHeadUs: number
}

/** Characters of a text in a line, before they are escaped. */
const METHOD_LIMIT = 32
const PATH_LIMIT = 1024
const TEXT_LIMIT = 256

/** Returns the line with its line end. Hot. */
export function accessLine(request: AccessRequest, end: AccessEnd, times: AccessTimes): string {
  const entry = {
    time: isoTime(request.beganMs),
    method: textOf(request.method, METHOD_LIMIT),
    host: textOf(request.host, TEXT_LIMIT),
    path: textOf(pathOf(request.target), PATH_LIMIT),
    protocol: request.protocol,
    status: end.status,
    grpcStatus: end.grpcStatus < 0 ? null : end.grpcStatus,
    flags: flagsOf(end),
    route: textOf(end.route, TEXT_LIMIT),
    variant: textOf(end.variant, TEXT_LIMIT),
    upstream: textOf(end.endpoint, TEXT_LIMIT),
    retries: end.retryCount,
    requestBytes: end.requestBytes,
    responseBytes: end.responseBytes,
    durationMs: inMs(times.durationUs),
    upstreamMs: times.untilHeadUs < 0 ? null : inMs(times.untilHeadUs),
    client: textOf(request.client, TEXT_LIMIT),
    tls: request.isTls,
    userAgent: textOf(request.userAgent, TEXT_LIMIT),
    traceId: traceIdIn(request.traceparent),
    requestId: textOf(request.requestId, TEXT_LIMIT),
  }
  return `${asciiJson(entry)}\n`
}

function textOf(text: string | null, limit: number): string | null {
  return text === null ? null : bounded(text, limit)
}

function pathOf(target: string | null): string | null {
  if (target === null) return null
  const queryStart = target.indexOf('?')
  return queryStart < 0 ? target : target.slice(0, queryStart)
}

function inMs(us: number): number {
  return Math.round(us) / 1000
}

const TRACEPARENT =
  /^(?!ff|00.{54})[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(?:$|-)/

/** Returns the trace id of a `traceparent` field (W3C Trace Context section 3.2.2), null where it is not valid. */
function traceIdIn(traceparent: string | null): string | null {
  if (traceparent === null) return null
  return TRACEPARENT.exec(traceparent)?.[1] ?? null
}

const SECOND_MS = 1_000
let secondMs = -1
/** Of `secondMs`, with the point that its milliseconds follow. */
let secondText = ''

/** Dates are made once a second: one takes as long as the rest of the line. */
function isoTime(wallMs: number): string {
  const ms = Math.floor(wallMs) % SECOND_MS
  const startMs = Math.floor(wallMs) - ms
  if (startMs !== secondMs) {
    secondMs = startMs
    secondText = new Date(startMs).toISOString().slice(0, -4)
  }
  return `${secondText}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
}
