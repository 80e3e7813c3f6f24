import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { queryParameter } from '../../../src/proxy/cohort/query.ts'
import { utf8 } from '../../../src/proxy/bucket.ts'

test.for([
  ['/a?v=1', 'v', '1'],
  ['/a?x=0&v=1&v=2', 'v', '1'],
  ['/a?v', 'v', ''],
  ['/a?v=', 'v', ''],
  ['/a?vv=1', 'v', null],
  ['/a?V=1', 'v', null],
  ['/a', 'v', null],
  ['/v=1', 'v', null],
  ['/a?', 'v', null],
  ['/a?&&v=1', 'v', '1'],
  ['/a?=1', 'v', null],
  ['/a?v=a=b', 'v', 'a=b'],
  ['/a?v=a+b%20c', 'v', 'a b c'],
  ['/a?v=%zz%2', 'v', '%zz%2'],
  ['/a?%76=1', 'v', '1'],
  ['/a?a+b=1', 'a b', '1'],
  ['/a?a%2Bb=1', 'a+b', '1'],
  ['/a?a+b=1', 'a+b', null],
  ['/a?v=caf%C3%A9', 'v', 'caf\xc3\xa9'],
  ['/a?v=?v', 'v', '?v'],
  ['*', 'v', null],
] as const)('of %s, %s is %j', ([target, name, value]) => {
  expect(queryParameter(target, name)).toBe(value)
})

test('the time is in proportion to the query, also where nothing has a value', () => {
  const startMs = performance.now()
  expect(queryParameter(`/?${'&'.repeat(1_000_000)}`, 'v')).toBe(null)
  expect(queryParameter(`/?${'v&'.repeat(1_000_000)}x=1`, 'y')).toBe(null)
  expect(performance.now() - startMs).toBeLessThan(2_000)
})

test('it is what URLSearchParams finds', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '&', '=', '+', '%41', '%26', 'é', ' ') })
  const wantedName = part.filter((text) => text !== '')
  fc.assert(
    fc.property(fc.array(fc.tuple(part, part), { maxLength: 4 }), wantedName, (pairs, name) => {
      const params = new URLSearchParams(pairs.map(([key, value]) => [key, value]))
      const wanted = params.get(name)
      const found = queryParameter(`/p?${params.toString()}`, utf8(name))
      expect(found).toBe(wanted === null ? null : utf8(wanted))
    }),
    { numRuns: 2_000 },
  )
})
