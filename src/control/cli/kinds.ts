/**
 * The kinds of value that options and arguments take: how the help names them, what is allowed, and the check.
 * Checked before anything is sent, so that a slip names the option and not a place in a request.
 */

import { parseDuration } from '../duration.ts'

export interface Kind {
  /** Stands for the value in the help, such as `DURATION`. */
  readonly metavar: string
  /** Completes «must be …». */
  readonly allowed: string
  accepts(text: string): boolean
}

/** Weights of a traffic split, percent; undefined unless they rise, lie in (0, 100] and have at most two decimals. */
export function parseSplit(text: string): readonly number[] | undefined {
  const parts = text.split(',').map((part) => part.trim().replace(/%$/, ''))
  if (!parts.every((part) => /^\d{1,3}(?:\.\d{1,2})?$/.test(part))) return undefined
  const weights = parts.map(Number)
  const isRising = weights.every((weight, i) => weight > (weights[i - 1] ?? 0))
  return isRising && (weights.at(-1) ?? 0) <= 100 ? weights : undefined
}

export const TEXT: Kind = {
  metavar: 'TEXT',
  allowed: 'a text',
  accepts: () => true,
}

/** A text that is not empty, under a name of its own in the help. */
export function named(metavar: string): Kind {
  return { metavar, allowed: 'a name, not empty', accepts: (text) => text.trim() !== '' }
}

export const FILE: Kind = {
  metavar: 'FILE',
  allowed: 'the path of a file',
  accepts: (text) => text !== '',
}

export const DURATION: Kind = {
  metavar: 'DURATION',
  allowed: 'a duration above 0 such as 500ms, 30s, 2m or 1h30m',
  accepts: (text) => {
    try {
      return parseDuration(text) > 0
    } catch {
      return false
    }
  },
}

export const COUNT: Kind = {
  metavar: 'N',
  allowed: 'a whole number, 0 or more',
  accepts: (text) => /^\d{1,15}$/.test(text),
}

export const SPLIT: Kind = {
  metavar: 'PERCENTS',
  allowed: 'rising percentages above 0 and up to 100, with commas, such as 5,25,50,100',
  accepts: (text) => parseSplit(text) !== undefined,
}

/** One weight, percent, 0 to 100. */
export const PERCENT: Kind = {
  metavar: 'PERCENT',
  allowed: 'a percentage from 0 to 100 with at most two decimals, such as 12.5',
  accepts: (text) => /^\d{1,3}(?:\.\d{1,2})?%?$/.test(text) && Number.parseFloat(text) <= 100,
}

export const INSTANT: Kind = {
  metavar: 'TIME',
  allowed: 'a time with its zone, such as 2027-01-31T08:00:00Z',
  accepts: (text) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text)),
}

export const JSON_KIND: Kind = {
  metavar: 'JSON',
  allowed: 'a JSON object, or null',
  accepts: (text) => {
    try {
      return typeof JSON.parse(text) === 'object'
    } catch {
      return false
    }
  },
}

export const URL_KIND: Kind = {
  metavar: 'URL',
  allowed: 'an address such as http://127.0.0.1:9090',
  accepts: (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
}

/** One of a few words. */
export function oneOf(metavar: string, words: readonly string[]): Kind {
  return {
    metavar,
    allowed: `one of ${words.join(', ')}`,
    accepts: (text) => words.includes(text),
  }
}
