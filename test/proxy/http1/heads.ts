/** Heads as text, and what a parser makes of them: shared by the tests of both parsers. */

import { expect } from 'vitest'
import type { RequestFault } from '../../../src/proxy/failure.ts'
import { RequestHead } from '../../../src/proxy/http1/request-head.ts'
import { ResponseHead } from '../../../src/proxy/http1/response-head.ts'
import type { Limits } from '../../../src/proxy/snapshot.ts'

export const LIMITS: Limits = {
  headBytes: 4_096,
  headerCount: 50,
  fieldBytes: 4_096,
  bodyBytes: 0,
  connections: 100,
  connectionsPerAddress: 100,
  streams: 100,
  bodyBytesPerSecond: 0,
  upstreamConnections: 100,
  responseHeadBytes: 4_096,
  bufferBytes: 65_536,
}

/** Lines to a whole head: line ends and the empty line are added. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** One character is one byte. */
export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** What a request means. `lines` are those that go on to the upstream. */
export interface RequestMeaning {
  readonly method: string
  readonly target: string
  readonly host: string
  readonly minorVersion: number
  readonly bodyKind: number
  readonly contentLength: number
  readonly isPersistent: boolean
  readonly isIdempotent: boolean
  readonly expectsContinue: boolean
  readonly isUpgrade: boolean
  readonly lines: readonly string[]
}

export function requestMeaning(parsed: RequestHead): RequestMeaning {
  const { method, target, host, minorVersion, bodyKind, contentLength } = parsed
  const { isPersistent, isIdempotent, expectsContinue, isUpgrade } = parsed
  return {
    method,
    target,
    host,
    minorVersion,
    bodyKind,
    contentLength,
    isPersistent,
    isIdempotent,
    expectsContinue,
    isUpgrade,
    lines: linesOf(parsed.keptLines(false)),
  }
}

/** Parses a whole head, alone, into a parser that has seen nothing else. */
export function parseRequest(text: string, limits: Partial<Limits> = {}): RequestHead {
  const parsed = new RequestHead({ ...LIMITS, ...limits })
  const bytes = latin1(text)
  const end = parsed.parse(bytes, 0, bytes.length)
  expect({ text, end, fault: end < 0 ? parsed.fault : null }).toEqual({
    text,
    end: bytes.length,
    fault: null,
  })
  return parsed
}

/** What becomes of the bytes: `accepted`, `more`, or the fault. */
export function requestVerdict(
  parsed: RequestHead,
  bytes: Buffer,
): 'accepted' | 'more' | RequestFault {
  const end = parsed.parse(bytes, 0, bytes.length)
  if (end > 0) return 'accepted'
  return end === 0 ? 'more' : parsed.fault
}

export interface ResponseMeaning {
  readonly status: number
  readonly statusText: string
  readonly bodyKind: number
  readonly contentLength: number
  readonly isPersistent: boolean
  readonly hasDate: boolean
  readonly lines: readonly string[]
}

export function responseMeaning(parsed: ResponseHead): ResponseMeaning {
  const { status, statusText, bodyKind, contentLength, isPersistent, hasDate } = parsed
  const lines = linesOf(parsed.lines)
  return { status, statusText, bodyKind, contentLength, isPersistent, hasDate, lines }
}

/** Parses a whole answer head to a request of that method, alone. */
export function parseResponse(text: string, method = 'GET'): ResponseHead {
  const parsed = new ResponseHead(LIMITS.responseHeadBytes)
  const bytes = latin1(text)
  const end = parsed.parse(bytes, 0, bytes.length, method)
  expect({ text, end }).toEqual({ text, end: bytes.length })
  return parsed
}

/** Takes a header section without its empty line apart; each line has to have its line end. */
export function linesOf(section: string): readonly string[] {
  if (section === '') return []
  expect(section).toMatch(/\r\n$/)
  return section.slice(0, -2).split('\r\n')
}

/** Returns the verdict on each part of the text that begins where it begins, from nothing to all but the last byte. */
export function cuts<T>(text: string, verdict: (bytes: Buffer) => T): readonly T[] {
  const bytes = latin1(text)
  return Array.from({ length: bytes.length }, (_, cut) => verdict(bytes.subarray(0, cut)))
}

/** Whether no cut was accepted, and none asked for more after a shorter one had been refused. */
export function isRefusedOnce(verdicts: readonly string[]): boolean {
  const first = verdicts.findIndex((verdict) => verdict !== 'more')
  const rest = first < 0 ? [] : verdicts.slice(first)
  return rest.every((verdict) => verdict !== 'more' && verdict !== 'accepted')
}
