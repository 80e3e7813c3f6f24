import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readNumberRange, readVersionRange } from '../../../src/control/config/comparisons.ts'
import { utf8 } from '../../../src/proxy/bucket.ts'
import type { Condition, Rule, ValueTest } from '../../../src/proxy/cohort/rule.ts'
import { compileRules, decide } from '../../../src/proxy/cohort/rules.ts'
import { type FlagEvaluator, NO_FLAGS, PENDING } from '../../../src/proxy/flags/evaluator.ts'
import { type PlainRequest, plainDecision } from './reference.ts'
import { factsOf, type SentRequest } from './requests.ts'
import { unsigned } from './token/tokens.ts'

const SEED = 20_261_121

function decision(rules: readonly Rule[], sent: SentRequest, flags: FlagEvaluator = NO_FLAGS) {
  const { facts, faults } = factsOf(sent)
  const variant = decide(compileRules(rules), facts, { flags, pending: [] })
  return { variant, faults: faults() }
}

function to(variant: string, when: Condition | null): Rule {
  return { when, decision: { kind: 'to', variant } }
}

const word = fc.constantFrom(
  'a',
  'b',
  'ab',
  'AB',
  'é',
  'É',
  'a/b',
  '1.2.3',
  '1.10.0-rc.1',
  '2',
  '10.5',
  '',
)
const name = fc.constantFrom('x-a', 'x-b')
const path = fc.constantFrom('/', '/a', '/a/b', '/ab', '/A', '/b.json')
const ignoresCase = fc.boolean()

const valueTest: fc.Arbitrary<ValueTest> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('exact', 'prefix', 'suffix', 'contains'),
    value: word,
    ignoresCase,
  }),
  fc.record({ kind: fc.constant('in'), values: fc.array(word, { minLength: 1 }), ignoresCase }),
  fc.record({
    kind: fc.constant('regex'),
    source: fc.constantFrom('a', '^a', 'b$', '^(a|b)+$', '[0-9]+[.]', '^$', 'é', '.'),
    ignoresCase,
  }),
  fc.record({
    kind: fc.constant('semver'),
    ranges: fc.constantFrom('>=1.2.3', '^1', '<1.10.0 || >3', '1.2.3').map(readVersionRange),
  }),
  fc.record({
    kind: fc.constant('number'),
    bounds: fc.constantFrom('>=2', '<10.5', '=2', '>1 <=10.5').map(readNumberRange),
  }),
)

const tests = fc.array(valueTest, { minLength: 1, maxLength: 2 })
const { condition } = fc.letrec<{ condition: Condition; leaf: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('leaf'),
    fc.record({ kind: fc.constant('not'), condition: tie('condition') }),
    fc.record({
      kind: fc.constantFrom('all', 'any'),
      conditions: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }),
    }),
  ),
  leaf: fc.oneof(
    fc.record({
      kind: fc.constantFrom('header', 'cookie', 'query', 'claim'),
      name,
      isPresent: fc.constant(true),
      tests: fc.oneof(tests, fc.constant([])),
    }),
    fc.record({
      kind: fc.constantFrom('header', 'cookie', 'query', 'claim'),
      name,
      isPresent: fc.constant(false),
      tests: fc.constant([]),
    }),
    fc.record({
      kind: fc.constant('path'),
      tests: fc.oneof(
        tests,
        fc.record({ kind: fc.constant('below'), value: path, ignoresCase }).map((one) => [one]),
      ),
    }),
    fc.record({
      kind: fc.constant('method'),
      methods: fc.subarray(['GET', 'PUT'], { minLength: 1 }),
    }),
    fc.record({
      kind: fc.constant('address'),
      ranges: fc.subarray(['10.0.0.0/8', '192.0.2.1', '128.0.0.0/1'], { minLength: 1 }),
    }),
  ),
}))

const values = fc.dictionary(name, word, { noNullPrototype: true })
const request: fc.Arbitrary<PlainRequest> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST'),
  path,
  address: fc.constantFrom('10.1.2.3', '192.0.2.1', '203.0.113.7'),
  header: values,
  cookie: values,
  query: values,
  claims: fc.option(
    fc.dictionary(name, fc.array(word, { maxLength: 2 }), { noNullPrototype: true }),
    { freq: 4 },
  ),
})

function sentAs({
  method,
  path: target,
  address,
  header,
  cookie,
  query,
  claims,
}: PlainRequest): SentRequest {
  const cookies = Object.entries(cookie).map(([key, value]) => `${key}=${utf8(value)}`)
  const search = new URLSearchParams(query).toString()
  return {
    method,
    target: search === '' ? target : `${target}?${search}`,
    address,
    lines: [
      ...Object.entries(header).map(([key, value]) => `${key}: ${utf8(value)}`),
      ...(cookies.length === 0 ? [] : [`Cookie: ${cookies.join('; ')}`]),
      `Authorization: Bearer ${claims === null ? 'forged' : unsigned(claims)}`,
    ],
  }
}

test('rules decide what a plain reading of them decides', () => {
  const rule = fc
    .tuple(condition, fc.constantFrom('stable', 'canary'))
    .map(([when, variant]) => to(variant, when))
  let matchCount = 0
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 4 }), request, (rules, plain) => {
      const { variant } = decision(rules, sentAs(plain))
      expect(variant).toBe(plainDecision(rules, plain))
      if (variant !== null) matchCount++
    }),
    { numRuns: 10_000, seed: SEED },
  )
  expect(matchCount, `seed ${SEED}`).toBeGreaterThan(2_000)
})

