/**
 * Looking into values that have not been checked: what cannot be read is passed over, for others to complain about.
 */

import { CodedError } from '../coded-error.ts'
import type { Path } from './fault.ts'

/** A value and where it stands. */
export interface Found<T> {
  readonly path: Path
  readonly value: T
}

/** The member of a map; undefined where there is none, or no map. */
export function get(value: unknown, key: string): unknown {
  return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

/** The entries of the list at a path; none where there is no list. */
export function items(value: unknown, path: readonly string[]): readonly Found<unknown>[] {
  const list = path.reduce(get, value)
  return Array.isArray(list) ? list.map((item, i) => ({ path: [...path, i], value: item })) : []
}

/** The members of that name, where they are text. */
export function texts(list: readonly Found<unknown>[], key: string): readonly Found<string>[] {
  return list.flatMap(({ path, value }) => {
    const found = get(value, key)
    return typeof found === 'string' ? [{ path: [...path, key], value: found }] : []
  })
}

/** The members of that name, whatever they are. */
export function members(list: readonly Found<unknown>[], key: string): readonly Found<unknown>[] {
  return list.map(({ path, value }) => ({ path: [...path, key], value: get(value, key) }))
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What `read` makes of a text; undefined where it refuses it, or where there is no text. */
export function attempt<T>(read: (text: string) => T, found: unknown): T | undefined {
  if (typeof found !== 'string') return undefined
  try {
    return read(found)
  } catch (error) {
    if (error instanceof CodedError) return undefined
    throw error
  }
}
