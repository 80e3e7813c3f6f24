import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  hostName,
  isTargetSafe,
  isValidHost,
  splitAbsoluteForm,
} from '../../../src/proxy/http1/target.ts'

describe('a host', () => {
  test.for([
    'a',
    'A.Example',
    'a.example.',
    'xn--bcher-kva.example',
    'under_score.example',
    'a:80',
    'a:0',
    'a:65535',
    'a:',
    '127.0.0.1',
    '127.0.0.1:8080',
    '[::1]',
    '[::1]:80',
    '[2001:DB8::7]',
    '[::ffff:192.0.2.1]:443',
    "a-._~!$&'()*+;=",
    'a%20b',
  ])('may be %s', (host) => {
    expect(isValidHost(host)).toBe(true)
    expect(isValidHost(host)).toBe(true)
  })

  test.for([
    '',
    ' ',
    'a b',
    'a,b',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
    'u@a',
    'u:p@a',
    'a:b',
    'a:-1',
    'a:65536',
    'a:123456',
    'a:80:80',
    ':80',
    '::1',
    '[::1',
    '::1]',
    '[]',
    '[:::]',
    '[::1]a',
    '[::1]:x',
    '[::1]:65536',
    '[1.2.3.4]',
    '[fe80::1%25eth0]',
    '[v1.x]',
    'a%',
    'a%2',
    'a%zz',
    '\xe4',
    'a\0',
    'a\n',
    '<a>',
    '"a"',
  ])('may not be %j', (host) => {
    expect(isValidHost(host)).toBe(false)
    expect(isValidHost('a')).toBe(true)
    expect(isValidHost(host)).toBe(false)
  })

  test.for([
    ['a', 'a'],
    ['A.Example:80', 'a.example'],
    ['a:', 'a'],
    ['a.example.', 'a.example'],
    ['a.example.:80', 'a.example'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:80', '[2001:db8::1]'],
    ['', ''],
    ['.', ''],
  ] as const)('%j is matched as %j', ([host, name]) => {
    expect(hostName(host)).toBe(name)
  })
})

describe('absolute form', () => {
  test.for([
    ['http://a', 'a', ''],
    ['http://a/', 'a', '/'],
    ['HTTPS://A:81/x/y?z=/../', 'A:81', '/x/y?z=/../'],
    ['http://a?x=http://b/', 'a', '/?x=http://b/'],
    ['http://[::1]:80/x', '[::1]:80', '/x'],
  ] as const)('%s', ([text, host, target]) => {
    expect(splitAbsoluteForm(text)).toEqual({ host, target })
  })

  test.for([
    'http:/a',
    'http://',
    'http:///a',
    'http://u@a/',
    'http://a:x/',
    'http://a#',
    'http://a/#b',
    'ftp://a/',
    'http//a/',
    'xhttp://a/',
    '//a/',
    '',
  ])('not %s', (text) => {
    expect(splitAbsoluteForm(text)).toBeNull()
  })
})

/** What a tolerant upstream may make of a path: decoded, with slashes for backslashes, without parameters. */
function tolerantSegments(path: string): readonly string[] {
  return path
    .replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) =>
      String.fromCharCode(parseInt(digits, 16)),
    )
    .replaceAll('\\', '/')
    .split('/')
    .map((segment) => segment.replace(/;.*$/, ''))
}

test('no path that is let through has a dot segment, however an upstream reads it', () => {
  const pieces = fc.constantFrom(...'/ . .. %2e %2E %2f %5C \\ ; a ... % %25 %2 e'.split(' '))
  const paths = fc.array(pieces, { maxLength: 8 }).map((parts) => `/${parts.join('')}`)
  fc.assert(
    fc.property(paths, fc.constantFrom('', '?/../', '?%2e'), (path, query) => {
      const hasDots = tolerantSegments(path).some((segment) => /^\.\.?$/.test(segment))
      expect(hasDots && isTargetSafe(path + query)).toBe(false)
    }),
    { numRuns: 5_000 },
  )
})

test.for([
  '/',
  '/a/b.c',
  '/.well-known/acme',
  '/..a',
  '/a..',
  '/...',
  '/a;b=..',
  '/%2ea',
  '/%252e%252e/',
  '/a?..',
  '/?/../',
  '/?%2e%2e/',
  '//',
  '/%zz',
])('%s is let through', (target) => {
  expect(isTargetSafe(target)).toBe(true)
})
