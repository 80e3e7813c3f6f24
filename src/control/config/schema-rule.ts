/** What may stand in `routes[].rules`: who goes to which variant, whatever the coin says. */

import { z } from 'zod'
import { compilePattern, ROUTE_PROGRAM_LENGTH } from '../../proxy/cohort/pattern.ts'
import type { Condition, Decision, Rule as SnapshotRule } from '../../proxy/cohort/rule.ts'
import { methodIndex } from '../../proxy/method.ts'
import { readCidr } from './address.ts'
import { RULE_LIMITS } from './defaults-rule.ts'
import { choice, text } from './leaf.ts'
import { NAME_PATTERN } from './names.ts'
import { OWN_PROVIDER } from './schema-flags.ts'
import {
  ClaimCondition,
  CookieCondition,
  HeaderCondition,
  PathCondition,
  QueryCondition,
} from './schema-value.ts'
import { customIssue, list, section } from './section.ts'
import { quote, refused } from './wording.ts'

function readMethod(found: string): string {
  const method = found.toUpperCase()
  if (methodIndex(method) >= 0) return method
  throw refused(`${quote(found)} is not a method that is served`)
}

function readKey(found: string): string {
  if (found !== '' && found.length <= RULE_LIMITS.name) return found
  throw refused(`must be the key of a flag, 1 to ${RULE_LIMITS.name} characters`)
}

const Method = text(readMethod, 'A method.', '^[A-Za-z]+$')
const Range = text(readCidr, 'An address or a range, such as 10.0.0.0/8.')

function oneOrMore(item: ReturnType<typeof text<string>>, max: number) {
  return z
    .union([item, list(item, 1, max)])
    .transform((found): readonly string[] => (typeof found === 'string' ? [found] : found))
}

/** Those that stand side by side must all hold. */
interface Parts {
  readonly all?: readonly Condition[] | undefined
  readonly any?: readonly Condition[] | undefined
  readonly not?: Condition | undefined
  readonly method?: readonly string[] | undefined
  readonly address?: readonly string[] | undefined
  readonly header?: Condition | undefined
  readonly cookie?: Condition | undefined
  readonly query?: Condition | undefined
  readonly claim?: Condition | undefined
  readonly path?: Condition | undefined
}

const Conditions: z.ZodType<readonly Condition[]> = z.lazy(() =>
  list(ConditionSection, 1, RULE_LIMITS.conditions),
)

const ConditionSection: z.ZodType<Condition> = section({
  header: HeaderCondition.optional(),
  cookie: CookieCondition.optional(),
  query: QueryCondition.optional(),
  claim: ClaimCondition.optional(),
  path: PathCondition.optional(),
  method: oneOrMore(Method, 16).optional().describe('The method is this, or one of these.'),
  address: oneOrMore(Range, RULE_LIMITS.ranges)
    .optional()
    .describe(
      'The client is in this range, or one of these. From trusted proxies its address is taken from X-Forwarded-For.',
    ),
  all: Conditions.optional().describe('All of these hold.'),
  any: Conditions.optional().describe('One of these holds.'),
  not: z
    .lazy(() => ConditionSection)
    .optional()
    .describe('This does not hold; what cannot be known holds neither way.'),
})
  .check(({ value, issues }) => {
    if (issues.length > 0 || Object.values(value).some((part) => part !== undefined)) return
    issues.push(customIssue(value, [], 'needs a condition, such as "header", "path" or "any"'))
  })
  .transform((parts): Condition => conditionOf(parts))
  .meta({
    id: 'condition',
    description: 'What must hold; of several keys, all.',
    minProperties: 1,
  })

function conditionOf({ all, any, not, method, address, ...values }: Parts): Condition {
  // What costs least comes first.
  const parts: Condition[] = []
  if (method !== undefined) parts.push({ kind: 'method', methods: method })
  for (const key of ['path', 'header', 'cookie', 'query', 'claim'] as const) {
    const part = values[key]
    if (part !== undefined) parts.push(part)
  }
  if (address !== undefined) parts.push({ kind: 'address', ranges: address })
  if (not !== undefined) parts.push({ kind: 'not', condition: not })
  if (any !== undefined) parts.push({ kind: 'any', conditions: any })
  parts.push(...(all ?? []))
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : { kind: 'all', conditions: parts }
}

const FlagSection = section({
  key: text(readKey, 'The key of the flag.'),
  provider: text(
    String,
    `The provider that has it, of flags.providers. Default ${OWN_PROVIDER}: the flags that Sluice keeps itself.`,
    NAME_PATTERN,
  ).prefault(OWN_PROVIDER),
}).describe(
  'The variant that a flag names for the request; where it names none, the rule does not match.',
)

const Rule = section({
  when: ConditionSection.optional().describe(
    'Which requests the rule is about; of several keys, all must hold. Default, with a flag: all.',
  ),
  to: choice(
    ['stable', 'canary'],
    'The variant of the requests that match. canary does nothing while no rollout runs.',
  ).optional(),
  exclude: choice(['canary'], 'The requests that match are kept from the canary.').optional(),
  flag: FlagSection.optional(),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { when, to, exclude, flag } = value
    const count = [to, exclude, flag].filter((each) => each !== undefined).length
    if (count !== 1) {
      issues.push(customIssue(value, [], 'needs one of "to", "exclude" and "flag"'))
    } else if (when === undefined && flag === undefined) {
      issues.push(
        customIssue(value, [], 'needs "when": without it the rule would take every request'),
      )
    }
  })
  .transform(({ when = null, to, exclude, flag }): SnapshotRule => {
    const decision: Decision =
      flag === undefined
        ? { kind: 'to', variant: exclude === undefined ? (to ?? 'stable') : 'stable' }
        : { kind: 'flag', ...flag }
    return { when, decision }
  })

export const Rules = list(Rule, 0, RULE_LIMITS.rules).check(({ value, issues }) => {
  if (issues.length > 0) return
  const stepCount = value.reduce((sum, { when }) => sum + (when === null ? 0 : stepsIn(when)), 0)
  if (stepCount <= ROUTE_PROGRAM_LENGTH) return
  const most = `at most ${ROUTE_PROGRAM_LENGTH} are possible`
  const message = `has expressions of ${stepCount} steps together; ${most}, use "in", "prefix" or "suffix" where they do`
  issues.push(customIssue(value, [], message))
})

function stepsIn(condition: Condition): number {
  if (condition.kind === 'not') return stepsIn(condition.condition)
  if ('conditions' in condition) {
    return condition.conditions.reduce((sum, each) => sum + stepsIn(each), 0)
  }
  if (!('tests' in condition)) return 0
  return condition.tests
    .filter((test) => test.kind === 'regex')
    .reduce(
      (sum, { source, ignoresCase }) => sum + compilePattern(source, ignoresCase).stepCount,
      0,
    )
}
