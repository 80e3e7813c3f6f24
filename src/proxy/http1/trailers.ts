/**
 * Which trailer fields are passed on (RFC 9110 section 6.5.1).
 *
 * Some recipients merge trailers into the header section, so a field that frames, routes, authenticates or
 * controls must not come in through the back door: those are left out, all others go on as trailers.
 */

import { FORWARD, fieldKind } from '../headers.ts'

/** Beside all those that mean something to Sluice itself, and all that begin with `x-forwarded-` or `if-`. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'expires',
  'location',
  'pragma',
  'proxy-authentication-info',
  'range',
  'retry-after',
  'set-cookie',
  'vary',
  'warning',
  'www-authenticate',
])

const FRAMING = /^(?:content-length|transfer-encoding|connection):/im

/**
 * Whether one of the lines says where a message or a connection ends. That is never meant as a trailer, and a reader
 * that took it for a header would see another message: such a body is malformed.
 */
export function isFramedBy(lines: string): boolean {
  return lines !== '' && FRAMING.test(lines)
}

/** Returns those of the lines that may be passed on; each has its line end and a name that is a token. */
export function passedTrailers(lines: string): string {
  if (lines === '') return ''
  let kept = ''
  for (const line of lines.split('\r\n')) {
    if (line !== '' && isPassed(line.slice(0, line.indexOf(':')))) kept += `${line}\r\n`
  }
  return kept
}

function isPassed(name: string): boolean {
  const lower = name.toLowerCase().replaceAll('_', '-')
  if (LEFT_OUT.has(lower) || lower.startsWith('x-forwarded-') || lower.startsWith('if-')) {
    return false
  }
  return fieldKind(Buffer.from(name, 'latin1'), 0, name.length) === FORWARD
}
