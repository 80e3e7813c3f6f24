/** Any legal message means what it should, and means the same once it has been passed on. */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { forwardingLines } from '../../../src/proxy/forwarding.ts'
import { BY_LENGTH, CHUNKED, UNTIL_CLOSE } from '../../../src/proxy/http1/framing.ts'
import type { RequestHead } from '../../../src/proxy/http1/request-head.ts'
import type { ResponseHead } from '../../../src/proxy/http1/response-head.ts'
import {
  latin1,
  linesOf,
  parseRequest,
  parseResponse,
  requestMeaning,
  requestVerdict,
  responseMeaning,
} from './heads.ts'
import { peerAt } from '../peers.ts'
import { requests } from './random-requests.ts'
import { responses } from './random-responses.ts'

const RUNS = { numRuns: 2_000 }

/** As an exchange writes it. */
function passedOn(parsed: RequestHead, isTrusted: boolean): string {
  const framing =
    parsed.bodyKind === BY_LENGTH
      ? `content-length: ${parsed.contentLength}\r\n\r\n`
      : `${parsed.bodyKind === CHUNKED ? 'transfer-encoding: chunked\r\n' : ''}\r\n`
  return (
    `${parsed.method} ${parsed.target} HTTP/1.1\r\n${parsed.keptLines(isTrusted)}` +
    forwardingLines(peerAt('192.0.2.1', { isTrusted }), parsed) +
    `x-sluice-variant: canary\r\nx-sluice-rollout: r1\r\n${framing}`
  )
}

test('a request', () => {
  fc.assert(
    fc.property(requests, fc.boolean(), fc.nat(), ({ text, means }, isTrusted, place) => {
      const parsed = parseRequest(text)
      expect(requestMeaning(parsed)).toEqual(means)

      const again = parseRequest(passedOn(parsed, isTrusted))
      expect(requestMeaning(again)).toEqual({
        ...means,
        contentLength: means.bodyKind === BY_LENGTH ? means.contentLength : 0,
        minorVersion: 1,
        isPersistent: true,
        lines: [...means.lines],
      })

      const part = latin1(text).subarray(0, place % text.length)
      expect(requestVerdict(again, part)).toBe('more')
    }),
    RUNS,
  )
})

test('a request that is passed on has one line of each kind that may not be there twice', () => {
  fc.assert(
    fc.property(requests, fc.boolean(), ({ text }, isTrusted) => {
      const names = linesOf(passedOn(parseRequest(text), isTrusted).slice(0, -2))
        .slice(1)
        .map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
      const count = (name: string): number => names.filter((one) => one === name).length
      expect(count('host')).toBe(1)
      expect(count('cookie')).toBeLessThanOrEqual(1)
      expect(count('content-length') + count('transfer-encoding')).toBeLessThanOrEqual(1)
      expect(['x-forwarded-for', 'x-forwarded-proto'].map(count)).toEqual([1, 1])
      expect(['connection', 'upgrade', 'te', 'keep-alive'].map(count)).toEqual([0, 0, 0, 0])
    }),
    RUNS,
  )
})

/** As a downstream connection of HTTP/1.1 writes it. */
function answered(parsed: ResponseHead): string {
  const { bodyKind, contentLength } = parsed
  const length = contentLength < 0 ? '' : `content-length: ${contentLength}\r\n`
  const isChunked = bodyKind === CHUNKED || bodyKind === UNTIL_CLOSE
  const framing = isChunked ? 'transfer-encoding: chunked\r\n' : length
  return `HTTP/1.1 ${parsed.statusText}\r\n${parsed.lines}${framing}\r\n`
}

test('an answer', () => {
  fc.assert(
    fc.property(responses, ({ method, text, means }) => {
      const parsed = parseResponse(text, method)
      expect(responseMeaning(parsed)).toEqual(means)
      expect(responseMeaning(parseResponse(answered(parsed), method))).toEqual({
        ...means,
        bodyKind: means.bodyKind === UNTIL_CLOSE ? CHUNKED : means.bodyKind,
        isPersistent: true,
        lines: [...means.lines],
      })
    }),
    RUNS,
  )
})
