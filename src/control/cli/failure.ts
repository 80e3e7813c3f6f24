/**
 * What went wrong between a command and the server, in words: problem documents (RFC 9457) and broken connections.
 */

import { CommandError, EXIT, exitCodeOfStatus } from './exit.ts'

/** Turns a problem document into one sentence, with a line for each place at fault. */
export function problemOf(status: number, body: unknown): CommandError {
  const problem = isRecord(body) ? body : {}
  const title = text(problem['title'])
  const detail = text(problem['detail'])
  const code = text(problem['code'])
  const sentence =
    detail ?? title ?? `the server answered ${status}, not as Sluice's admin API does`
  const places = Array.isArray(problem['errors']) ? problem['errors'].filter(isRecord) : []
  return new CommandError(
    exitCodeOfStatus(status),
    `${sentence}${code === undefined ? '' : ` (${status} ${code})`}`,
    [
      ...places.map((place) => placeLine(place, sentence)).filter((line) => line !== ''),
      ...hintsOf(status),
    ],
    code,
  )
}

/** What the sentence has said already is not said again. */
function placeLine(place: Record<string, unknown>, sentence: string): string {
  const pointer = text(place['pointer']) ?? '/'
  const detail = text(place['detail']) ?? ''
  if (!sentence.includes(detail)) return `${pointer}: ${detail}`
  return sentence.includes(pointer) ? '' : `at ${pointer}`
}

function hintsOf(status: number): readonly string[] {
  if (status === 401) return ['set SLUICE_TOKEN or give --token-file']
  if (status === 412) return ['look again with sluice status, then decide']
  return []
}

const REFUSALS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ENOTFOUND: 'that host has no address',
  EAI_AGAIN: 'the name service does not answer',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_SOCKET: 'the connection was closed',
}

const SILENCES: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/** True where the server may not have had the request, or may have answered into a broken connection. */
export function isConnectionFailure(error: unknown): boolean {
  return codeOf(error) in REFUSALS
}

/** The error as a command reports it; what is no failure of the connection is returned as it came. */
export function unreachable(error: unknown, server: string): unknown {
  const code = codeOf(error)
  const why = SILENCES.has(code) ? 'it does not answer in time' : REFUSALS[code]
  if (why === undefined) return error
  return new CommandError(EXIT.unreachable, `cannot reach the server at ${server}: ${why}`, [
    'is sluice running? another address can be given with --server or SLUICE_SERVER',
  ])
}

function codeOf(error: unknown): string {
  return isRecord(error) ? (text(error['code']) ?? '') : ''
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
