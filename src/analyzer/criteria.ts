/**
 * Success criteria as people write them: `error_rate<1%, latency_p95<stable*1.2+5ms, custom.conversion>95`.
 *
 * A short fixed grammar, read by hand so that each fault has a place. A general expression language was
 * rejected: each of the forms has its own statistics, and what cannot be written cannot be wrong.
 *
 *     criteria  = [ criterion *( "," criterion ) ]
 *     criterion = "error_rate" ( "<" | "<=" ) ( percent "%" | ratio | against-stable )
 *               | "latency_p" quantile ( "<" | "<=" ) ( number ( "us" | "ms" | "s" ) | against-stable )
 *               | "requests" ">=" integer
 *               | custom
 *
 * `criteria/against-stable.ts` and `criteria/custom.ts` have the rest.
 */

import {
  type AgainstStable,
  isAgainstStable,
  readAgainstStable,
} from './criteria/against-stable.ts'
import { CUSTOM_PREFIX, type CustomCriterion, parseCustom } from './criteria/custom.ts'
import { type Parts, type Token, fault, textOf } from './criteria/fault.ts'
import { BIN_COUNT, binUpperUs } from './histogram.ts'

export { CriteriaError } from './criteria/fault.ts'

/** One criterion; `text` is what was written, without spaces. */
export type Criterion =
  | {
      readonly type: 'errorRate'
      readonly text: string
      /** 0 to 1. */
      readonly limitRatio: number
      /** Whether the limit itself still passes (`<=`). */
      readonly isInclusive: boolean
    }
  | {
      readonly type: 'latency'
      readonly text: string
      /** As written, such as `p95`. */
      readonly name: string
      /** Above 0, below 1. */
      readonly quantile: number
      /** The share of requests that may take longer, `1 - quantile` without its rounding error. */
      readonly limitRatio: number
      /** Whole microseconds, 1 to `LATENCY_LIMIT_US`. */
      readonly limitUs: number
      /** As written, such as `2s`. */
      readonly limitText: string
    }
  | {
      readonly type: 'requests'
      readonly text: string
      /** The least number of requests on which anything passes, 1 to `MIN_COUNT_LIMIT`. */
      readonly minCount: number
    }
  | {
      readonly type: 'errorRateAgainstStable'
      readonly text: string
      /** The ratio of stable's window, 0 to 1, makes the limit; the limit itself passes. */
      readonly limit: AgainstStable
    }
  | {
      readonly type: 'latencyAgainstStable'
      readonly text: string
      /** As written, such as `p95`. */
      readonly name: string
      /** Above 0, below 1. */
      readonly quantile: number
      /** As for a latency. */
      readonly limitRatio: number
      /** The same quantile of stable's window, in microseconds, makes the limit. */
      readonly limit: AgainstStable
    }
  | CustomCriterion

/** How many criteria one list may have. */
export const CRITERIA_LIMIT = 16

/** The highest latency limit (about 132 s): the last bin has no end, so nothing in it is surely beyond a limit. */
const LATENCY_LIMIT_US: number = binUpperUs(BIN_COUNT - 2)

/** The largest minimum sample that can be asked for. */
const MIN_COUNT_LIMIT = 1_000_000_000

const FORM = /^(\s*)([^\s<>=!]*)(\s*)([<>=!]*)(\s*)(.*?)\s*$/su
const NUMBER = /^(\d+(?:\.\d+)?|\.\d+)\s*([^\d.\s]*)$/u
const NAMES = 'error_rate, latency_pNN, requests or custom.NAME'
const RATIO = 'a percentage from 0% to 100% or a ratio from 0 to 1'
const TIME = 'a time with the unit us, ms or s, such as 250ms'
const OR_STABLE = ', or stable such as stable*1.5'
const MICROSECONDS: Readonly<Record<string, string>> = { us: 'e0', ms: 'e3', s: 'e6' }

/**
 * Reads a list of criteria; an empty text is an empty list.
 *
 * Throws a `CriteriaError` that names the place, what was found there and what was expected.
 */
export function parseCriteria(text: string): readonly Criterion[] {
  if (text.trim() === '') return []
  const criteria: Criterion[] = []
  const names = new Set<string>()
  let offset = 0
  for (const piece of text.split(',')) {
    const parts = split(piece, offset)
    if (criteria.length === CRITERIA_LIMIT) {
      throw fault(parts.name, `no more than ${CRITERIA_LIMIT} criteria`)
    }
    const key = keyOf(parts)
    if (names.has(key)) throw fault(parts.name, 'each criterion once')
    criteria.push(parseOne(parts))
    names.add(key)
    offset += piece.length + 1
  }
  return criteria
}

