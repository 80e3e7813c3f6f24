/**
 * What a proxy has to know of gRPC (its PROTOCOL-HTTP2 and http-grpc-status-mapping documents): which requests
 * are gRPC, how long they may take, how they ended, and how to tell a client of gRPC that Sluice failed.
 */

import type { Failure } from './failure.ts'

/** Codes that Sluice gives or looks for. */
const UNKNOWN = 2
const DEADLINE_EXCEEDED = 4
const PERMISSION_DENIED = 7
const RESOURCE_EXHAUSTED = 8
const UNIMPLEMENTED = 12
const INTERNAL = 13
const UNAVAILABLE = 14
const UNAUTHENTICATED = 16

/** Codes are 0 to 16. */
export const GRPC_CODE_COUNT = 17

const MEDIA_TYPE = 'application/grpc'
/** In milliseconds; the letters of the specification. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}

/** Whether a Content-Type is that of gRPC: `application/grpc`, also with `+proto` or parameters, but not gRPC-Web. */
export function isGrpcType(contentType: string): boolean {
  if (!contentType.toLowerCase().startsWith(MEDIA_TYPE)) return false
  const next = contentType[MEDIA_TYPE.length]
  return next === undefined || next === '+' || next === ';' || next === ' '
}

/** Returns the milliseconds of a `grpc-timeout` (at most 8 digits and a unit), or `Infinity` where it is not one. */
export function grpcTimeoutMs(value: string | null): number {
  const match = value === null ? null : /^(\d{1,8})([HMSmun])$/.exec(value)
  return match === null ? Infinity : Number(match[1]) * UNIT_MS[match[2]!]!
}

/** Returns the `grpc-status` among field lines, `UNKNOWN` for a value that is no code, or -1 without one. */
export function grpcStatusIn(lines: string): number {
  const match = /^grpc-status:[ \t]*(.*?)[ \t]*\r$/im.exec(lines)
  if (match === null) return -1
  const code = /^\d{1,2}$/.test(match[1]!) ? Number(match[1]) : UNKNOWN
  return code < GRPC_CODE_COUNT ? code : UNKNOWN
}

/** Returns how a gRPC request has ended: a client takes an answer without a code by its status. */
export function grpcStatusOf(status: number, code: number): number {
  return code >= 0 ? code : grpcCodeFor(status)
}

/** Returns the code that stands for an HTTP status. */
export function grpcCodeFor(status: number): number {
  switch (status) {
    case 400:
      return INTERNAL
    case 401:
      return UNAUTHENTICATED
    case 403:
      return PERMISSION_DENIED
    case 404:
      return UNIMPLEMENTED
    case 413:
    case 431:
      return RESOURCE_EXHAUSTED
    case 429:
    case 502:
    case 503:
    case 504:
      return UNAVAILABLE
    default:
      return UNKNOWN
  }
}

/** Returns the lines that tell a client of gRPC of a failure, in an answer that is nothing but a head. */
export function grpcFailureLines(failure: Failure): string {
  const code = failure.isDeadline === true ? DEADLINE_EXCEEDED : grpcCodeFor(failure.status)
  return `content-type: application/grpc\r\ngrpc-status: ${code}\r\ngrpc-message: ${failure.detail}\r\n`
}
