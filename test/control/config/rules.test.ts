import { describe, expect, test } from 'vitest'
import { configOf, faultLines, sample } from './sample.ts'

/** A route with these lines, which begin at line 7. */
function routes(...lines: readonly string[]) {
  return sample({
    routes: [
      'routes:',
      '  - name: shop',
      '    stable: a',
      ...lines.map((line) => `    ${line}`),
    ].join('\n'),
  })
}

function rulesOf(...lines: readonly string[]) {
  return configOf(routes('rules:', ...lines.map((line) => `  ${line}`))).routes[0]!.rules
}

test('without rules there are none', () => {
  expect(configOf(sample()).routes[0]!.rules).toEqual([])
})

test('a rule arrives as the threads know it', () => {
  expect(rulesOf('- { when: { header: { name: X-Canary, exact: always } }, to: canary }')).toEqual([
    {
      when: {
        kind: 'header',
        name: 'x-canary',
        isPresent: true,
        tests: [{ kind: 'exact', value: 'always', ignoresCase: false }],
      },
      decision: { kind: 'to', variant: 'canary' },
    },
  ])
})

test('to exclude from the canary is to send to stable', () => {
  const [excluded, sent] = rulesOf(
    '- { when: { method: POST }, exclude: canary }',
    '- { when: { method: [post] }, to: stable }',
  )
  expect(excluded).toEqual(sent)
  expect(excluded).toEqual({
    when: { kind: 'method', methods: ['POST'] },
    decision: { kind: 'to', variant: 'stable' },
  })
})

test('keys that stand side by side must all hold, what costs least first', () => {
  const [rule] = rulesOf(
    '- to: canary',
    '  when:',
    '    all: [{ query: { name: q, present: true } }]',
    '    any: [{ method: GET }, { cookie: { name: c, in: [a, b], regex: x, ignoreCase: true } }]',
    '    not: { address: 10.0.0.0/8 }',
    '    path: { prefix: /a, suffix: .json }',
    '    claim: { name: plan, present: false }',
  )
  expect(rule!.when).toEqual({
    kind: 'all',
    conditions: [
      {
        kind: 'path',
        tests: [
          { kind: 'below', value: '/a', ignoresCase: false },
          { kind: 'suffix', value: '.json', ignoresCase: false },
        ],
      },
      { kind: 'claim', name: 'plan', isPresent: false, tests: [] },
      { kind: 'not', condition: { kind: 'address', ranges: ['10.0.0.0/8'] } },
      {
        kind: 'any',
        conditions: [
          { kind: 'method', methods: ['GET'] },
          {
            kind: 'cookie',
            name: 'c',
            isPresent: true,
            tests: [
              { kind: 'in', values: ['a', 'b'], ignoresCase: true },
              { kind: 'regex', source: 'x', ignoresCase: true },
            ],
          },
        ],
      },
      { kind: 'query', name: 'q', isPresent: true, tests: [] },
    ],
  })
})

test('versions and numbers arrive as bounds', () => {
  const [rule] = rulesOf(
    '- { when: { header: { name: v, semver: "^1.2", number: ">= 10 <20.5" } }, to: canary }',
  )
  expect(rule!.when).toMatchObject({
    tests: [
      {
        kind: 'semver',
        ranges: [
          [
            { comparison: '>=', version: '1.2.0-0' },
            { comparison: '<', version: '2.0.0-0' },
          ],
        ],
      },
      {
        kind: 'number',
        bounds: [
          { comparison: '>=', value: 10 },
          { comparison: '<', value: 20.5 },
        ],
      },
    ],
  })
})

function ruleFaults(text: string): readonly string[] {
  return faultLines(text).filter((line) => line.includes('routes[0]'))
}

