/** flagd's own cases, run by our evaluator: as it usually is, and with everything hashed as bytes. */

import type { EvaluationContextValue } from '@openfeature/core'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { FlagContext } from '../../../src/proxy/flags/bytes.ts'
import { FlagdFlags, type FlagDetails } from '../../../src/proxy/flags/flagd.ts'
import { readFeature, type Scenario } from './gherkin.ts'

const FOLDER = new URL('../../../../shared/vectors/flagd/evaluator/', import.meta.url)
const isThere = existsSync(FOLDER)
const CASE_COUNT = 125

if (!isThere) console.warn(`SKIPPED: flagd's testbed is not at ${FOLDER.pathname}`)

describe.skipIf(!isThere)("flagd's testbed", () => {
  const scenarios = isThere ? readScenarios() : []
  const definitions = isThere
    ? readFileSync(new URL('flags/testkit-flags.json', FOLDER), 'utf8')
    : '{"flags":{}}'
  const flags = new FlagdFlags(definitions)

  test('has every case', () => {
    expect(scenarios).toHaveLength(CASE_COUNT)
  })

  for (const isPlain of [true, false]) {
    const cases = scenarios.map((each) => [each.name, each] as const)
    test.for(cases)(`${isPlain ? 'over text' : 'over bytes'}: %s`, ([, scenario]) => {
      expectPlay(scenario, flags, isPlain)
    })
  }
})

function readScenarios(): readonly Scenario[] {
  const folder = new URL('gherkin/', FOLDER)
  return readdirSync(folder)
    .toSorted()
    .flatMap((file) => readFeature(readFileSync(new URL(file, folder), 'utf8')))
    .filter(({ tags }) => !tags.has('@fractional-v1'))
}

const TYPES: Readonly<Record<string, (text: string) => EvaluationContextValue>> = {
  Boolean: (text) => text === 'true',
  String: (text) => text,
  Integer: Number,
  Float: Number,
  Object: (text) => JSON.parse(text.replaceAll('\\"', '"')) as EvaluationContextValue,
}

function expectPlay(scenario: Scenario, flags: FlagdFlags, isPlain: boolean): void {
  const context: FlagContext = {}
  let asked = { type: 'String', key: '', fallback: '' }
  let details: FlagDetails | null = null
  const readValue = (text: string) => TYPES[asked.type]!(text)
  const patterns: [RegExp, (...parts: string[]) => void][] = [
    [/^an evaluator$/, () => undefined],
    [
      /^an? (\w+)-flag with key "(.*)" and a fallback value "(.*)"$/,
      (type, key, fallback) => {
        asked = { type: type, key: key, fallback }
      },
    ],
    [
      /^a context containing a targeting key with value "(.*)"$/,
      (key) => {
        context['targetingKey'] = key
      },
    ],
    [
      /^a context containing a key "(.*)", with type "(.*)" and with value "(.*)"$/,
      (name, type, value) => {
        context[name] = TYPES[type]!(value)
      },
    ],
    [
      /^a context containing a nested property with outer key "(.*)" and inner key "(.*)", with value "(.*)"$/,
      (outer, inner, value) => {
        context[outer] = { [inner]: value }
      },
    ],
    [
      /^the flag was evaluated with details$/,
      () => {
        details = flags.find(asked.key)?.details(context, isPlain) ?? MISSING
        const isOther =
          details.value !== undefined && typeof details.value !== typeof readValue(asked.fallback)
        if (isOther)
          details = { ...details, value: undefined, reason: 'ERROR', errorCode: 'TYPE_MISMATCH' }
      },
    ],
    [
      /^the resolved details value should be "(.*)"$/,
      (value) => {
        expect(details!.value ?? readValue(asked.fallback)).toEqual(readValue(value))
      },
    ],
    [/^the reason should be "(.*)"$/, (reason) => expect(details!.reason).toBe(reason)],
    [/^the error-code should be "(.*)"$/, (code) => expect(details!.errorCode ?? '').toBe(code)],
    [/^the resolved metadata is empty$/, () => expect(details!.metadata).toEqual({})],
    [/^the resolved metadata should contain$/, () => undefined],
  ]
  for (const { text, table } of scenario.steps) {
    const found = patterns
      .map(([pattern, run]) => ({ match: pattern.exec(text), run }))
      .find(({ match }) => match !== null)
    if (found === undefined) throw new Error(`No words for: ${text}`)
    found.run(...found.match!.slice(1))
    for (const [name = '', type = '', value = ''] of table.slice(1)) {
      expect(details!.metadata[name]).toEqual(TYPES[type]!(value))
    }
  }
  expect(details).not.toBeNull()
}

const MISSING: FlagDetails = {
  value: undefined,
  variant: null,
  reason: 'ERROR',
  errorCode: 'FLAG_NOT_FOUND',
  metadata: {},
}
