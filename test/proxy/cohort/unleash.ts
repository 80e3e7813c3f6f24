/**
 * Unleash's features, said again as rules: what their constraints ask of a context, a condition asks of a request.
 *
 * A field of the context is a query parameter, which may hold any text, and for units a header; `remoteAddress` is the
 * client's. What has no equal here says why.
 */

/** As `@unleash/client-specification` writes them. */
export interface Constraint {
  readonly contextName: string
  readonly operator: string
  readonly value?: string
  readonly values?: readonly string[]
  readonly inverted?: boolean
  readonly caseInsensitive?: boolean
}

export interface Strategy {
  readonly name: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly constraints?: readonly Constraint[]
  readonly segments?: readonly number[]
  readonly variants?: readonly unknown[]
}

export interface Feature {
  readonly name: string
  readonly enabled: boolean
  readonly strategies?: readonly Strategy[] | null
  readonly variants?: readonly unknown[]
  readonly dependencies?: readonly unknown[]
}

export interface Context {
  readonly userId?: string
  readonly sessionId?: string
  readonly remoteAddress?: string
  readonly environment?: string
  readonly appName?: string
  readonly currentTime?: string
  readonly properties?: Readonly<Record<string, string | null>>
}

/** What the configuration says of a condition. */
export type Written = Readonly<Record<string, unknown>>

/** A share of units, by Unleash's buckets. */
export interface Share {
  readonly percent: number
  readonly group: string
  /** Fields of the context, the first that is there; none: no equal. */
  readonly fields: readonly string[]
}

export interface Said {
  /** All must hold; none is everybody. */
  readonly conditions: readonly Written[]
  readonly share: Share | null
}

/** Why something has no equal here. */
export class NoEqual extends Error {}

/** Throws `NoEqual`. */
export function sayStrategy(
  strategy: Strategy,
  feature: Pick<Feature, 'name'>,
  segments: ReadonlyMap<number, readonly Constraint[]>,
): Said {
  const constraints = [
    ...(strategy.constraints ?? []),
    ...(strategy.segments ?? []).flatMap((id) => {
      const found = segments.get(id)
      if (found === undefined) throw new NoEqual('a segment that is not there: rules have none')
      return found
    }),
  ]
  const { conditions, share } = sayParameters(strategy, feature)
  return { conditions: [...conditions, ...constraints.map(sayConstraint)], share }
}

function sayParameters({ name, parameters = {} }: Strategy, feature: Pick<Feature, 'name'>): Said {
  const shareOf = (percent: string | undefined, fields: readonly string[]): Said => ({
    conditions: [],
    share: { percent: Number(percent), group: parameters['groupId'] ?? feature.name, fields },
  })
  switch (name) {
    case 'default':
      return { conditions: [], share: null }
    case 'userWithId':
      return { conditions: [about('userId', { in: listOf(parameters['userIds']) })], share: null }
    case 'remoteAddress':
      return { conditions: [{ address: listOf(parameters['IPs']) }], share: null }
    case 'gradualRolloutUserId':
      return shareOf(parameters['percentage'], ['userId'])
    case 'gradualRolloutSessionId':
      return shareOf(parameters['percentage'], ['sessionId'])
    case 'flexibleRollout':
      return shareOf(parameters['rollout'], fieldsOf(parameters['stickiness'] ?? 'default'))
    default:
      throw new NoEqual(`strategy ${name}`)
  }
}

function fieldsOf(stickiness: string): readonly string[] {
  if (stickiness === 'random') throw new NoEqual('a draw that may fall either way')
  return stickiness === 'default' ? ['userId', 'sessionId'] : [stickiness]
}

function listOf(text = ''): readonly string[] {
  return text.split(',').map((each) => each.trim())
}

/** The header that stands for a field of the context. */
export function headerOf(field: string): string {
  return `x-${field.toLowerCase()}`
}

function about(field: string, test: Written): Written {
  return { query: { name: field, ...test } }
}

const TEXTS: Readonly<Record<string, string>> = {
  STR_STARTS_WITH: 'prefix',
  STR_ENDS_WITH: 'suffix',
  STR_CONTAINS: 'contains',
}

const COMPARISONS: Readonly<Record<string, string>> = {
  EQ: '=',
  GT: '>',
  GTE: '>=',
  LT: '<',
  LTE: '<=',
}

function sayConstraint(constraint: Constraint): Written {
  const said = sayOperator(constraint)
  return constraint.inverted === true ? { not: said } : said
}

function sayOperator(constraint: Constraint): Written {
  const { contextName: field, operator, value = '', values = [], caseInsensitive } = constraint
  const cased = caseInsensitive === true ? { ignoreCase: true } : {}
  if (operator.startsWith('DATE_')) throw new NoEqual('a time')
  if (values.length === 0 && value === '') throw new NoEqual('a constraint without values')
  if (operator in TEXTS) {
    return { any: values.map((each) => about(field, { [TEXTS[operator]!]: each, ...cased })) }
  }
  if (operator === 'IN') return about(field, { in: values })
  if (operator === 'NOT_IN') return { not: about(field, { in: values }) }
  if (operator === 'IN_CIDR') return { address: values }
  if (operator === 'REGEX') return about(field, { regex: value, ...cased })
  const [kind = '', comparison = ''] = operator.split('_')
  const sign = COMPARISONS[comparison]
  if (sign !== undefined && kind === 'NUM') return about(field, { number: `${sign}${value}` })
  if (sign !== undefined && kind === 'SEMVER') return about(field, { semver: `${sign}${value}` })
  throw new NoEqual(`operator ${operator}`)
}
