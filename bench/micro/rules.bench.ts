/**
 * What rules and units add to a request: the assignment alone, its head parsed already. Each sample is 1 000 assignments, so that
 * milliseconds a sample read as microseconds a request.
 */

import { expect, test } from 'vitest'
import { createTallyBuffer, segment } from '../../src/analyzer/tally.ts'
import { Assignment } from '../../src/proxy/assignment.ts'
import type { Condition, ValueTest } from '../../src/proxy/cohort/rule.ts'
import { ThreadContext } from '../../src/proxy/context.ts'
import { createPeer } from '../../src/proxy/forwarding.ts'
import { RequestHead } from '../../src/proxy/http1/request-head.ts'
import type { Route } from '../../src/proxy/snapshot.ts'
import { compileTable } from '../../src/proxy/table.ts'
import { LIMITS } from '../../test/proxy/http1/heads.ts'
import { ROUTE, snapshotOf, split } from '../../test/proxy/routes.ts'
import { part } from '../../test/proxy/cohort/token/tokens.ts'

/** A token of some 500 characters, as identity providers make them. */
const TOKEN = `${part({ alg: 'RS256', kid: 'k1', typ: 'JWT' })}.${part({
  iss: 'https://id.example.com/',
  sub: 'auth0|8f14e45fceea467fab7b1d2c',
  aud: ['https://shop.example.com', 'https://id.example.com/userinfo'],
  iat: 1_795_000_000,
  exp: 1_795_086_400,
  plan: 'beta',
})}.${'c2ln'.repeat(40)}`

const HEAD = Buffer.from(
  [
    'GET /products/shoes?page=2&sort=price HTTP/1.1',
    'Host: shop.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'X-App-Version: 1.12.3',
    'Cookie: session=8f14e45f-ceea-467f-ab7b-1d2c3b4a5968; theme=dark; _ga=GA1.2.1234567890.1700000000',
    `Authorization: Bearer ${TOKEN}`,
    '\r\n',
  ].join('\r\n'),
  'latin1',
)

function to(variant: string, when: Condition): Partial<Route> {
  return { rules: [{ when, decision: { kind: 'to', variant } }] }
}

function about(kind: 'header' | 'claim' | 'cookie' | 'query', name: string, one: ValueTest) {
  return to('canary', { kind, name, isPresent: true, tests: [one] })
}

function is(value: string): ValueTest {
  return { kind: 'exact', value, ignoresCase: false }
}

function regex(source: string): ValueTest {
  return { kind: 'regex', source, ignoresCase: false }
}

/** Returns a function that assigns the request a thousand times by that route, and says to whom. */
function assigning(changes: Partial<Route>): () => string {
  const context = new ThreadContext({
    tally: segment(createTallyBuffer(1), 0),
    nowMs: 0,
    random: Math.random,
    report: (error) => {
      throw error
    },
  })
  const route: Route = {
    ...ROUTE,
    variants: split(0),
    sticky: [{ kind: 'cookie', name: 'session', mint: false }],
    ...changes,
  }
  context.use(compileTable(snapshotOf([route]), context))
  const head = new RequestHead({ ...LIMITS, headBytes: 16_384, fieldBytes: 8_192 })
  head.parse(HEAD, 0, HEAD.length)
  const peer = createPeer({
    address: '192.0.2.1',
    isTrusted: false,
    isSecure: false,
    clientCertificate: null,
  })
  const compiled = context.table.byName.get(ROUTE.name)!
  const assignment = new Assignment(context)
  return () => {
    for (let i = 0; i < 1_000; i++) assignment.begin(compiled, head, peer)
    return assignment.variant.name
  }
}

const CASES: readonly (readonly [name: string, changes: Partial<Route>, variant: string])[] = [
  ['no rule', {}, 'stable'],
  ['one rule by a header that is not there', about('header', 'x-canary', is('always')), 'stable'],
  ['one rule by a header', about('header', 'x-app-version', is('1.12.3')), 'canary'],
  [
    'one rule by a simple expression over a header',
    about('header', 'user-agent', regex('Chrome/14[0-9]\\.')),
    'canary',
  ],
  [
    'one rule by an expression of RE2 over a header',
    about('header', 'user-agent', regex('(Chrome|Chromium)/14[0-9]')),
    'canary',
  ],
  [
    'one rule by version',
    about('header', 'x-app-version', {
      kind: 'semver',
      ranges: [[{ comparison: '>=', version: '1.12.0' }]],
    }),
    'canary',
  ],
  ['one rule by a query parameter', about('query', 'sort', is('price')), 'canary'],
  ['one rule by a cookie', about('cookie', 'theme', is('dark')), 'canary'],
  ['one rule by address', to('canary', { kind: 'address', ranges: ['192.0.2.0/24'] }), 'canary'],
  ['one rule by a claim of a token', about('claim', 'plan', is('beta')), 'canary'],
  ['the unit of a token', { sticky: [{ kind: 'jwtClaim', name: 'sub' }] }, 'stable'],
]

test.for(CASES)('%s, 1000 assignments', async ([, changes, variant], { bench }) => {
  const assign = assigning(changes)
  const result = await bench('assign', () => void assign()).run({ time: 200 })
  expect(assign()).toBe(variant)
  expect(result).toBeDefined()
})