describe('a rule is refused', () => {
  const IS = 'routes[0].rules[0]'
  test.for([
    [
      '{ when: { heder: { name: x } }, to: canary }',
      `f:8:17 ${IS}.when: unknown key "heder"; did you mean "header"?`,
    ],
    [
      '{ when: { header: { name: x, regexp: a } }, to: canary }',
      `f:8:36 ${IS}.when.header: unknown key "regexp"; did you mean "regex"?`,
    ],
    [
      '{ when: { method: GET }, to: canry }',
      `f:8:36 ${IS}.to: "canry" is not possible; did you mean "canary"?`,
    ],
    ['{ when: { method: GET } }', `f:8:7 ${IS}: needs one of "to", "exclude" and "flag"`],
    [
      '{ when: { method: GET }, to: stable, exclude: canary }',
      `f:8:7 ${IS}: needs one of "to", "exclude" and "flag"`,
    ],
    ['{ to: canary }', `f:8:7 ${IS}: needs "when": without it the rule would take every request`],
    [
      '{ when: {}, to: canary }',
      `f:8:15 ${IS}.when: needs a condition, such as "header", "path" or "any"`,
    ],
    [
      '{ when: { method: GTE }, to: canary }',
      `f:8:25 ${IS}.when.method: "GTE" is not a method that is served`,
    ],
    [
      '{ when: { address: 10.0.0.0/33 }, to: canary }',
      `f:8:26 ${IS}.when.address: "10.0.0.0/33" has "/33"; an IPv4 range has 0 to 32 bits`,
    ],
    [
      '{ when: { any: [{ not: { header: { name: x } } }] }, to: canary }',
      `f:8:40 ${IS}.when.any[0].not.header: needs what to compare with: "exact", "prefix", "in", "present" or another`,
    ],
    [
      '{ when: { cookie: { name: c, present: false, exact: a } }, to: canary }',
      `f:8:45 ${IS}.when.cookie.present: is false, so there is no value to compare`,
    ],
    [
      '{ when: { cookie: { name: c, number: "1", ignoreCase: true } }, to: canary }',
      `f:8:61 ${IS}.when.cookie.ignoreCase: is about nothing here: only text is compared with case`,
    ],
    [
      '{ when: { cookie: { name: c, prefix: "" } }, to: canary }',
      `f:8:44 ${IS}.when.cookie.prefix: is empty, which every value has; use "present: true"`,
    ],
    [
      '{ when: { header: { name: x, regex: "(a+)\\\\1" } }, to: canary }',
      `f:8:43 ${IS}.when.header.regex: "(a+)\\1" is not a regular expression of RE2: invalid escape sequence: \`\\1\`; look-around and back references take unbounded time`,
    ],
    [
      '{ when: { header: { name: x, semver: new } }, to: canary }',
      `f:8:44 ${IS}.when.header.semver: "new" is not a range of versions, such as ">=1.4.0 <2" or "^1.2"`,
    ],
    [
      '{ when: { header: { name: x, number: five } }, to: canary }',
      `f:8:44 ${IS}.when.header.number: "five" is not a range of numbers, such as ">=10 <20"`,
    ],
    [
      '{ when: { path: { prefix: shop } }, to: canary }',
      `f:8:33 ${IS}.when.path.prefix: "shop" does not begin with "/"`,
    ],
    [
      '{ when: { path: { semver: "1" } }, to: canary }',
      `f:8:25 ${IS}.when.path: unknown key "semver"; possible: exact, prefix, suffix, contains, in, regex, ignoreCase`,
    ],
  ])('%s', ([rule, fault]) => {
    expect(faultLines(routes('rules:', `- ${rule}`))).toEqual([fault])
  })

  test('that asks a flag of a provider that there is not', () => {
    const rule = '- { flag: { key: k, provider: growthbok } }'
    const rest = 'flags: { providers: { growthbook: { flagd: { inline: { flags: {} } } } } }'
    expect(ruleFaults(`${routes('rules:', rule)}\n${rest}`)).toEqual([
      'f:8:35 routes[0].rules[0].flag.provider: there is no provider "growthbok" in flags.providers; did you mean "growthbook"?',
    ])
    expect(ruleFaults(routes('rules:', '- { flag: { key: k } }'))).toEqual([])
  })

  test('whose expressions are large together', () => {
    const rule = '- { when: { not: { header: { name: x, regex: "a{100}" } } }, to: canary }'
    const rules = (count: number) => routes('rules:', ...Array.from({ length: count }, () => rule))
    expect(ruleFaults(rules(10))).toEqual([])
    expect(ruleFaults(rules(11))).toEqual([
      'f:8:5 routes[0].rules: has expressions of 1122 steps together; at most 1024 are possible, use "in", "prefix" or "suffix" where they do',
    ])
  })

  test('whose expression is too large only where upper and lower case are the same', () => {
    const regex = `(?:Ab(?:ab){2}|ab|ac|)${'x'.repeat(115)}`
    const rule = (more: string) =>
      routes('rules:', `- { when: { header: { name: x, regex: '${regex}'${more} } }, to: canary }`)
    expect(ruleFaults(rule(''))).toEqual([])
    expect(ruleFaults(rule(', ignoreCase: true')).join()).toContain('makes a program of 129 steps')
  })

  test('whose conditions stand in each other too deeply', () => {
    const when = `${'{ not: '.repeat(40)}{ method: GET }${' }'.repeat(40)}`
    const faults = faultLines(routes('rules:', `- { when: ${when}, to: canary }`))
    expect(faults.join()).toMatch(/not: is nested too deeply/)
  })
})

function stickyOf(text: string) {
  return configOf(routes(`sticky: ${text}`)).routes[0]!.sticky
}

describe('the unit of a route', () => {
  test('is looked for in one place or in several, in order', () => {
    expect(stickyOf('{ cookie: c }')).toEqual([{ kind: 'cookie', name: 'c', mint: false }])
    expect(stickyOf('[{ header: X-User }, { jwtClaim: sub }, { cookie: c, mint: true }]')).toEqual([
      { kind: 'header', name: 'x-user' },
      { kind: 'jwtClaim', name: 'sub' },
      { kind: 'cookie', name: 'c', mint: true },
    ])
    expect(stickyOf('{ address: true }')).toEqual([{ kind: 'address' }])
  })

  test.for([
    ['[]', 'routes[0].sticky: needs at least 1 entry'],
    [
      '[{ header: a, cookie: b }]',
      'routes[0].sticky[0]: needs one of "header", "cookie", "jwtClaim" and "address"',
    ],
    ['{ address: false }', 'routes[0].sticky.address: must be true, or be left out'],
    [
      '[{ address: true }, { cookie: c }]',
      'routes[0].sticky: has "address" before others, but it is always there; put it last',
    ],
    [
      '[{ cookie: c, mint: true }, { address: true }]',
      'routes[0].sticky: mints no cookie while it has "address", which is always there',
    ],
    [
      '[{ cookie: a, mint: true }, { cookie: b, mint: true }]',
      'routes[0].sticky: mints more than one cookie; a user needs one',
    ],
    [
      '[{ jwtclaim: sub }]',
      'routes[0].sticky[0]: unknown key "jwtclaim"; did you mean "jwtClaim"?',
    ],
  ])('%s is refused', ([text, fault]) => {
    const faults = faultLines(routes(`sticky: ${text}`))
    expect(faults.map((line) => line.replace(/^f:\d+:\d+ /, ''))).toEqual([fault])
  })
})
