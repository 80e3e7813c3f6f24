/** The head of a request as it goes to an upstream over HTTP/1.1. Hot: one string, written as latin1. */

import type { OutgoingRequest } from '../upstream/upstream.ts'
import { BY_LENGTH, CHUNKED } from './framing.ts'

/** Returns the whole head, its empty line included. */
export function requestText(request: OutgoingRequest): string {
  const { method, target, lines } = request
  return `${method} ${target} HTTP/1.1\r\n${lines}${connectionLines(request)}${framingLine(request)}\r\n`
}

function connectionLines({ isUpgrade, takesTrailers }: OutgoingRequest): string {
  if (isUpgrade) return 'connection: upgrade\r\nupgrade: websocket\r\n'
  return takesTrailers ? 'connection: te\r\nte: trailers\r\n' : ''
}

function framingLine({ bodyKind, contentLength }: OutgoingRequest): string {
  if (bodyKind === BY_LENGTH) return `content-length: ${contentLength}\r\n`
  return bodyKind === CHUNKED ? 'transfer-encoding: chunked\r\n' : ''
}
