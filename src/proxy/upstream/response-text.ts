/**
 * Writes the head of an HTTP/2 answer anew as HTTP/1.1, for the one strict parser that there is. Hot.
 *
 * What HTTP/1.1 cannot say is refused here (RFC 9113 section 8.2): bytes that would end a line or a name, fields that
 * belong to a connection, pseudo-header fields out of place. nghttp2 checks most of that too; it is checked again
 * because this text is where an answer would be split.
 */

const COLON = 0x3a

/** A token without upper case. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE_FAULT = /[\0\r\n]/
const STATUS = /^[1-5][0-9]{2}$/

/** RFC 9113 section 8.2.2. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** Over HTTP/2 they mean nothing (RFC 8441 section 5.1); in HTTP/1.1 there is one, which is among `switchLines`. */
const ACCEPT_LINES = /^sec-websocket-accept: .*\r\n/gm

/** What of the request and of the answer decides how its content is framed. */
export interface AnswerFraming {
  readonly method: string
  /** No content follows, nor trailers. */
  readonly isWhole: boolean
  /** Field lines with which the answer to an extended CONNECT becomes one that switches protocols; null for any other. */
  readonly switchLines: string | null
}

/** Returns the head, its empty line included, or null where it is refused. `raw`: names and values in turn. */
export function responseText(raw: readonly string[], framing: AnswerFraming): string | null {
  const status = statusOf(raw)
  const lines = linesOf(raw, 2)
  if (status < 0 || lines === null) return null
  if (framing.switchLines !== null && status >= 200 && status < 300) {
    return `HTTP/1.1 101 Switching Protocols\r\n${lines.replaceAll(ACCEPT_LINES, '')}${framing.switchLines}\r\n`
  }
  return `HTTP/1.1 ${status} \r\n${lines}${framingLine(status, lines, framing)}\r\n`
}

/** Returns the lines of trailers, or null where they are refused. */
export function trailerLines(raw: readonly string[]): string | null {
  return linesOf(raw, 0)
}

/** Returns -1 where it does not stand first, as it should, or is none. */
export function statusOf(raw: readonly string[]): number {
  return raw[0] === ':status' && STATUS.test(raw[1]!) ? Number(raw[1]) : -1
}

function linesOf(raw: readonly string[], start: number): string | null {
  let lines = ''
  for (let i = start; i + 1 < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    if (name.charCodeAt(0) === COLON || !NAME.test(name) || VALUE_FAULT.test(value)) return null
    if (CONNECTION_SPECIFIC.has(name)) return null
    lines += `${name}: ${value}\r\n`
  }
  return lines
}

/** A length that was not said is none, where the answer is whole already, and unknown otherwise. */
function framingLine(status: number, lines: string, { method, isWhole }: AnswerFraming): string {
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return ''
  if (lines.startsWith('content-length:') || lines.includes('\ncontent-length:')) return ''
  return isWhole ? 'content-length: 0\r\n' : 'transfer-encoding: chunked\r\n'
}
