/**
 * One test of one value, compiled to a function. Hot: nothing is allocated for a value in ASCII but by version.
 *
 * Values are UTF-8 bytes in latin1 strings (`text.ts`); what they are compared with is brought into that form once.
 */

import type { CohortFault } from './faults.ts'
import { compilePattern, SUBJECT_LENGTH } from './pattern.ts'
import type { NumberBound, ValueTest } from './rule.ts'
import { decoded, encoded, folded } from './text.ts'
import { type Truth, truthOf, UNKNOWN } from './truth.ts'
import { compileRanges, holds, parseVersion } from './version.ts'

/** Hears why a value could not be looked at. */
export interface FaultSink {
  fault(reason: CohortFault): void
}

export type CompiledTest = (value: string, faults: FaultSink) => Truth

const DECIMAL = /^-?\d{1,15}(?:\.\d{1,15})?$/
const SLASH = 0x2f

/** Throws `PatternError` for an expression that the configuration should have refused. */
export function compileTest(test: ValueTest): CompiledTest {
  switch (test.kind) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
      return compileText(test)
    case 'below':
      return compileBelow(encoded(test.value), test.ignoresCase)
    case 'in':
      return compileIn(test.values.map(encoded), test.ignoresCase)
    case 'regex':
      return compileRegex(test.source, test.ignoresCase)
    case 'semver':
      return compileSemver(compileRanges(test.ranges))
    case 'number':
      return compileNumber(test.bounds)
  }
}

type TextTest = Extract<ValueTest, { readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains' }>

function compileText({ kind, value, ignoresCase }: TextTest): CompiledTest {
  const wanted = ignoresCase ? folded(encoded(value)) : encoded(value)
  const test = COMPARISONS[kind]
  return ignoresCase
    ? (found) => truthOf(test(folded(found), wanted))
    : (found) => truthOf(test(found, wanted))
}

const COMPARISONS = {
  exact: (found: string, wanted: string) => found === wanted,
  prefix: (found: string, wanted: string) => found.startsWith(wanted),
  suffix: (found: string, wanted: string) => found.endsWith(wanted),
  contains: (found: string, wanted: string) => found.includes(wanted),
}

/** As routes are matched (`match.ts`): a prefix ends at a segment. */
function compileBelow(value: string, ignoresCase: boolean): CompiledTest {
  const prefix = ignoresCase ? folded(value) : value
  const isWhole = prefix.endsWith('/')
  return (found) => {
    const path = ignoresCase ? folded(found) : found
    return truthOf(
      path.startsWith(prefix) &&
        (isWhole || path.length === prefix.length || path.charCodeAt(prefix.length) === SLASH),
    )
  }
}

function compileIn(values: readonly string[], ignoresCase: boolean): CompiledTest {
  const wanted = new Set(ignoresCase ? values.map(folded) : values)
  return ignoresCase
    ? (found) => truthOf(wanted.has(folded(found)))
    : (found) => truthOf(wanted.has(found))
}

function compileRegex(source: string, ignoresCase: boolean): CompiledTest {
  const pattern = compilePattern(source, ignoresCase)
  return (found, faults) => {
    if (found.length <= SUBJECT_LENGTH) return truthOf(pattern.test(decoded(found)))
    faults.fault('valueTooLong')
    return UNKNOWN
  }
}

function compileSemver(isWithin: ReturnType<typeof compileRanges>): CompiledTest {
  return (found, faults) => {
    const version = parseVersion(found)
    if (version !== null) return truthOf(isWithin(version))
    faults.fault('notVersion')
    return UNKNOWN
  }
}

function compileNumber(bounds: readonly NumberBound[]): CompiledTest {
  return (found, faults) => {
    if (!DECIMAL.test(found)) {
      faults.fault('notNumber')
      return UNKNOWN
    }
    const number = Number(found)
    for (const { comparison, value } of bounds) {
      if (!holds(comparison, number - value)) return truthOf(false)
    }
    return truthOf(true)
  }
}
