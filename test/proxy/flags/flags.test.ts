import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bucketOf, murmur3, seedOf, utf8 } from '../../../src/proxy/bucket.ts'
import { ThreadFlags } from '../../../src/proxy/flags/flags.ts'
import { FlagdFlags } from '../../../src/proxy/flags/flagd.ts'
import { EVALUATOR_LIMIT, EXPANDED_CHARS } from '../../../src/proxy/flags/references.ts'
import type { FlagProvider } from '../../../src/proxy/snapshot.ts'
import { subjectOf } from './subject.ts'

const ON_OFF = { on: true, off: false }

function flagsOf(
  flags: object,
  changes: Partial<FlagProvider> = {},
  ramps: readonly object[] = [],
) {
  const bugs: unknown[] = []
  const thread = new ThreadFlags({
    nowMs: () => 0,
    after: () => undefined,
    load: () => Promise.reject(new Error('nothing to load')),
    report: (error) => void bugs.push(error),
  })
  const source = { kind: 'flagd', definitions: JSON.stringify({ flags }), ramps, off: [] }
  const provider = { name: 'team', variants: {}, source, ...changes } as FlagProvider
  const attributes = { email: 'header.x-email', 'user.plan': 'claim.plan' }
  thread.use({ providers: [provider], attributes })
  return { thread, bugs }
}

function halfOf(text: string): string {
  return murmur3(utf8(text), 0) < 2 ** 31 ? 'canary' : 'stable'
}

function flag(targeting: unknown, changes: object = {}): object {
  return { state: 'ENABLED', variants: ON_OFF, defaultVariant: 'off', targeting, ...changes }
}

describe('the value of a flag names a variant', () => {
  const cases: [name: string, flag: object, expected: string | null, reason: string][] = [
    ['a switch that is on is the canary', flag({}, { defaultVariant: 'on' }), 'canary', 'static'],
    ['a switch that is off is stable', flag({}), 'stable', 'static'],
    [
      'a text is the variant itself',
      flag({}, { variants: { a: 'canary' }, defaultVariant: 'a' }),
      'canary',
      'static',
    ],
    [
      'a number names nobody',
      flag({}, { variants: { a: 1 }, defaultVariant: 'a' }),
      null,
      'type_mismatch',
    ],
    [
      'an empty text names nobody',
      flag({}, { variants: { a: '' }, defaultVariant: 'a' }),
      null,
      'type_mismatch',
    ],
    ['a flag that is disabled names nobody', flag({}, { state: 'DISABLED' }), null, 'disabled'],
    ['an unknown operator names nobody', flag({ toss: [1] }), null, 'parse_error'],
    [
      'targeting that ends in an object names nobody',
      flag({ if: [true, { var: 'header' }, { var: 'header.x-plan' }] }),
      null,
      'general',
    ],
    ['a variant that is not there names nobody', flag({ if: [true, 'gone'] }), null, 'general'],
    [
      'without a default, targeting that says nothing names nobody',
      flag({ if: [false, 'on'] }, { defaultVariant: null }),
      null,
      'default',
    ],
  ]
  test.for(cases)('%s', ([, definition, expected, reason]) => {
    const { thread, bugs } = flagsOf({ checkout: definition })
    const subject = subjectOf('ann', { 'header.x-plan': 'gold' })
    expect(thread.evaluate('team', 'checkout', subject)).toBe(expected)
    const counted = { provider: 'team', flag: 'checkout', variant: expected ?? 'none', reason }
    expect(thread.take()?.counts).toEqual([{ ...counted, count: 1 }])
    expect(thread.take()).toBeNull()
    expect(bugs).toEqual([])
  })

  test('by the names that are configured: the variant of the flag first, then its value', () => {
    const variants = { on: 'blue', off: 'green', red: 'canary' }
    const text = flag({}, { variants: { on: 'red', b: 'red' }, defaultVariant: 'b' })
    const { thread } = flagsOf({ switch: flag({}), text }, { variants })
    expect(thread.evaluate('team', 'switch', subjectOf('ann'))).toBe('green')
    expect(thread.evaluate('team', 'text', subjectOf('ann'))).toBe('canary')
  })

  test('a flag or a provider that does not exist is counted, and names nobody', () => {
    const { thread } = flagsOf({})
    expect(thread.evaluate('team', 'gone', subjectOf('ann'))).toBeNull()
    expect(thread.evaluate('nobody', 'gone', subjectOf('ann'))).toBeNull()
    const reasons = thread.take()!.counts.map(({ reason }) => reason)
    expect(reasons.toSorted()).toEqual(['flag_not_found', 'provider_not_found'])
  })
})

