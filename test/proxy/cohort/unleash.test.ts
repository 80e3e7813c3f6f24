/**
 * Unleash's own cases for clients, those of strategies and constraints that have an equal here. Each case that is left out is
 * named with its reason below; a case that is new in the package is run, or has to be named.
 */

import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checkConfig, sourceOf } from '../../../src/control/config/load.ts'
import { murmur3, utf8 } from '../../../src/proxy/bucket.ts'
import { compileRules, decide } from '../../../src/proxy/cohort/rules.ts'
import { unitIn } from '../../../src/proxy/cohort/unit.ts'
import { NO_FLAGS } from '../../../src/proxy/flags/evaluator.ts'
import { factsOf } from './requests.ts'
import {
  type Constraint,
  type Context,
  type Feature,
  headerOf,
  NoEqual,
  type Said,
  sayStrategy,
  type Share,
  type Written,
} from './unleash.ts'

interface Case {
  readonly description: string
  readonly context: Context
  readonly toggleName: string
  readonly expectedResult: boolean
}

interface Specification {
  readonly state: {
    readonly features: readonly Feature[]
    readonly segments?: readonly {
      readonly id: number
      readonly constraints: readonly Constraint[]
    }[]
  }
  readonly tests?: readonly Case[]
  readonly variantTests?: readonly Case[]
}

/** Whole files that are about something else, with the number of their cases. */
const OTHER_FILES: Readonly<Record<string, string>> = {
  '08-variants': 'weights of any number of variants with payloads: a route has stable and a canary',
  '16-strategy-variants': 'the same, by strategy',
  '17-dependent-features': 'features that depend on others: a rule depends on none',
  '19-delta-api-hydration': 'how clients are told of changes',
  '20-delta-api-events': 'how clients are told of changes',
}

/** Reasons why single cases are left out, and how many cases each leaves out. */
const LEFT_OUT: Readonly<Record<string, number>> = {
  'a constraint without values': 6,
  'a draw that may fall either way': 6,
  'a feature that is not there': 2,
  'a feature that is refused': 7,
  'a feature that is switched off': 2,
  'a segment that is not there: rules have none': 1,
  'a time': 8,
  'a version with a v in front, which is one here as for the package semver': 2,
  'operator NOT_A_VALID_OPERATOR': 1,
  'strategy gradualRolloutRandom': 9,
}

/** Features that `sluice check` refuses, where a client of Unleash finds out with each request and says no. */
const REFUSED: readonly string[] = [
  'CIDR.invalid.only',
  'CIDR.ipv6.mixed.values',
  'CIDR.mixed.values',
  'Feature.remoteAddress.C',
  'R90.reject_lookahead',
  'R91.reject_backreference',
  'invalid-regex-defaults-to-false',
]

/** Returns whether the condition holds, or why the configuration is refused. */
function matches(condition: Written, context: Context): boolean | string {
  const text = JSON.stringify({
    version: 1,
    proxy: { listeners: [{ name: 'public', host: '127.0.0.1', port: 8080 }] },
    upstreams: { a: { endpoints: ['http://127.0.0.1:9001'] } },
    routes: [{ name: 'shop', stable: 'a', rules: [{ when: condition, to: 'canary' }] }],
  })
  const { config, faults } = checkConfig(text, sourceOf('f', {}))
  if (config === undefined) return faults.map(({ message }) => message).join('\n')
  const { facts } = requestOf(context)
  const rules = compileRules(config.routes[0]!.rules)
  return decide(rules, facts, { flags: NO_FLAGS, pending: [] }) === 'canary'
}

function requestOf({ properties = {}, remoteAddress, ...fields }: Context) {
  const said = Object.entries({ ...properties, ...fields }).flatMap(([field, value]) =>
    value === null ? [] : [[field, value] as const],
  )
  return factsOf({
    target: `/?${new URLSearchParams(said.map(([field, value]) => [field, value])).toString()}`,
    lines: said
      .filter(([, value]) => !/[\r\n]/.test(value))
      .map(([field, value]) => `${headerOf(field)}: ${utf8(value)}`),
    ...(remoteAddress !== undefined && { address: remoteAddress }),
  })
}

/** By Unleash's buckets, 1 to 100; a request without a unit is in none. */
function isShared({ percent, group, fields }: Share, context: Context): boolean {
  const { facts } = requestOf(context)
  const sources = fields.map((field) => ({ kind: 'header', name: headerOf(field) }) as const)
  const unit = unitIn(sources, facts)
  if (unit === null) {
    if (percent === 0) return false
    throw new NoEqual('a draw that may fall either way')
  }
  return (murmur3(`${utf8(group)}:${unit}`, 0) % 100) + 1 <= percent
}

/** Of the strategies one is enough; none is everybody. */
function isOn(said: readonly Said[], context: Context): boolean | string {
  let isAny = said.length === 0
  for (const { conditions, share } of said) {
    const outcomes = conditions.map((condition) => matches(condition, context))
    const refusal = outcomes.find((outcome) => typeof outcome === 'string')
    if (refusal !== undefined) return refusal
    isAny ||= outcomes.every(Boolean) && (share === null || isShared(share, context))
  }
  return isAny
}

const folder = dirname(fileURLToPath(import.meta.resolve('@unleash/client-specification')))
const files = globSync(join(folder, 'specifications/[0-9]*.json')).toSorted()
const leftOut: Record<string, number> = {}
const refused = new Set<string>()
let runCount = 0

const LEADING_V = 'a version with a v in front, which is one here as for the package semver'

/** Returns whether the feature is on. Throws `NoEqual`. */
function outcomeOf({ state }: Specification, { toggleName, context }: Case): boolean {
  const feature = state.features.find(({ name }) => name === toggleName)
  if (feature === undefined) throw new NoEqual('a feature that is not there')
  if (!feature.enabled) throw new NoEqual('a feature that is switched off')
  if (toggleName === 'F8.invalidSemverWithLeadingV') throw new NoEqual(LEADING_V)
  const bySegment = new Map((state.segments ?? []).map(({ id, constraints }) => [id, constraints]))
  const said = (feature.strategies ?? []).map((each) => sayStrategy(each, feature, bySegment))
  const outcome = isOn(said, context)
  if (typeof outcome === 'boolean') return outcome
  refused.add(toggleName)
  throw new NoEqual('a feature that is refused')
}

const used = files.filter((file) => !(basename(file, '.json') in OTHER_FILES))

describe.for(used.map((file) => [basename(file, '.json'), file] as const))('%s', ([, file]) => {
  const specification: Specification = JSON.parse(readFileSync(file, 'utf8'))
  test.for(specification.tests ?? [])('$description', (one, { skip }) => {
    let outcome = false
    try {
      outcome = outcomeOf(specification, one)
    } catch (error) {
      if (!(error instanceof NoEqual)) throw error
      leftOut[error.message] = (leftOut[error.message] ?? 0) + 1
      skip(error.message)
    }
    runCount++
    expect(outcome).toBe(one.expectedResult)
  })
})

test('every other case is named with its reason', () => {
  expect(files).toHaveLength(22)
  expect(leftOut).toEqual(LEFT_OUT)
  expect([...refused].toSorted()).toEqual(REFUSED)
  expect(runCount).toBeGreaterThan(150)
})
