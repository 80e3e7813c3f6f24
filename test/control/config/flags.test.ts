import { describe, expect, test } from 'vitest'
import { configOf, faultLines, sample } from './sample.ts'

function flags(...lines: readonly string[]): string {
  return `${sample()}\n${['flags:', ...lines.map((line) => `  ${line}`)].join('\n')}\n`
}

function provider(text: string): string {
  return flags('providers:', `  team: ${text}`)
}

const DEFINITIONS =
  '{ flags: { a: { state: ENABLED, variants: { on: true }, defaultVariant: on } } }'

test('without flags there are none', () => {
  expect(configOf(sample()).flags).toEqual({ approval: 'none', attributes: {}, providers: [] })
})

test('providers arrive with files as paths and modules as URLs', () => {
  const { providers } = configOf(
    flags(
      'providers:',
      '  file: { flagd: { file: ./team.json }, variants: { on: canary } }',
      '  url: { flagd: { url: "https://flags.example.com/team.json", interval: 30s } }',
      `  inline: { flagd: { inline: ${DEFINITIONS} } }`,
      '  vendor: { openfeature: { module: ./vendor.mjs, options: { key: 1 } } }',
    ),
  ).flags
  expect(providers).toEqual([
    {
      name: 'file',
      variants: { on: 'canary' },
      source: { kind: 'file', file: expect.stringMatching(/^\/.*team\.json$/) },
    },
    {
      name: 'url',
      variants: {},
      source: { kind: 'url', url: 'https://flags.example.com/team.json', intervalMs: 30_000 },
    },
    {
      name: 'inline',
      variants: {},
      source: { kind: 'inline', definitions: expect.stringContaining('"defaultVariant":"on"') },
    },
    {
      name: 'vendor',
      variants: {},
      source: {
        kind: 'openFeature',
        module: expect.stringMatching(/^file:\/\/\/.*vendor\.mjs$/),
        options: '{"key":1}',
        deadlineMs: 5,
        memoMs: 60_000,
        memoLimit: 10_000,
      },
    },
  ])
})

describe('faults', () => {
  test.for([
    ['a provider of nothing', provider('{}'), 'needs "flagd" or "openfeature", and not both'],
    [
      'definitions from two places',
      provider('{ flagd: { file: a, url: "http://b" } }'),
      'needs one of "file", "url" or "inline"',
    ],
    [
      'definitions that are none',
      provider('{ flagd: { inline: { a: 1 } } }'),
      'is no definition of flags: has no "flags"',
    ],
    [
      'a definition with a fault',
      provider('{ flagd: { inline: { flags: { a: { state: ON, variants: {} } } } } }'),
      'flag "a" has the state "ON"; ENABLED and DISABLED are possible',
    ],
    [
      'an address with a password',
      provider('{ flagd: { url: "http://a:b@c/" } }'),
      'must have no user and password in it',
    ],
    [
      'an address that is none',
      provider('{ flagd: { url: "ftp://a" } }'),
      'is not an address such as',
    ],
    ['a misspelt key', provider('{ flagdd: { file: a } }'), 'did you mean "flagd"?'],
    [
      "Sluice's own name",
      flags('providers:', '  sluice: { flagd: { file: a } }'),
      'is the provider of the flags that Sluice keeps itself',
    ],
    [
      'a name that is none',
      flags('providers:', '  "Team A": { flagd: { file: a } }'),
      'is not a name',
    ],
    [
      'what no request has',
      flags('attributes: { email: headers.x-email }'),
      'is nothing that a request has',
    ],
    ['a name that nobody can read', flags('attributes: { __proto: header.x }'), 'cannot be read'],
    [
      'a deadline that is too long',
      provider('{ openfeature: { module: a, deadline: 2s } }'),
      '2s is outside 1ms to 1s',
    ],
    [
      'approval with nobody to approve',
      flags('approval: required'),
      'needs two tokens in control.tokens',
    ],
    ['approval that is misspelt', flags('approval: require'), 'did you mean "required"?'],
  ] as const)('%s', ([, text, why]) => {
    const lines = faultLines(text)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(why)
    expect(lines[0]).toMatch(/:\d+:\d+ flags/)
  })
})
