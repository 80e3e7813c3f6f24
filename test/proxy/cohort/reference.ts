/** Rules once more, as plainly as they can be said: what the compiled ones are held against. */

import { isIPv4 } from 'node:net'
import { compare, satisfies, valid } from 'semver'
import type { Condition, Rule, ValueTest } from '../../../src/proxy/cohort/rule.ts'

/** A request as texts. */
export interface PlainRequest {
  readonly method: string
  readonly path: string
  readonly address: string
  readonly header: Readonly<Record<string, string>>
  readonly cookie: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Of its token; null: the token is not to be believed. */
  readonly claims: Readonly<Record<string, readonly string[]>> | null
}

type Truth = boolean | 'unknown'

/** Returns the variant that the first matching rule names, or null. */
export function plainDecision(rules: readonly Rule[], request: PlainRequest): string | null {
  const rule = rules.find(({ when }) => when === null || holds(when, request) === true)
  return rule?.decision.kind === 'to' ? rule.decision.variant : null
}

function holds(condition: Condition, request: PlainRequest): Truth {
  switch (condition.kind) {
    case 'all':
      return all(condition.conditions.map((each) => holds(each, request)))
    case 'any':
      return any(condition.conditions.map((each) => holds(each, request)))
    case 'not':
      return not(holds(condition.condition, request))
    case 'method':
      return condition.methods.includes(request.method)
    case 'address':
      return condition.ranges.some((range) => isIn(request.address, range))
    case 'path':
      return all(condition.tests.map((each) => passes(each, request.path)))
    case 'claim': {
      if (request.claims === null) return 'unknown'
      const values = request.claims[condition.name]
      if (!condition.isPresent) return values === undefined
      if (values === undefined || condition.tests.length === 0) return values !== undefined
      return any(values.map((value) => all(condition.tests.map((each) => passes(each, value)))))
    }
    case 'header':
    case 'cookie':
    case 'query': {
      const value = request[condition.kind][condition.name]
      if (!condition.isPresent) return value === undefined
      if (value === undefined) return false
      return all(condition.tests.map((each) => passes(each, value)))
    }
  }
}

function all(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false
  return truths.includes('unknown') ? 'unknown' : true
}

function any(truths: readonly Truth[]): Truth {
  return not(all(truths.map(not)))
}

function not(truth: Truth): Truth {
  return truth === 'unknown' ? truth : !truth
}

function isIn(address: string, range: string): boolean {
  const [base = '', bits = '32'] = range.split('/')
  if (!isIPv4(address) || !isIPv4(base)) throw new Error('addresses here are IPv4')
  return binary(address).slice(0, Number(bits)) === binary(base).slice(0, Number(bits))
}

function binary(address: string): string {
  return address
    .split('.')
    .map((byte) => Number(byte).toString(2).padStart(8, '0'))
    .join('')
}

function passes(test: ValueTest, value: string): Truth {
  const fold = (text: string) =>
    'ignoresCase' in test && test.ignoresCase ? text.toLowerCase() : text
  const found = fold(value)
  switch (test.kind) {
    case 'exact':
      return found === fold(test.value)
    case 'prefix':
      return found.startsWith(fold(test.value))
    case 'suffix':
      return found.endsWith(fold(test.value))
    case 'contains':
      return found.includes(fold(test.value))
    case 'below':
      return found === fold(test.value) || found.startsWith(fold(test.value).replace(/\/?$/, '/'))
    case 'in':
      return test.values.map(fold).includes(found)
    case 'regex':
      if (Buffer.byteLength(value) > 1024) return 'unknown'
      return new RegExp(test.source, test.ignoresCase ? 'iu' : 'u').test(value)
    case 'semver':
      if (valid(value) === null) return 'unknown'
      return test.ranges.some((bounds) =>
        bounds.every(
          ({ comparison, version }) =>
            satisfies(value, `${comparison}${version}`, { includePrerelease: true }) ||
            (comparison === '=' && compare(value, version) === 0),
        ),
      )
    case 'number':
      if (!/^-?\d{1,15}(\.\d{1,15})?$/.test(value)) return 'unknown'
      return test.bounds.every((bound) => COMPARE[bound.comparison](Number(value), bound.value))
  }
}

const COMPARE = {
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '=': (a: number, b: number) => a === b,
  '>=': (a: number, b: number) => a >= b,
  '>': (a: number, b: number) => a > b,
}
