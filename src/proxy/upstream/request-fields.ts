/**
 * The head of a request as node:http2 takes it: names, in lower case, and values in turn. Hot.
 *
 * A request to upgrade becomes an extended CONNECT (RFC 8441 section 4), which needs no key: the answer's proof that it
 * was read is made here, for the client that speaks HTTP/1.1.
 */

import { createHash } from 'node:crypto'
import { BY_LENGTH } from '../http1/framing.ts'
import { pushFields } from '../http2/response-fields.ts'
import type { OutgoingRequest } from './upstream.ts'

/** Names and values of pseudo-header fields in front. */
const PSEUDO_COUNT = 8

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export function requestFields(request: OutgoingRequest, scheme: string): readonly string[] {
  const method = request.isUpgrade ? 'CONNECT' : request.method
  const fields = [':method', method, ':scheme', scheme, ':path', request.target, ':authority', '']
  pushFields(fields, request.lines)
  fields[PSEUDO_COUNT - 1] = take(fields, 'host') ?? ''
  if (fields[PSEUDO_COUNT - 1] === '') fields.splice(PSEUDO_COUNT - 2, 2)
  if (request.isUpgrade) {
    take(fields, 'sec-websocket-key')
    fields.unshift(':protocol', 'websocket')
  }
  if (request.bodyKind === BY_LENGTH) fields.push('content-length', String(request.contentLength))
  if (request.takesTrailers) fields.push('te', 'trailers')
  return fields
}

/** Removes the field of that name, and returns its value. */
function take(fields: string[], name: string): string | null {
  const at = placeOf(fields, name)
  return at < 0 ? null : fields.splice(at, 2)[1]!
}

/** Returns where a name stands among names and values, or -1. */
function placeOf(fields: readonly string[], name: string): number {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return i
  return -1
}

/** Returns what a server says in HTTP/1.1 that agrees to WebSocket: the line with the proof that it read the request. */
export function acceptLine(requestLines: string): string {
  const fields: string[] = []
  pushFields(fields, requestLines)
  const at = placeOf(fields, 'sec-websocket-key')
  const key = at < 0 ? '' : fields[at + 1]!
  const proof = createHash('sha1')
    .update(key + WEBSOCKET_GUID, 'latin1')
    .digest('base64')
  return `sec-websocket-accept: ${proof}\r\n`
}
