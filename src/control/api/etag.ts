/**
 * Optimistic concurrency: the strong ETag is the rollout's generation, and `If-Match`,
 * `expectedGeneration` and `expectedStep` say what the caller believes. Nothing is compared here:
 * only the engine can do that without a race, in the same breath as the change.
 */

import { CodedError } from '../coded-error.ts'
import type { Expected } from '../rollout/engine.ts'
import type { Belief } from './bodies.ts'

/** The generation as an entity tag, `"42"`. */
export function etagOf(generation: number): string {
  return `"${generation}"`
}

/**
 * One or more entity tags (RFC 9110 section 8.8.3), weak ones too: they are well formed but never
 * match.
 */
const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`
const TAG_LIST = new RegExp(String.raw`^${TAG}(?:[ \t]*,[ \t]*${TAG})*$`)
const GENERATION = /^"(\d{1,15})"$/

/**
 * Returns what the caller expects, from the If-Match field and the body; nothing for `*`, which any
 * rollout meets.
 *
 * Throws `CodedError`: `malformedRequest` for a field that is no list of tags or contradicts the
 * body, `stale` for tags that no generation has.
 */
export function readExpected(
  ifMatch: string | undefined,
  body: Belief,
  currentGeneration: number,
): Expected {
  const tagged = ifMatch === undefined ? undefined : readIfMatch(ifMatch, currentGeneration)
  const { expectedGeneration, expectedStep } = body
  if (tagged !== undefined && expectedGeneration !== undefined && tagged !== expectedGeneration) {
    throw new CodedError(
      'malformedRequest',
      `If-Match says generation ${tagged}, but expectedGeneration says ${expectedGeneration}; send one of them`,
    )
  }
  const generation = tagged ?? expectedGeneration
  return {
    ...(generation !== undefined && { generation }),
    ...(expectedStep !== undefined && { stepIndex: expectedStep }),
  }
}

/**
 * The generation that the field names, the current one if it is among several; undefined for `*`.
 */
function readIfMatch(field: string, currentGeneration: number): number | undefined {
  const text = field.trim()
  if (text === '*') return undefined
  if (!TAG_LIST.test(text)) {
    throw new CodedError(
      'malformedRequest',
      `If-Match must be * or a quoted generation such as ${etagOf(currentGeneration)}, but is ${text}`,
    )
  }
  const generations = text
    .split(',')
    .map((tag) => GENERATION.exec(tag.trim())?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
  if (generations.includes(currentGeneration)) return currentGeneration
  const first = generations[0]
  if (first !== undefined) return first
  throw new CodedError(
    'stale',
    `If-Match is ${text}, but the rollout's tag is ${etagOf(currentGeneration)}`,
    { generation: currentGeneration },
  )
}
