/** What is refused for its size, at exactly the limit and one beyond, however it arrives. */

import { describe, expect, test } from 'vitest'
import { RequestHead } from '../../../src/proxy/http1/request-head.ts'
import type { Limits } from '../../../src/proxy/snapshot.ts'
import { cuts, head, latin1, LIMITS, requestVerdict } from './heads.ts'

function verdictOn(text: string, limits: Partial<Limits>): string {
  return requestVerdict(new RequestHead({ ...LIMITS, ...limits }), latin1(text))
}

/** All verdicts on the text cut anywhere, and on the whole of it. */
function verdictsOn(text: string, limits: Partial<Limits>): ReadonlySet<string> {
  const parsed = new RequestHead({ ...LIMITS, ...limits })
  const parts = cuts(text, (cut) => requestVerdict(parsed, cut))
  return new Set([...parts, requestVerdict(parsed, latin1(text))])
}

function withTarget(targetBytes: number): string {
  return head(`GET /${'a'.repeat(targetBytes - 1)} HTTP/1.1`, 'Host: a')
}

function withFields(count: number): string {
  return head('GET / HTTP/1.1', 'Host: a', ...Array.from({ length: count - 1 }, () => 'a:'))
}

describe('a head', () => {
  const HEAD = head('GET / HTTP/1.1', 'Host: a', 'X: abcdefghij')

  test('may be as large as the limit', () => {
    expect(verdictsOn(HEAD, { headBytes: HEAD.length })).toEqual(new Set(['more', 'accepted']))
  })

  test('may not be one byte larger', () => {
    const headBytes = HEAD.length - 1
    expect(verdictsOn(HEAD, { headBytes })).toEqual(new Set(['more', 'headTooLarge']))
  })

  test('is as large with a body behind it', () => {
    const text = `${HEAD}${'x'.repeat(1_000)}`
    expect(verdictOn(text, { headBytes: HEAD.length })).toBe('accepted')
    expect(verdictOn(text, { headBytes: HEAD.length - 1 })).toBe('headTooLarge')
  })

  test('is refused as soon as it cannot end in time', () => {
    const text = `GET / HTTP/1.1\r\nX: ${'x'.repeat(1_000)}`
    expect(verdictOn(text.slice(0, 99), { headBytes: 100 })).toBe('more')
    expect(verdictOn(text.slice(0, 100), { headBytes: 100 })).toBe('headTooLarge')
  })

  test('counts the empty lines in front of it', () => {
    const text = `\r\n\r\n${HEAD}`
    expect(verdictsOn(text, { headBytes: text.length })).toEqual(new Set(['more', 'accepted']))
    expect(verdictOn(text, { headBytes: text.length - 1 })).toBe('headTooLarge')
  })

  test('has no field above its limit, name and value together', () => {
    const text = head('GET / HTTP/1.1', 'Host: a', 'X-Long: abcdefghij')
    expect(verdictOn(text, { fieldBytes: 18 })).toBe('accepted')
    expect(verdictOn(text, { fieldBytes: 17 })).toBe('headTooLarge')
  })

  test('of empty lines alone is too large some time', () => {
    expect(verdictOn('\r\n'.repeat(49), { headBytes: 100 })).toBe('more')
    expect(verdictOn('\r\n'.repeat(50), { headBytes: 100 })).toBe('headTooLarge')
  })
})

describe('a target', () => {
  test('that alone is larger than a head may be is told so', () => {
    expect(verdictOn(withTarget(101), { headBytes: 100 })).toBe('targetTooLong')
    expect(verdictOn(withTarget(70_000), { headBytes: 16_384 })).toBe('targetTooLong')
  })

  test('that leaves no room for the rest makes the head too large', () => {
    expect(verdictOn(withTarget(100), { headBytes: 100 })).toBe('headTooLarge')
    expect(verdictOn(withTarget(60), { headBytes: 100 })).toBe('accepted')
  })

  test('is refused as soon as so many bytes have come', () => {
    const text = withTarget(1_000)
    expect(verdictOn(text.slice(0, 99), { headBytes: 100 })).toBe('more')
    expect(verdictOn(text.slice(0, 100), { headBytes: 100 })).toBe('targetTooLong')
  })
})

describe('fields', () => {
  test('may be as many as the limit', () => {
    expect(verdictsOn(withFields(10), { headerCount: 10 })).toEqual(new Set(['more', 'accepted']))
  })

  test('may not be one more, and are refused as soon as there is', () => {
    const verdicts = verdictsOn(withFields(11), { headerCount: 10 })
    expect(verdicts).toEqual(new Set(['more', 'headTooLarge']))
    expect(verdictOn(withFields(11).slice(0, -3), { headerCount: 10 })).toBe('headTooLarge')
  })

  test('of a flood are refused without being read', () => {
    expect(verdictOn(withFields(3_000), { headBytes: 65_536 })).toBe('headTooLarge')
  })
})

test('a method is not looked for in bytes that never end', () => {
  expect(verdictOn('A'.repeat(32), {})).toBe('more')
  expect(verdictOn('A'.repeat(33), {})).toBe('malformed')
})
