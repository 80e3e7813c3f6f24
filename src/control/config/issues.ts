/**
 * From zod's issues to faults: adds what was found, and says in our words what zod says in those of types.
 */

import type { z } from 'zod'
import type { Fault, Path } from './fault.ts'
import { get } from './lookup.ts'
import type { Places } from './places.ts'
import { describe } from './wording.ts'

type Issue = z.core.$ZodIssue

const KINDS: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
}

/** Returns one fault an issue, and one for each of several unknown keys. */
export function faultsOf(issues: readonly Issue[], value: unknown, places: Places): Fault[] {
  return issues.flatMap(unfold).flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol')
    return places.isUnread(path) ? [] : faultsAt(issue, path, value, places)
  })
}

function faultsAt(issue: Issue, path: Path, value: unknown, places: Places): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, i) => places.faultAtKey(path, key, messages[i] ?? issue.message))
  }
  const key = path.at(-1)
  if (typeof key === 'string' && !places.has(path)) {
    return [places.fault(path.slice(0, -1), `the key "${key}" is missing`)]
  }
  return [places.fault(path, sentence(issue, valueAt(value, path)))]
}

function sentence(issue: Issue, found: unknown): string {
  if (issue.code === 'invalid_type') {
    return `must be ${KINDS[issue.expected] ?? issue.expected}, but ${describe(found)}`
  }
  if (issue.code === 'too_small') return `needs at least ${issue.minimum} entry`
  if (issue.code === 'too_big') {
    const count = Array.isArray(found) ? `${found.length} entries` : 'too many entries'
    return `has ${count}; at most ${issue.maximum} are possible`
  }
  return issue.message
}

/** Of several forms (one or a list), the faults of the form that got furthest are the ones that help. */
function unfold(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const depthOf = (branch: readonly Issue[]) =>
    Math.max(
      ...branch.map(({ code, path }) =>
        code === 'invalid_type' ? path.length || -1 : path.length,
      ),
    )
  const [best = []] = issue.errors.toSorted((a, b) => depthOf(b) - depthOf(a))
  return best.map((inner) => Object.assign(inner, { path: [...issue.path, ...inner.path] }))
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce(
    (inner, part) => (typeof part === 'number' ? entry(inner, part) : get(inner, part)),
    value,
  )
}

function entry(value: unknown, index: number): unknown {
  return Array.isArray(value) ? value[index] : undefined
}