describe('a flag reads of a request what it names', () => {
  test('attributes by their own names and by configured ones', () => {
    const targeting = {
      if: [
        {
          and: [
            { '==': [{ var: 'header.x-plan' }, 'gold'] },
            { ends_with: [{ var: 'email' }, '@example.com'] },
            { '==': [{ var: 'user.plan' }, 'naïve'] },
          ],
        },
        'on',
        'off',
      ],
    }
    const { thread } = flagsOf({ checkout: flag(targeting) })
    const known = { 'header.x-plan': 'gold', 'header.x-email': 'a@example.com' }
    const ask = (attributes: Record<string, string>) =>
      thread.evaluate('team', 'checkout', subjectOf('ann', attributes))
    expect(ask({ ...known, 'claim.plan': 'naïve' })).toBe('canary')
    expect(ask({ ...known, 'claim.plan': 'naive' })).toBe('stable')
    expect(ask(known)).toBe('stable')
    expect(ask({})).toBe('stable')
  })

  test('nothing of the prototype of objects', () => {
    const targeting = { if: [{ var: 'header.constructor' }, 'on', 'off'] }
    const { thread } = flagsOf({ checkout: flag(targeting) })
    expect(thread.evaluate('team', 'checkout', subjectOf('ann'))).toBe('stable')
    const named = subjectOf('ann', { 'header.constructor': 'x' })
    expect(thread.evaluate('team', 'checkout', named)).toBe('canary')
  })

  test('without a unit, a share takes the default variant', () => {
    const { thread } = flagsOf({ checkout: flag({ fractional: [['on', 100]] }) })
    expect(thread.evaluate('team', 'checkout', subjectOf(null))).toBe('stable')
    expect(thread.evaluate('team', 'checkout', subjectOf('ann'))).toBe('canary')
  })
})

describe('shares hash UTF-8 bytes', () => {
  const TOTAL = 2 ** 31 - 1

  test.for([
    ['My 🚀 is full of 🦎.', 1_818_098_979],
    ['吉 星 高 照', 3_435_142_074],
  ] as const)('%s', ([text, hash]) => {
    expect(murmur3(utf8(text), 0)).toBe(hash)
    const at = Number((BigInt(hash) * BigInt(TOTAL)) >> 32n)
    const shares = (canaryWeight: number) =>
      flag({
        fractional: [{ var: 'targetingKey' }, ['on', canaryWeight], ['off', TOTAL - canaryWeight]],
      })
    const { thread } = flagsOf({ at: shares(at), above: shares(at + 1) })
    expect(thread.evaluate('team', 'at', subjectOf(text))).toBe('stable')
    expect(thread.evaluate('team', 'above', subjectOf(text))).toBe('canary')
  })

  test('of any unit, in any of the forms that a share can have', () => {
    const half = [
      ['on', 1],
      ['off', 1],
    ]
    const { thread } = flagsOf({
      plain: flag({ fractional: half }),
      schlüssel: flag({ fractional: half }),
      seeded: flag({ fractional: [{ cat: ['größe', { var: 'targetingKey' }] }, ...half] }),
      other: flag({
        fractional: [{ cat: [{ var: '$flagd.flagKey' }, { var: 'email' }] }, ...half],
      }),
      inner: flag({ if: [{ '!=': [{ var: 'targetingKey' }, ''] }, { fractional: half }] }),
    })
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        fc.pre(text.isWellFormed())
        const subject = subjectOf(text, { 'header.x-email': text })
        expect(thread.evaluate('team', 'plain', subject)).toBe(halfOf(`plain${text}`))
        expect(thread.evaluate('team', 'schlüssel', subject)).toBe(halfOf(`schlüssel${text}`))
        expect(thread.evaluate('team', 'seeded', subject)).toBe(halfOf(`größe${text}`))
        expect(thread.evaluate('team', 'other', subject)).toBe(halfOf(`other${text}`))
        expect(thread.evaluate('team', 'inner', subject)).toBe(halfOf(`inner${text}`))
      }),
    )
  })

  test('without a unit, text beyond ASCII elsewhere does not make one', () => {
    const { thread } = flagsOf({
      checkout: flag({ if: [{ var: 'email' }, { fractional: [['on', 1]] }] }),
    })
    const subject = subjectOf(null, { 'header.x-email': 'jürgen@example.com' })
    expect(thread.evaluate('team', 'checkout', subject)).toBe('stable')
  })
})

