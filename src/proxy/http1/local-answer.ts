/** What Sluice answers itself: plain text for people, Proxy-Status (RFC 9209) for machines. */

import { STATUS_CODES } from 'node:http'
import type { Failure } from '../failure.ts'

export interface AnswerOptions {
  readonly dateLine: string
  readonly extraLines: string
  readonly isPersistent: boolean
  /** The request was a HEAD: no body. */
  readonly isHead?: boolean
}

/** Returns the whole answer as latin1. */
export function localAnswer(failure: Failure, options: AnswerOptions): string {
  const body = `${failure.status} ${failure.detail}\n`
  const allow =
    failure.status === 405 ? 'allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n' : ''
  return (
    `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status]}\r\n` +
    `content-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\n` +
    `proxy-status: sluice; error=${failure.error}; details="${failure.detail}"\r\n` +
    allow +
    options.dateLine +
    options.extraLines +
    (options.isPersistent ? '' : 'connection: close\r\n') +
    `\r\n${options.isHead === true ? '' : body}`
  )
}
