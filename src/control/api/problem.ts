/**
 * Everything that goes wrong in the admin API becomes a problem document (RFC 9457) here and
 * nowhere else: coded errors, faults of input, what fastify and Node's parser refuse, and bugs. A
 * bug shows its request id and no more; the log has the rest.
 */

import { STATUS_CODES } from 'node:http'
import { CodedError, type ErrorCode, ERRORS } from '../coded-error.ts'

/**
 * Types are these plus the code in kebab case, such as
 * `https://sluice.dev/problems/invalid-transition`.
 */
const TYPE_BASE = 'https://sluice.dev/problems/'

export const PROBLEM_TYPE = 'application/problem+json'

/** Seconds after which a client may try again what was answered 503. */
const RETRY_AFTER_S = 2

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: ErrorCode
  readonly [member: string]: unknown
}

/** Returns the code's problem document; `instance` is the path of the request. */
export function problemOf(error: CodedError, instance: string): Problem {
  const { code, message: detail } = error
  const type = TYPE_BASE + code.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const standard = { type, ...ERRORS[code], detail, instance, code }
  // Twice: once to stand first, once so that no member of the error takes their place.
  return { ...standard, ...error.members, ...standard }
}

/** The header fields that go with a problem. */
export function problemHeaders(problem: Problem): Readonly<Record<string, string>> {
  return {
    'content-type': PROBLEM_TYPE,
    ...(problem.status === 401 && { 'www-authenticate': 'Bearer realm="sluice"' }),
    ...(problem.status === 503 && { 'retry-after': String(RETRY_AFTER_S) }),
  }
}

/** What fastify refuses before a route is reached, by its code. */
const FRAMEWORK_CODES: Readonly<Record<string, readonly [code: ErrorCode, sentence: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['bodyTooLarge', 'The body is longer than the 1 MiB that is read'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupportedMediaType',
    'The body must be sent as content-type application/json',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'malformedRequest',
    'The body is not as long as content-length says',
  ],
  FST_ERR_BAD_URL: ['malformedRequest', 'The path is not percent-encoded UTF-8'],
  FST_ERR_MAX_PARAM_LENGTH: ['notFound', 'No name is that long'],
}

/** Returns the coded error that an error stands for; what nobody expected becomes `internal`. */
export function codedErrorOf(error: unknown, requestId: string): CodedError {
  if (error instanceof CodedError) return error
  if (error instanceof Error) {
    const known = 'code' in error ? FRAMEWORK_CODES[String(error.code)] : undefined
    if (known !== undefined) return new CodedError(...known)
    if ('statusCode' in error && error.statusCode === 400) {
      return new CodedError('malformedRequest', 'The body broke off before its end')
    }
  }
  const sentence = `The request struck a bug; the log has it under request ${requestId}`
  return new CodedError('internal', sentence, { requestId })
}

/**
 * What Node's parser refuses, before there is a request, as a whole HTTP/1.1 answer that ends the
 * connection.
 */
export function rawProblem(parserCode: string | undefined): string {
  const error =
    parserCode === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new CodedError('requestTooSlow', 'The request did not arrive in time')
      : parserCode === 'HPE_HEADER_OVERFLOW'
        ? new CodedError('headersTooLarge', 'The header fields are longer than 16 KiB')
        : new CodedError('malformedRequest', 'The bytes are no HTTP/1.1 request')
  const problem = problemOf(error, '')
  const body = JSON.stringify(problem)
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}
