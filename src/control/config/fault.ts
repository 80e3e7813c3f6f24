/**
 * One thing that is wrong with a configuration, and where: `file:line:column path: message`.
 *
 * The form is that of compilers, so editors and CI systems find the place without being told how.
 */

import { CodedError } from '../coded-error.ts'

/** Keys and indices from the top of the file. */
export type Path = readonly (string | number)[]

export interface Fault {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  /** Such as `routes[0].match.path`; empty for the file as a whole. */
  readonly path: string
  /** One line, without the place. */
  readonly message: string
}

export function formatFault({ file, line, column, path, message }: Fault): string {
  return `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`
}

/** Returns a path as people write it; keys that are not plain words stand in quotes. */
export function formatPath(path: Path): string {
  return path
    .map((part, i) => {
      if (typeof part === 'number') return `[${part}]`
      if (!/^[\w-]+$/.test(part)) return `[${JSON.stringify(part)}]`
      return i === 0 ? part : `.${part}`
    })
    .join('')
}

/** In the order of the file. */
export function sortFaults(faults: readonly Fault[]): readonly Fault[] {
  return faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

/** The error that carries all faults: one a line in its message, as objects in `members.faults`. */
export function faultsError(faults: readonly Fault[]): CodedError {
  return new CodedError('invalidConfig', faults.map(formatFault).join('\n'), { faults })
}
