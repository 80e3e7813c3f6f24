/** What a rule may ask of one value: of a header, a cookie, a query parameter, a claim, or the path. */

import { z } from 'zod'
import { compilePattern, PatternError } from '../../proxy/cohort/pattern.ts'
import type { NamedCondition, ValueTest } from '../../proxy/cohort/rule.ts'
import { readNumberRange, readVersionRange } from './comparisons.ts'
import { RULE_LIMITS } from './defaults-rule.ts'
import { flag, text } from './leaf.ts'
import { FIELD_PATTERN, PATH_PATTERN, readCookieName, readHeaderName, readPath } from './names.ts'
import { customIssue, list, section } from './section.ts'
import { quote, refused } from './wording.ts'

function readText(found: string): string {
  if (found.length <= RULE_LIMITS.text) return found
  throw refused(`has ${found.length} characters; at most ${RULE_LIMITS.text} are compared`)
}

function readPart(found: string): string {
  if (found === '') throw refused('is empty, which every value has; use "present: true"')
  return readText(found)
}

function readPattern(found: string): string {
  const fault = patternFault(found, false)
  if (fault !== null) throw refused(fault)
  return found
}

function patternFault(source: string, ignoresCase: boolean): string | null {
  try {
    compilePattern(source, ignoresCase)
    return null
  } catch (error) {
    if (error instanceof PatternError) return `${quote(source)} ${error.message}`
    throw error
  }
}

function readLooseName(found: string): string {
  if (found !== '' && found.length <= RULE_LIMITS.name) return found
  throw refused(`must be a name of 1 to ${RULE_LIMITS.name} characters`)
}

const TESTS = {
  exact: text(readText, 'The value is this.').optional(),
  prefix: text(readPart, 'The value begins with this.').optional(),
  suffix: text(readPart, 'The value ends with this.').optional(),
  contains: text(readPart, 'The value has this in it.').optional(),
  in: list(text(readText, 'A value.'), 1, RULE_LIMITS.values)
    .optional()
    .describe('The value is one of these.'),
  regex: text(
    readPattern,
    'An expression of RE2 is found in the value; anchor it with ^ and $ to take the whole.',
  ).optional(),
  ignoreCase: flag(
    'Whether exact, prefix, suffix, contains, in and regex take upper and lower case for the same. Default false.',
  ).optional(),
}

const NAMED_TESTS = {
  ...TESTS,
  semver: text(
    readVersionRange,
    'The value is a semantic version within this range, such as ">=1.4.0 <2" or "^1.2".',
  ).optional(),
  number: text(
    readNumberRange,
    'The value is a decimal number within this range, such as ">=10 <20".',
  ).optional(),
  present: flag('true: it is there, whatever its value. false: it is not there.').optional(),
}

type Tests = z.output<z.ZodObject<typeof NAMED_TESTS>>

const TEXT_KINDS = ['exact', 'prefix', 'suffix', 'contains'] as const

function testsOf(found: Partial<Tests>): readonly ValueTest[] {
  const { ignoreCase: ignoresCase = false, in: values, regex, semver, number } = found
  const tests: ValueTest[] = TEXT_KINDS.flatMap((kind) => {
    const value = found[kind]
    return value === undefined ? [] : [{ kind, value, ignoresCase }]
  })
  if (values !== undefined) tests.push({ kind: 'in', values, ignoresCase })
  if (semver !== undefined) tests.push({ kind: 'semver', ranges: semver })
  if (number !== undefined) tests.push({ kind: 'number', bounds: number })
  // The one that costs most comes last.
  if (regex !== undefined) tests.push({ kind: 'regex', source: regex, ignoresCase })
  return tests
}

const COMPARED_TEXT = [...TEXT_KINDS, 'in', 'regex'] as const

type Check = (context: { readonly value: Partial<Tests>; readonly issues: unknown[] }) => void

const checkTests: Check = ({ value, issues }) => {
  if (issues.length > 0) return
  const complain = (path: string[], message: string) =>
    void issues.push(customIssue(value, path, message))
  const count = testsOf(value).length
  if (count === 0 && value.present === undefined) {
    complain([], 'needs what to compare with: "exact", "prefix", "in", "present" or another')
  } else if (value.present === false && count > 0) {
    complain(['present'], 'is false, so there is no value to compare')
  } else if (value.ignoreCase === true && COMPARED_TEXT.every((key) => value[key] === undefined)) {
    complain(['ignoreCase'], 'is about nothing here: only text is compared with case')
  } else if (value.ignoreCase === true && value.regex !== undefined) {
    // Its program may then be longer.
    const fault = patternFault(value.regex, true)
    if (fault !== null) complain(['regex'], fault)
  }
}

function named(kind: NamedCondition['kind'], name: ReturnType<typeof text<string>>, about: string) {
  return section({ name, ...NAMED_TESTS })
    .check((context) => checkTests(context))
    .transform((found): NamedCondition => ({
      kind,
      name: found.name,
      isPresent: found.present !== false,
      tests: testsOf(found),
    }))
    .describe(about)
}

export const HeaderCondition = named(
  'header',
  text(readHeaderName, 'The name of the header, in any case.', FIELD_PATTERN),
  'About the first header field of a name.',
)

export const CookieCondition = named(
  'cookie',
  text(readCookieName, 'The name of the cookie.', FIELD_PATTERN),
  'About the first cookie of a name.',
)

export const QueryCondition = named(
  'query',
  text(readLooseName, 'The name of the parameter, not encoded.'),
  'About the first query parameter of a name, decoded.',
)

export const ClaimCondition = named(
  'claim',
  text(
    readLooseName,
    'The claim; realm.roles is roles in realm, where there is no claim "realm.roles".',
  ),
  "About a claim of the request's token (jwt). Of a list, one member is enough.",
)

export const PathCondition = section({
  ...TESTS,
  exact: text(readPath, 'This path alone.', PATH_PATTERN).optional(),
  prefix: text(
    readPath,
    'This path and all below it: /shop takes /shop and /shop/x, but not /shopping.',
    PATH_PATTERN,
  ).optional(),
  in: list(text(readPath, 'A path.', PATH_PATTERN), 1, RULE_LIMITS.values)
    .optional()
    .describe('One of these paths.'),
})
  .check((context) => checkTests(context))
  .transform((found) => ({ kind: 'path' as const, tests: pathTests(found) }))
  .describe('About the path, as it was sent: percent-encoded, without the query.')

/** As routes are matched, a prefix ends at a segment. */
function pathTests({ prefix, ...found }: Partial<Tests>): readonly ValueTest[] {
  const tests = testsOf(found)
  const { ignoreCase: ignoresCase = false } = found
  return prefix === undefined ? tests : [{ kind: 'below', value: prefix, ignoresCase }, ...tests]
}
