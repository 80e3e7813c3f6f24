/**
 * Failures of SQLite and of files as coded errors, each with what to do next.
 */

import { CodedError, type ErrorCode } from '../coded-error.ts'

/** The primary result codes (https://www.sqlite.org/rescode.html) that say more than "it did not work". */
const SQLITE = {
  busy: 5,
  locked: 6,
  corrupt: 11,
  full: 13,
  constraint: 19,
  notADatabase: 26,
} as const

/** Runs `work`; a failure of SQLite or of a file leaves as `CodedError`, a bug as it is. `doing` begins the sentence. */
export function guarded<Result>(doing: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw coded(doing, error)
  }
}

/** Whether somebody else holds the database's lock. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE.busy
}

/** Whether a row is there already. */
export function isConflict(error: unknown): boolean {
  return resultCode(error) === SQLITE.constraint
}

/** SQLite's primary result code; undefined for other errors. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

function coded(doing: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof CodedError) return error
  if ('code' in error && error.code === 'ERR_INVALID_STATE') {
    return new CodedError('storeUnavailable', `${doing}: the store is closed`)
  }
  if ('syscall' in error) {
    return new CodedError('storeUnavailable', `${doing}: ${error.message}; ${CHECK}`)
  }
  const result = resultCode(error)
  if (result === undefined) return error
  const [code, advice] = explain(result)
  return new CodedError(code, `${doing}: ${error.message}; ${advice}`)
}

function explain(result: number): [ErrorCode, string] {
  switch (result) {
    case SQLITE.busy:
    case SQLITE.locked:
      return ['storeLocked', 'stop the other program that writes this file']
    case SQLITE.corrupt:
    case SQLITE.notADatabase:
      return ['storeCorrupt', RESTORE]
    case SQLITE.full:
      return ['storeUnavailable', 'make room on its disk']
    default:
      return ['storeUnavailable', CHECK]
  }
}

const CHECK = 'check that its folder exists, can be written and has room'

/** What to do with a damaged store; Sluice never repairs or replaces one by itself. */
export const RESTORE =
  'restore it from a backup, or move it away to begin with an empty journal (nothing was changed)'