describe('a flag that a rollout decides', () => {
  const ramp = { key: 'checkout', route: 'shop', salt: 'pepper', weightBp: 2_500 }
  const audience = { if: [{ '==': [{ var: 'header.x-plan' }, 'gold'] }, 'on', 'off'] }
  const { thread } = flagsOf({ checkout: flag(audience) }, {}, [ramp])

  test('leaves its own route to the coin, for those whom it is for', () => {
    const gold = { 'header.x-plan': 'gold', route: 'shop' }
    expect(thread.evaluate('team', 'checkout', subjectOf('ann', gold))).toBeNull()
    expect(thread.evaluate('team', 'checkout', subjectOf('ann', { route: 'shop' }))).toBe('stable')
  })

  test('says elsewhere what that coin would', () => {
    const elsewhere = { 'header.x-plan': 'gold', route: 'cart' }
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (unit) => {
        fc.pre(unit.isWellFormed())
        const isCanary = bucketOf(utf8(unit), seedOf('pepper')) < 2_500
        const variant = thread.evaluate('team', 'checkout', subjectOf(unit, elsewhere))
        expect(variant).toBe(isCanary ? 'canary' : 'stable')
      }),
    )
    expect(thread.evaluate('team', 'checkout', subjectOf(null, elsewhere))).toBe('stable')
  })
})

describe('definitions', () => {
  test.for([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['without flags', '{}'],
    ['with a state that there is none of', '{"flags":{"a":{"state":"ON","variants":{}}}}'],
    [
      'with a default that is no variant',
      '{"flags":{"a":{"state":"ENABLED","variants":{"b":1},"defaultVariant":"c"}}}',
    ],
  ] as const)('%s are refused', ([, definitions]) => {
    expect(() => new FlagdFlags(definitions)).toThrow(Error)
  })

  test('whose references would grow without bound are refused, and not made first', () => {
    const $evaluators: Record<string, unknown> = {}
    for (let i = 30; i > 0; i--) {
      $evaluators[`e${i}`] = { and: Array.from({ length: 10 }, () => ({ $ref: `e${i - 1}` })) }
    }
    const definitions = JSON.stringify({ $evaluators, flags: { a: flag({ $ref: 'e30' }) } })
    expect(() => new FlagdFlags(definitions)).toThrow(`larger than ${EXPANDED_CHARS} characters`)
    const many = Array.from({ length: EVALUATOR_LIMIT + 1 }, (_, i) => [`e${i}`, true] as const)
    const parts = JSON.stringify({ $evaluators: Object.fromEntries(many), flags: {} })
    expect(() => new FlagdFlags(parts)).toThrow(`at most ${EVALUATOR_LIMIT}`)
  })

  test('that are nested without end are refused', () => {
    const targeting = '{"!":'.repeat(200_000) + '1' + '}'.repeat(200_000)
    const open = '{"flags":{"a":{"state":"ENABLED","variants":{"on":true},"targeting":'
    expect(() => new FlagdFlags(`${open}${targeting}}}}`)).toThrow('nested deeper than 100')
  })

  test('that did not change are not compiled again', () => {
    const { thread, bugs } = flagsOf({ checkout: flag({}) })
    const broken = { kind: 'flagd', definitions: '{', ramps: [], off: [] } as const
    thread.use({ providers: [{ name: 'team', variants: {}, source: broken }], attributes: {} })
    expect(bugs).toHaveLength(1)
    thread.use({ providers: [{ name: 'team', variants: {}, source: broken }], attributes: {} })
    expect(bugs).toHaveLength(1)
    expect(thread.evaluate('team', 'checkout', subjectOf('ann'))).toBeNull()
  })
})

test('what a provider makes up does not make endless counters', () => {
  const variants = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`v${i}`, `value ${i}`]),
  )
  const { thread } = flagsOf({
    checkout: flag({ cat: ['v', { var: 'header.x-n' }] }, { variants, defaultVariant: 'v0' }),
  })
  for (let i = 0; i < 200; i++) {
    thread.evaluate('team', 'checkout', subjectOf('ann', { 'header.x-n': String(i) }))
  }
  const { counts } = thread.take()!
  expect(counts).toHaveLength(51)
  expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(200)
  expect(counts.at(-1)).toMatchObject({ variant: 'other', reason: 'other', count: 150 })
})
