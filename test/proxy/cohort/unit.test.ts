/** The unit of a request: where it is looked for, in which form it is hashed, and that every thread finds the same side. */

import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bucketOf, murmur3, seedOf, utf8 } from '../../../src/proxy/bucket.ts'
import { normalUnit, UNIT_BYTES, unitIn } from '../../../src/proxy/cohort/unit.ts'
import type { Sticky } from '../../../src/proxy/snapshot.ts'
import { factsOf, type SentRequest } from './requests.ts'

const COOKIE = { kind: 'cookie', name: 'session', mint: false } as const
const HEADER = { kind: 'header', name: 'x-user' } as const
const ADDRESS = { kind: 'address' } as const

const CASES: readonly (readonly [string, Sticky, SentRequest, string | null])[] = [
  ['a cookie', [COOKIE], { lines: ['Cookie: a=1; session=s1'] }, 's1'],
  ['an empty cookie', [COOKIE], { lines: ['Cookie: session='] }, null],
  ['no cookie', [COOKIE], { lines: ['Cookie: a=1'] }, null],
  ['another place', [COOKIE], { lines: ['X-User: u1'] }, null],
  ['a header', [HEADER], { lines: ['X-USER: u1'] }, 'u1'],
  ['a header in UTF-8', [HEADER], { lines: ['X-User: na\xc3\xafve'] }, 'na\xc3\xafve'],
  ['an empty header', [HEADER], { lines: ['X-User:'] }, null],
  ['two places', [HEADER, COOKIE], { lines: ['Cookie: session=s1', 'X-User: u1'] }, 'u1'],
  [
    'two places the other way',
    [COOKIE, HEADER],
    { lines: ['Cookie: session=s1', 'X-User: u1'] },
    's1',
  ],
  ['the second place alone', [HEADER, COOKIE], { lines: ['Cookie: session=s1'] }, 's1'],
  ['an empty first place', [HEADER, COOKIE], { lines: ['X-User:', 'Cookie: session=s1'] }, 's1'],
  ['no place, with an address', [HEADER, ADDRESS], { address: '203.0.113.7' }, '203.0.113.7'],
  [
    'an address behind a trusted proxy',
    [ADDRESS],
    { address: '10.0.0.1', trustedProxies: ['10.0.0.1'], lines: ['X-Forwarded-For: 203.0.113.7'] },
    '203.0.113.7',
  ],
  [
    'an address that a stranger made up',
    [ADDRESS],
    { address: '203.0.113.9', lines: ['X-Forwarded-For: 203.0.113.7'] },
    '203.0.113.9',
  ],
]

test.for(CASES)('of %s', ([, sticky, sent, unit]) => {
  expect(unitIn(sticky, factsOf(sent).facts)).toBe(unit)
})

function normalText(text: string): string {
  return normalUnit(utf8(text))
}

describe('a unit is hashed', () => {
  test('over its UTF-8 bytes, as every other language does', () => {
    expect(murmur3(normalText('My 🚀 is full of 🦎.'), 0)).toBe(1_818_098_979)
    expect(murmur3(normalText('吉 星 高 照'), 0)).toBe(3_435_142_074)
  })

  test('in one spelling, however its text is composed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        const spellings = [text.normalize('NFC'), text.normalize('NFD')].map(utf8)
        fc.pre(spellings.every((bytes) => bytes.length <= UNIT_BYTES))
        expect(normalUnit(spellings[1]!)).toBe(normalUnit(spellings[0]!))
      }),
    )
    expect(normalUnit('Zo\x65\xcc\x88')).toBe('Zo\xc3\xab')
  })

  test('as it is where it is ASCII, or no UTF-8', () => {
    for (const bytes of ['user-1', '\xff\xfe', 'na\xefve', '\xc3', 'e\xcc\x88\xff']) {
      expect(normalUnit(bytes)).toBe(bytes)
    }
  })

  test('as the text that it is, though that has the sign of what is no text', () => {
    expect(normalUnit('\xef\xbf\xbde\xcc\x88')).toBe('\xef\xbf\xbd\xc3\xab')
  })

  test('by its SHA-256 where it is long, whole', () => {
    const long = 'x'.repeat(UNIT_BYTES + 1)
    expect(normalUnit('x'.repeat(UNIT_BYTES))).toHaveLength(UNIT_BYTES)
    expect(normalUnit(long)).toBe(createHash('sha256').update(long).digest('hex'))
    expect(normalUnit(`${long}a`)).not.toBe(normalUnit(`${long}b`))
  })

  test('within bounds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        expect(normalUnit(utf8(text)).length).toBeLessThanOrEqual(3 * UNIT_BYTES)
      }),
    )
  })
})

const UNIT_COUNT = 1_000_000
const SALT = 'checkout-7f'

/** Runs in a thread of its own, with the modules that a proxy thread has. */
const BUCKETS = `
  import { parentPort, workerData } from 'node:worker_threads'
  const { bucketOf, seedOf, utf8 } = await import(workerData.bucket)
  const { normalUnit } = await import(workerData.unit)
  const seed = seedOf(workerData.salt)
  const hash = (await import('node:crypto')).createHash('sha256')
  const buckets = new Uint16Array(${UNIT_COUNT})
  for (let i = 0; i < buckets.length; i++) buckets[i] = bucketOf(normalUnit(utf8(workerData.units + i)), seed)
  parentPort.postMessage(hash.update(buckets).digest('hex'))
`

function sourceUrl(path: string): string {
  return new URL(`../../../src/proxy/${path}`, import.meta.url).href
}

function sidesOfThread(): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const workerData = {
    bucket: sourceUrl('bucket.ts'),
    unit: sourceUrl('cohort/unit.ts'),
    salt: SALT,
    units: 'usér-',
  }
  const url = new URL(`data:text/javascript,${encodeURIComponent(BUCKETS)}`)
  const worker = new Worker(url, { workerData })
  worker.once('message', resolve)
  worker.once('error', reject)
  return promise
}

test('a million units are on the same side in every thread, and in one that starts anew', async () => {
  const together = await Promise.all([sidesOfThread(), sidesOfThread()])
  const restarted = await sidesOfThread()
  const here = new Uint16Array(UNIT_COUNT)
  const seed = seedOf(SALT)
  for (let i = 0; i < here.length; i++) here[i] = bucketOf(normalText(`usér-${i}`), seed)
  const own = createHash('sha256').update(here).digest('hex')
  expect([...together, restarted]).toEqual([own, own, own])
})