const HAS_A: Condition = { kind: 'header', name: 'x-a', isPresent: true, tests: [] }
const NEW_APP: Condition = {
  kind: 'header',
  name: 'x-app',
  isPresent: true,
  tests: [{ kind: 'semver', ranges: readVersionRange('>=2') }],
}
const LONG: Condition = {
  kind: 'header',
  name: 'x-long',
  isPresent: true,
  tests: [{ kind: 'regex', source: '^a+$', ignoresCase: false }],
}

describe('of several rules', () => {
  const rules = [to('canary', HAS_A), to('stable', null)]
  test('the first that matches decides', () => {
    expect(decision(rules, { lines: ['X-A: 1'] }).variant).toBe('canary')
    expect(decision(rules, {}).variant).toBe('stable')
  })

  test('none that matches leaves it to the coin', () => {
    expect(decision([to('canary', HAS_A)], {}).variant).toBe(null)
  })
})

function longHeader(length: number): SentRequest {
  return { lines: [`X-Long: ${'a'.repeat(length)}`] }
}

describe('what cannot be known', () => {
  const bad = { lines: ['X-App: new'] }
  test.for([
    ['is no match', NEW_APP],
    ['is none under a not', { kind: 'not', condition: NEW_APP }],
    ['is none beside what does not hold', { kind: 'any', conditions: [HAS_A, NEW_APP] }],
    ['is none under two of them', { kind: 'not', condition: { kind: 'not', condition: NEW_APP } }],
  ] satisfies [string, Condition][])('%s, and is counted', ([, when]) => {
    expect(decision([to('canary', when)], bad)).toEqual({
      variant: null,
      faults: { notVersion: 1 },
    })
  })

  test.for([
    [NEW_APP, HAS_A],
    [HAS_A, NEW_APP],
  ])('does not keep another condition from holding, in whatever order', (conditions) => {
    const sent = { lines: ['X-App: new', 'X-A: 1'] }
    const rule = to('canary', { kind: 'any', conditions })
    expect(decision([rule], sent).variant).toBe('canary')
  })

  test('is a value too long for an expression', () => {
    expect(decision([to('canary', LONG)], longHeader(1_024)).variant).toBe('canary')
    expect(decision([to('canary', LONG)], longHeader(1_025))).toEqual({
      variant: null,
      faults: { valueTooLong: 1 },
    })
  })
})

function isOne(kind: 'header' | 'cookie' | 'query'): Rule {
  const one: ValueTest[] = [{ kind: 'exact', value: '1', ignoresCase: false }]
  return to('canary', { kind, name: 'v', isPresent: true, tests: one })
}

test('of several fields, cookies and parameters of a name the first counts', () => {
  const first = { target: '/?v=1&v=2', lines: ['V: 1', 'V: 2', 'Cookie: v=1; v=2'] }
  const second = { target: '/?v=2&v=1', lines: ['V: 2', 'V: 1', 'Cookie: v=2; v=1'] }
  const kinds = ['header', 'cookie', 'query'] as const
  expect(kinds.map((kind) => decision([isOne(kind)], first).variant)).toEqual(
    kinds.map(() => 'canary'),
  )
  expect(kinds.map((kind) => decision([isOne(kind)], second).variant)).toEqual(
    kinds.map(() => null),
  )
})

function flag(key: string, when: Condition | null = null): Rule {
  return { when, decision: { kind: 'flag', provider: 'p', key } }
}

function flagsThat(
  answers: Readonly<Record<string, string | null | typeof PENDING>>,
): FlagEvaluator {
  return {
    evaluate: (_, key) => answers[key] ?? null,
    whenKnown: () => undefined,
    isOff: () => false,
  }
}

describe('a rule with a flag', () => {
  test('decides as the flag says', () => {
    expect(decision([flag('on')], {}, flagsThat({ on: 'canary' })).variant).toBe('canary')
  })

  test('does not match where the flag names nobody', () => {
    const rules = [flag('off'), to('stable', null)]
    expect(decision(rules, {}, flagsThat({ off: null })).variant).toBe('stable')
  })

  test('is not asked where its condition does not hold', () => {
    const asked: string[] = []
    const spy: FlagEvaluator = {
      evaluate: (_, key) => (asked.push(key), 'canary'),
      whenKnown: () => undefined,
      isOff: () => false,
    }
    expect(decision([flag('one', HAS_A)], {}, spy).variant).toBe(null)
    expect(asked).toEqual([])
  })

  test('that has not answered is remembered before what follows it', () => {
    const pending: { readonly key: string }[] = []
    const { facts } = factsOf({})
    const rules = compileRules([flag('slow'), flag('off'), to('canary', null)])
    const answers = flagsThat({ slow: PENDING, off: null })
    expect(decide(rules, facts, { flags: answers, pending: pending as never })).toBe('canary')
    expect(pending).toEqual([{ kind: 'flag', provider: 'p', key: 'slow' }])
  })

  test('is told facts by name', () => {
    const { facts } = factsOf({
      method: 'PUT',
      target: '/p?q=1',
      lines: ['X-A: h', 'Cookie: c=k'],
    })
    const names = [
      'method',
      'path',
      'host',
      'address',
      'route',
      'header.x-a',
      'cookie.c',
      'query.q',
      'claim.sub',
      'other',
      'x.y',
    ]
    expect(names.map((each) => facts.attribute(each))).toEqual([
      'PUT',
      '/p',
      'shop.example.com',
      '192.0.2.1',
      'shop',
      'h',
      'k',
      '1',
      null,
      null,
      null,
    ])
  })
})
