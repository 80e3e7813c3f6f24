/**
 * Tokens that somebody has tampered with: believed exactly where jose believes them, and never an exception. jose passes over
 * blanks and padding in base64url, which RFC 7515 section 2 has not.
 */

import * as fc from 'fast-check'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { TokenReader } from '../../../../src/proxy/cohort/token/reader.ts'
import { BEARER_TOKEN } from '../../../../src/proxy/cohort/token/settings.ts'
import { NOW_S, part, readerWith, signed, signingKey, subjectOf } from './tokens.ts'

const SEED = 20_261_121

const COMPACT = /^(?:[\w-]+\.){2}[\w-]*$/

test('one that was changed anywhere is believed where jose believes it', async () => {
  const key = await signingKey('ES256', 'one')
  const jwks = createLocalJWKSet({ keys: [key.jwk] })
  const tokens = readerWith([key.jwk])
  const whole = await signed(key)
  const change = fc.record({
    at: fc.nat({ max: whole.length - 1 }),
    removed: fc.nat({ max: 2 }),
    added: fc.string({
      unit: fc.constantFrom('A', 'B', '-', '_', '.', '=', '+', ' ', '{'),
      maxLength: 2,
    }),
  })
  let believedCount = 0
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 2 }), async (changes) => {
      let token = whole
      for (const { at, removed, added } of changes) {
        token = token.slice(0, at) + added + token.slice(at + removed)
      }
      // At its end a field has no blanks.
      token = token.trim()
      const currentDate = new Date(NOW_S * 1_000)
      const isVerified = await jwtVerify(token, jwks, { currentDate }).then(
        () => true,
        () => false,
      )
      const isBelieved = isVerified && COMPACT.test(token)
      const { subject } = subjectOf(token, tokens)
      expect({ token, isBelieved: subject !== null }).toEqual({ token, isBelieved })
      if (isBelieved) believedCount++
    }),
    { numRuns: 1_000, seed: SEED },
  )
  expect(believedCount, `seed ${SEED}`).toBeGreaterThan(10)
})

test('claims of any kind are read without an exception', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (claims, name) => {
      const token = `${part({ alg: 'none' })}.${part(claims)}.`
      const carrier = { header: () => `Bearer ${token}`, cookie: () => null }
      const read = new TokenReader(BEARER_TOKEN).read(carrier)
      if (read === null || read === 'tooLong') return
      for (const each of [name, ...Object.keys(claims)]) {
        expect(read.texts(each)?.every((text) => typeof text === 'string') ?? true).toBe(true)
      }
    }),
    { seed: SEED },
  )
})
