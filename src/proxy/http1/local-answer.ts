/** What Sluice answers itself: plain text for people, Proxy-Status (RFC 9209) for machines. */

import { STATUS_CODES } from 'node:http'
import type { Failure } from '../failure.ts'
import { grpcFailureLines } from '../grpc.ts'

export interface AnswerOptions {
  readonly dateLine: string
  readonly extraLines: string
  readonly isPersistent: boolean
  /** The request was a HEAD: no body. */
  readonly isHead?: boolean
  /** The client reads `grpc-status` and nothing else. */
  readonly isGrpc?: boolean
}

/** Lines that say what failed and, of a method, what would not have. */
export function failureLines(failure: Failure): string {
  const { status, error, detail } = failure
  const proxyStatus =
    error === '' ? '' : `proxy-status: sluice; error=${error}; details="${detail}"\r\n`
  const isAboutMethods = status === 405 || status === 200
  return isAboutMethods ? `${proxyStatus}allow: ${METHODS}\r\n` : proxyStatus
}

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

/** Returns the whole answer as latin1. */
export function localAnswer(failure: Failure, options: AnswerOptions): string {
  const { dateLine, extraLines, isPersistent, isHead = false, isGrpc = false } = options
  const status = isGrpc ? 200 : failure.status
  const body = isGrpc ? '' : failureText(failure)
  const contentLines = isGrpc
    ? grpcFailureLines(failure)
    : 'content-type: text/plain; charset=utf-8\r\n'
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
    `${contentLines}content-length: ${body.length}\r\n` +
    failureLines(failure) +
    dateLine +
    extraLines +
    (isPersistent ? '' : 'connection: close\r\n') +
    `\r\n${isHead ? '' : body}`
  )
}

/** For the person who reads the body. */
export function failureText({ status, detail }: Failure): string {
  return `${status} ${detail}\n`
}
