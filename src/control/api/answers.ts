/**
 * What a route may answer, for `/openapi.json` and for fastify's serialiser: each success with its
 * schema, and the problems, of which every route has some.
 */

import { z } from 'zod'
import { type ErrorCode, ERRORS } from '../coded-error.ts'
import { PROBLEM_TYPE } from './problem.ts'
import { ProblemView } from './schema.ts'

/** Problems that any route can answer: a bad token, a foreign page, a server that stops, a bug. */
const EVERYWHERE: readonly ErrorCode[] = [
  'malformedRequest',
  'unauthenticated',
  'forbidden',
  'stopping',
  'internal',
]

interface Success {
  readonly status: number
  readonly description: string
  readonly schema: z.ZodType
  /** Left out: `application/json`. */
  readonly contentType?: string
}

/** The record is typed loosely on purpose: kept answers go out as text, past the serialiser. */
export function answers(
  successes: readonly Success[],
  problems: readonly ErrorCode[] = [],
): Record<number, unknown> {
  const all: Record<number, { description: string; content: object }> = {}
  for (const { status, description, schema, contentType } of successes) {
    all[status] = { description, content: { [contentType ?? 'application/json']: { schema } } }
  }
  const byStatus = Map.groupBy([...EVERYWHERE, ...problems], (code) => ERRORS[code].status)
  for (const [status, codes] of byStatus) {
    const description = codes.map((code) => `${code}: ${ERRORS[code].title}`).join('\n\n')
    const content = { [PROBLEM_TYPE]: { schema: ProblemView } }
    const success = all[status]
    all[status] =
      success === undefined
        ? { description, content }
        : { ...success, content: { ...success.content, ...content } }
  }
  return all
}
