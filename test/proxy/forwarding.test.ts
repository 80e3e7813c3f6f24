/** What upstreams are told of a request's way. */

import { describe, expect, test } from 'vitest'
import { createPeer, forwardingLines } from '../../src/proxy/forwarding.ts'
import { head, linesOf, parseRequest } from './http1/heads.ts'
import { peerAt } from './peers.ts'

function told(isTrusted: boolean, address: string, ...lines: readonly string[]): readonly string[] {
  const parsed = parseRequest(head(...lines))
  const sent = linesOf(forwardingLines(peerAt(address, { isTrusted }), parsed))
  expect(
    linesOf(parsed.keptLines(isTrusted)).filter((line) => /^(?:x-)?forwarded/i.test(line)),
  ).toEqual([])
  return sent.toSorted()
}

const GET = ['GET / HTTP/1.1', 'Host: Shop.Example:80'] as const
const CLAIMS = [
  'X-Forwarded-For: 203.0.113.5',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: public.example',
  'Forwarded: for=203.0.113.5;proto=https',
] as const

describe('of a peer that is not trusted', () => {
  const OURS = [
    'x-forwarded-for: 198.51.100.1',
    'x-forwarded-host: Shop.Example:80',
    'x-forwarded-proto: http',
  ]

  test('we say what we see', () => {
    expect(told(false, '198.51.100.1', ...GET)).toEqual(OURS)
  })

  test('nothing it says itself is passed on', () => {
    expect(told(false, '198.51.100.1', ...GET, ...CLAIMS, ...CLAIMS)).toEqual(OURS)
  })

  test('no host is told where there is none', () => {
    expect(told(false, '198.51.100.1', 'GET / HTTP/1.1', 'Host:')).toEqual(
      OURS.filter((line) => !line.startsWith('x-forwarded-host')),
    )
  })

  test('the host of an absolute target is told', () => {
    expect(told(false, '::1', 'GET http://b.example/ HTTP/1.1', 'Host: a')).toEqual([
      'x-forwarded-for: ::1',
      'x-forwarded-host: b.example',
      'x-forwarded-proto: http',
    ])
  })
})

describe('of a trusted peer', () => {
  test('we say what we see where it says nothing', () => {
    expect(told(true, '10.0.0.1', ...GET)).toEqual([
      'x-forwarded-for: 10.0.0.1',
      'x-forwarded-host: Shop.Example:80',
      'x-forwarded-proto: http',
    ])
  })

  test('what it says is believed, and its address added', () => {
    expect(told(true, '10.0.0.1', ...GET, ...CLAIMS)).toEqual([
      'forwarded: for=203.0.113.5;proto=https',
      'x-forwarded-for: 203.0.113.5, 10.0.0.1',
      'x-forwarded-host: public.example',
      'x-forwarded-proto: https',
    ])
  })

  test('a chain on several lines stays in its order', () => {
    const lines = ['X-Forwarded-For: 203.0.113.5, 192.0.2.1', 'x-forwarded-for: 192.0.2.2']
    expect(told(true, '10.0.0.1', ...GET, ...lines)).toContain(
      'x-forwarded-for: 203.0.113.5, 192.0.2.1, 192.0.2.2, 10.0.0.1',
    )
  })

  test('what it leaves out is ours', () => {
    expect(told(true, '10.0.0.1', ...GET, 'X-Forwarded-Proto: https', 'X-Forwarded-For:')).toEqual([
      'x-forwarded-for: 10.0.0.1',
      'x-forwarded-host: Shop.Example:80',
      'x-forwarded-proto: https',
    ])
  })

  test('no host is told where there is none', () => {
    expect(told(true, '10.0.0.1', 'GET / HTTP/1.0', 'X-Forwarded-Proto: https')).toEqual([
      'x-forwarded-for: 10.0.0.1',
      'x-forwarded-proto: https',
    ])
  })
})

function overTls(
  isTrusted: boolean,
  clientCertificate: string | null,
  ...lines: readonly string[]
): readonly string[] {
  const peer = createPeer({ address: '10.0.0.1', isTrusted, isSecure: true, clientCertificate })
  return linesOf(forwardingLines(peer, parseRequest(head(...GET, ...lines))))
}

describe('of a peer over TLS', () => {
  test.each([true, false])('the scheme is https (trusted: %s)', (isTrusted) => {
    expect(overTls(isTrusted, null)).toContain('x-forwarded-proto: https')
    expect(overTls(isTrusted, null, 'X-Forwarded-For: 203.0.113.5')).toContain(
      'x-forwarded-proto: https',
    )
  })

  test('a trusted one may have been spoken to otherwise', () => {
    expect(overTls(true, null, 'X-Forwarded-Proto: http')).toContain('x-forwarded-proto: http')
  })

  test.each([true, false])(
    'its certificate is told, whatever it says (trusted: %s)',
    (isTrusted) => {
      const line = 'x-forwarded-client-cert: Hash=00'
      expect(overTls(isTrusted, 'Hash=00')).toContain(line)
      expect(overTls(isTrusted, 'Hash=00', ...CLAIMS)).toContain(line)
      expect(overTls(isTrusted, null, ...CLAIMS).join()).not.toContain('client-cert')
    },
  )
})
