/** What the cases over HTTP/2 are made of: requests and answers as frames, and the case around them. */

import type { Assertions } from '../assertions.ts'
import type { HostileCase } from '../cases.ts'
import {
  ACK,
  DATA,
  END_STREAM,
  frame,
  headers,
  PREFACE,
  RST_STREAM,
  SETTINGS,
  word,
} from '../frames.ts'

export type Fields = readonly (readonly [string, string])[]
type Extra = Partial<HostileCase>

export const REFUSED = 'rst:PROTOCOL_ERROR|goaway:PROTOCOL_ERROR|400'
export const HELLO =
  PREFACE + frame(SETTINGS, { stream: 0 }) + frame(SETTINGS, { stream: 0, flags: ACK })
export const NOTHING: Assertions = { upstreamRequests: 0 }

/** The pseudo-header fields of a request, changed; null leaves one out. */
export function pseudo(changes: Readonly<Record<string, string | null>> = {}): Fields {
  const all = {
    ':method': 'GET',
    ':scheme': 'http',
    ':path': '/',
    ':authority': 'a.example',
    ...changes,
  }
  return Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [[name, value]]))
}

export const POST = pseudo({ ':method': 'POST' })

export function get(
  fields: Fields = [],
  changes: Readonly<Record<string, string | null>> = {},
): string {
  return HELLO + headers(1, [...pseudo(changes), ...fields], END_STREAM)
}

export function post(fields: Fields, ...rest: readonly string[]): string {
  return HELLO + headers(1, [...POST, ...fields]) + rest.join('')
}

export function data(payload: string, flags = END_STREAM, stream = 1): string {
  return frame(DATA, { stream, flags }, payload)
}

export function reset(stream: number, code: number): string {
  return frame(RST_STREAM, { stream }, word(code))
}

export function twice(field: readonly [string, string]): Fields {
  return [field, field]
}

export function client(name: string, raw: string, expect: string, extra: Extra = {}): HostileCase {
  const tier = expect.startsWith('forward') && expect === 'forward' ? 'control' : 'must'
  return { name: `own-h2-${name}`, side: 'client-h2', category: 'h2', raw, expect, tier, ...extra }
}

/** A request that is malformed (RFC 9113 section 8.1.1): no upstream hears of it. */
export function malformed(name: string, raw: string, extra: Extra = {}): HostileCase {
  return client(name, raw, REFUSED, { assert: NOTHING, ...extra })
}
