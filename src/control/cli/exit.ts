/**
 * How a command ends: the exit codes, which scripts rely on, and the error that carries one.
 *
 * Not a `CodedError`: its codes are the control plane's own, while a command fails at things that the control plane
 * never sees (an unreachable server, a wait that ran out). `exitCodeOf` is the one place where the two meet.
 */

import type { ErrorCode } from '../coded-error.ts'
import { CodedError } from '../coded-error.ts'

/** What each exit code means is part of the interface; a code is never reused. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  timedOut: 3,
  notAllowed: 4,
  aborted: 5,
  conflict: 6,
  unreachable: 7,
  interrupted: 130,
} as const

/** In the order of `sluice --help`. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failure, 'failed'],
  [EXIT.usage, 'wrong usage or a faulty configuration'],
  [EXIT.timedOut, 'a wait ran out of time'],
  [EXIT.notAllowed, 'not allowed (401, 403)'],
  [EXIT.aborted, 'the rollout was aborted, rolled back or superseded'],
  [EXIT.conflict, 'conflict with the state of the rollout (409, 412)'],
  [EXIT.unreachable, 'the server cannot be reached'],
  [EXIT.interrupted, 'interrupted'],
]

/** An expected end of a command other than success. The message is one sentence without a full stop. */
export class CommandError extends Error {
  readonly exitCode: number
  /** Printed below the message, indented, one line each. */
  readonly details: readonly string[]
  /** Of the problem document, where the server refused. */
  readonly code: string | undefined

  constructor(exitCode: number, message: string, details: readonly string[] = [], code?: string) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
    this.details = details
    this.code = code
  }
}

/** Thrown for wrong arguments and options; `sluice` then points to the command's help. */
export class UsageError extends CommandError {
  constructor(message: string, details: readonly string[] = []) {
    super(EXIT.usage, message, details)
    this.name = 'UsageError'
  }
}

/** Exit code of an HTTP status of the admin API; 2 where the request itself was at fault. */
export function exitCodeOfStatus(status: number): number {
  switch (status) {
    case 400:
    case 422:
      return EXIT.usage
    case 401:
    case 403:
      return EXIT.notAllowed
    case 409:
    case 412:
      return EXIT.conflict
    default:
      return EXIT.failure
  }
}

const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'invalidConfig',
  'invalidRequest',
  'malformedRequest',
])

/** Exit code of whatever a command threw; 1 for what nobody expected. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandError) return error.exitCode
  if (error instanceof CodedError && USAGE_CODES.has(error.code)) return EXIT.usage
  return EXIT.failure
}
