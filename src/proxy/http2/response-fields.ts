/**
 * Field lines as node:http2 takes them: names, in lower case, and values in turn. Hot.
 *
 * The lines come from a strict parser or are our own, so there is nothing left to check but what HTTP/2 does
 * not know (RFC 9113 section 8.2.2).
 */

import type { OutgoingHttpHeaders } from 'node:http2'
import { isBlank } from '../headers.ts'

/** And the field by which an HTTP/1.1 server agrees to WebSocket, where HTTP/2 has a status. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'http2-settings',
  'sec-websocket-accept',
])

/** Adds the fields of `lines`, each of which has its line end. */
export function pushFields(fields: string[], lines: string): void {
  let at = 0
  while (at < lines.length) {
    const colon = lines.indexOf(':', at)
    const lineEnd = lines.indexOf('\r\n', colon)
    const name = lines.slice(at, colon).toLowerCase()
    if (!LEFT_OUT.has(name)) fields.push(name, valueIn(lines, colon + 1, lineEnd))
    at = lineEnd + 2
  }
}

function valueIn(lines: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isBlank(lines.charCodeAt(from))) from++
  while (to > from && isBlank(lines.charCodeAt(to - 1))) to--
  return lines.slice(from, to)
}

/** Returns the fields of `lines` as an object; several of one name as a list. */
export function fieldsObject(lines: string): OutgoingHttpHeaders {
  const fields: string[] = []
  pushFields(fields, lines)
  const byName: Record<string, string[]> = Object.create(null)
  for (let i = 0; i < fields.length; i += 2) (byName[fields[i]!] ??= []).push(fields[i + 1]!)
  return byName
}
