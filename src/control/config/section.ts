/**
 * The kinds of collections in the configuration, as zod schemas: maps with known keys, and lists.
 */

import { z } from 'zod'
import { didYouMean, quote } from './wording.ts'

/** A map with these keys alone. Unknown ones are named one a line, in the order of the issue's `keys`. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => `unknown key ${quote(key)}; ${didYouMean(key, known)}`).join('\n')
        : undefined,
  })
}

/** A list with so many entries. */
export function list<Item extends z.ZodType>(item: Item, min: number, max: number) {
  return z.array(item).min(min).max(max)
}

/** What a check between the keys of one section reports. */
export function customIssue(input: unknown, path: string[], message: string) {
  return { code: 'custom' as const, input, path, message }
}