function split(piece: string, offset: number): Parts {
  // The form takes every text; the parts are judged one by one.
  const [, before = '', name = '', gap = '', operator = '', space = '', value = ''] =
    FORM.exec(piece) ?? []
  const nameOffset = offset + before.length
  const operatorOffset = nameOffset + name.length + gap.length
  return {
    name: { text: name, offset: nameOffset },
    operator: { text: operator, offset: operatorOffset },
    value: { text: value, offset: operatorOffset + operator.length + space.length },
  }
}

/** What may stand once: a limit of its own beside one against stable, and of a pushed metric two ends. */
function keyOf({ name, operator, value }: Parts): string {
  const end = name.text.startsWith(CUSTOM_PREFIX) ? operator.text.charAt(0) : ''
  return `${name.text} ${end}${isAgainstStable(value) ? ' stable' : ''}`
}

function parseOne(parts: Parts): Criterion {
  const { name } = parts
  if (name.text === 'error_rate') return parseErrorRate(parts)
  if (name.text === 'requests') return parseRequests(parts)
  if (name.text.startsWith('latency_p')) return parseLatency(parts)
  if (name.text.startsWith(CUSTOM_PREFIX)) return parseCustom(parts)
  throw fault(name, NAMES)
}

function parseErrorRate(parts: Parts): Criterion {
  const { operator, value } = parts
  requireUpper(parts)
  const text = textOf(parts)
  if (isAgainstStable(value)) {
    const example = 'stable*1.5+0.1%'
    const limit = readAgainstStable(value, {
      readAmount: (amount) => readRatio(amount),
      example,
      mayShrink: false,
    })
    return { type: 'errorRateAgainstStable', text, limit }
  }
  const limitRatio = readRatio(value, OR_STABLE)
  const isInclusive = operator.text === '<='
  if (limitRatio === 0 && !isInclusive)
    throw fault(value, 'more than 0, or <=0 for no error at all')
  return { type: 'errorRate', text, limitRatio, isInclusive }
}

function readRatio(value: Token, orElse = ''): number {
  const [, digits, unit] = NUMBER.exec(value.text) ?? []
  if (digits === undefined || (unit !== '' && unit !== '%')) {
    throw fault(value, `${RATIO}${orElse}`)
  }
  const isPercent = unit === '%'
  const ratio = Number(isPercent ? `${digits}e-2` : digits)
  if (ratio <= 1) return ratio
  const hint = !isPercent && ratio <= 100 ? `; did you mean ${digits}%?` : ''
  throw fault(value, `${RATIO}${hint}`)
}

function parseLatency(parts: Parts): Criterion {
  const { name, value } = parts
  const percent = name.text.slice('latency_p'.length)
  const isNumber = /^\d{1,2}(?:\.\d{1,4})?$/u.test(percent)
  const percentile = Number(percent)
  if (!isNumber || percentile === 0) {
    throw fault(name, 'a percentile above 0 and below 100, such as latency_p95 or latency_p99.9')
  }
  requireUpper(parts)
  // Both are the doubles nearest to their decimals, so that 50 of 1000 is exactly the share of p95.
  const shared = {
    text: textOf(parts),
    name: `p${percent}`,
    quantile: Number(`${percent}e-2`),
    limitRatio: Number(`${(100 - percentile).toFixed(4)}e-2`),
  }
  if (isAgainstStable(value)) {
    const example = 'stable*1.2+5ms'
    const limit = readAgainstStable(value, {
      readAmount: (amount) => readTimeUs(amount),
      example,
      mayShrink: false,
    })
    return { type: 'latencyAgainstStable', ...shared, limit }
  }
  const limitText = value.text.replaceAll(/\s/gu, '')
  return { type: 'latency', ...shared, limitUs: readTimeUs(value, OR_STABLE), limitText }
}

/** Whole microseconds. */
function readTimeUs(value: Token, orElse = ''): number {
  const [, digits, unit = ''] = NUMBER.exec(value.text) ?? []
  const exponent = Object.hasOwn(MICROSECONDS, unit) ? MICROSECONDS[unit] : undefined
  if (digits === undefined || exponent === undefined) throw fault(value, `${TIME}${orElse}`)
  const timeUs = Math.round(Number(`${digits}${exponent}`))
  if (timeUs >= 1 && timeUs <= LATENCY_LIMIT_US) return timeUs
  throw fault(value, `1us to ${Math.floor(LATENCY_LIMIT_US / 1e6)}s`)
}

function parseRequests(parts: Parts): Criterion {
  const { operator, value } = parts
  if (operator.text !== '>=') throw fault(operator, '>=')
  const minCount = /^\d{1,10}$/u.test(value.text) ? Number(value.text) : 0
  if (minCount < 1 || minCount > MIN_COUNT_LIMIT) {
    throw fault(value, `a whole number from 1 to ${MIN_COUNT_LIMIT}`)
  }
  return { type: 'requests', text: textOf(parts), minCount }
}

function requireUpper({ operator }: Parts): void {
  if (operator.text !== '<' && operator.text !== '<=') throw fault(operator, '< or <=')
}
