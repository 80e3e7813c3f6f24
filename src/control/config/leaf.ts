/**
 * The kinds of scalars in the configuration, as zod schemas: text, counts, sizes, durations, switches, choices.
 *
 * A leaf is one function that reads what was found, beside the JSON Schema keywords that describe it to an
 * editor. zod's own string and number checks were rejected here: their messages say neither what was found
 * nor what to write, and a number may come as text, since `${PORT}` is replaced after the YAML is parsed.
 */

import { z } from 'zod'
import { CodedError } from '../coded-error.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import type { Setting } from './defaults.ts'
import { formatSize, parseSize, SIZE_PATTERN } from './size.ts'
import { describe, didYouMean, quote, refused } from './wording.ts'

type Keywords = Readonly<Record<string, unknown>>

/** What stands in the file may be a reference, which only the environment can check. */
const REFERENCE: Keywords = { type: 'string', pattern: String.raw`\$\{` }

const DURATION_PATTERN = '^([0-9]+(d|h|m|s|ms))+$'

/** Text that `read` takes and returns in its final form; `pattern` is for editors. */
export function text<T>(read: (text: string) => T, about: string, pattern?: string) {
  const forms = pattern === undefined ? [] : [{ type: 'string', pattern }]
  return leaf((found) => read(expectText(found)), about, forms)
}

/** Text or a number, which `read` takes as text; `forms` are for editors. */
export function scalar<T>(read: (text: string) => T, about: string, forms: readonly Keywords[]) {
  const readText = (found: unknown) =>
    read(typeof found === 'number' ? String(found) : expectText(found))
  return leaf(readText, about, forms)
}

/** A share from `min` to `max`, with a default. */
export function ratioSetting(setting: Setting, about: string) {
  const { min, max } = setting
  const read = (found: unknown) => {
    const number = isDecimal(found) ? Number(found) : found
    if (typeof number !== 'number') throw refused(`must be a number, but ${describe(found)}`)
    return within(number, setting, String)
  }
  const forms = [{ type: 'number', minimum: min, maximum: max }]
  return leaf(read, `${about} ${bounds(setting, String)}`, forms).prefault(setting.default)
}

/** A whole number from `min` to `max`. */
export function count({ min, max }: Pick<Setting, 'min' | 'max'>, about: string) {
  const read = (found: unknown) => {
    const number = isDigits(found) ? Number(found) : found
    if (typeof number !== 'number') throw refused(`must be a whole number, but ${describe(found)}`)
    if (!Number.isInteger(number)) throw refused(`${number} is not a whole number`)
    return within(number, { min, max }, String)
  }
  const forms = [{ type: 'integer', minimum: min, maximum: max }]
  return leaf(read, `${about} ${min} to ${max}.`, forms)
}

/** A count with a default. */
export function countSetting(setting: Setting, about: string) {
  return count(setting, `${about} Default ${setting.default}, range`).prefault(setting.default)
}

/** Bytes, from a number or a text such as `16KiB`. */
export function sizeSetting(setting: Setting, about: string) {
  const read = (found: unknown) => {
    if (typeof found !== 'number' && typeof found !== 'string') {
      throw refused(`must be a size such as 16KiB, but ${describe(found)}`)
    }
    return within(parseSize(String(found)), setting, formatSize)
  }
  const forms = [
    { type: 'integer', minimum: setting.min, maximum: setting.max },
    { type: 'string', pattern: SIZE_PATTERN },
  ]
  const unit = 'Bytes, or a whole number with KiB, MiB or GiB.'
  return leaf(read, `${about} ${unit} ${bounds(setting, formatSize)}`, forms).prefault(
    setting.default === 0 ? 0 : formatSize(setting.default),
  )
}

/** Milliseconds from `min` to `max`, from a text such as `10s`. */
export function duration(range: Pick<Setting, 'min' | 'max'>, about: string) {
  const read = (found: unknown) => {
    if (typeof found !== 'number' && typeof found !== 'string') {
      throw refused(`must be a duration such as 10s, but ${describe(found)}`)
    }
    return within(parseDuration(String(found)), range, formatDuration)
  }
  return leaf(read, about, [{ type: 'string', pattern: DURATION_PATTERN }])
}

/** The same with a default. */
export function durationSetting(setting: Setting, about: string) {
  const unit = 'With unit: ms, s, m, h or d.'
  return duration(setting, `${about} ${unit} ${bounds(setting, formatDuration)}`).prefault(
    formatDuration(setting.default),
  )
}

export function flag(about: string) {
  return leaf(readFlag, about, [{ type: 'boolean' }])
}

/** One number alone. */
export function exactly(number: number, about: string) {
  const read = (found: unknown) => {
    if (found === number || found === String(number)) return number
    throw refused(`must be ${number}, but ${describe(found)}`)
  }
  return leaf(read, about, [{ const: number }])
}

/** One of a few words; those that are numbers may stand without quotes. */
export function choice<const T extends string>(words: readonly T[], about: string) {
  const read = (word: string) => {
    const match = words.find((candidate) => candidate === word)
    if (match !== undefined) return match
    throw refused(`${quote(word)} is not possible; ${didYouMean(word, words)}`)
  }
  const numbers = words.filter((word) => isDecimal(word)).map(Number)
  return scalar(read, about, [{ enum: [...words, ...numbers] }])
}

function leaf<T>(read: (found: unknown) => T, about: string, forms: readonly Keywords[]) {
  const schema = z.unknown().transform((found, context) => {
    try {
      return read(found)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      context.issues.push({ code: 'custom', message: error.message, input: found })
      return z.NEVER
    }
  })
  const keywords = forms.length === 0 ? { type: 'string' } : { anyOf: [...forms, REFERENCE] }
  return schema.meta({ description: about, ...keywords })
}

function readFlag(found: unknown): boolean {
  if (found === true || found === 'true') return true
  if (found === false || found === 'false') return false
  throw refused(`must be true or false, but ${describe(found)}`)
}

function expectText(found: unknown): string {
  if (typeof found === 'string') return found
  if (typeof found === 'number' || typeof found === 'boolean') {
    throw refused(`must be text, but is ${found}; put it in quotes`)
  }
  throw refused(`must be text, but ${describe(found)}`)
}

function isDigits(found: unknown): boolean {
  return typeof found === 'string' && /^\d{1,15}$/.test(found)
}

function isDecimal(found: unknown): boolean {
  return typeof found === 'string' && /^\d{1,9}(?:\.\d{1,9})?$/.test(found)
}

function within(
  value: number,
  { min, max }: Pick<Setting, 'min' | 'max'>,
  format: (value: number) => string,
): number {
  if (value >= min && value <= max) return value
  throw refused(`${format(value)} is outside ${format(min)} to ${format(max)}`)
}

function bounds(setting: Setting, format: (value: number) => string): string {
  return `Default ${format(setting.default)}, range ${format(setting.min)} to ${format(setting.max)}.`
}
