/**
 * What a command is: a row of the table in `commands.ts`, from which the arguments are checked (`parse.ts`) and the
 * help is written (`help.ts`). Nothing about a command's form stands anywhere else.
 */

import type { Context } from './context.ts'
import type { Kind } from './kinds.ts'

export interface Argument {
  /** In capitals, as the help shows it. */
  readonly name: string
  readonly summary: string
  readonly kind?: Kind
  readonly isOptional?: true
}

export interface Option {
  /** Without dashes. */
  readonly name: string
  /** One letter, without dash. */
  readonly short?: string
  /** Left out: a switch without a value. */
  readonly kind?: Kind
  readonly summary: string
  /** Used where the option is not given. */
  readonly default?: string
  readonly isRequired?: true
}

/** The checked arguments and options of one call. A name that the table lacks is a bug and throws. */
export interface Given {
  text(name: string): string | undefined
  /** For required ones and those with a default. */
  required(name: string): string
  isOn(name: string): boolean
}

export interface Command {
  /** One word, or two: `rollout start`. */
  readonly name: string
  /** One line, without a full stop. */
  readonly summary: string
  /** Further lines of the command's own help. */
  readonly details?: readonly string[]
  readonly examples?: readonly string[]
  readonly arguments: readonly Argument[]
  readonly options: readonly Option[]
  /** Signals are left to the command: `run` drains where the others end at once. */
  readonly ownsSignals?: true
  /** Resolves to the exit code. Throws `CommandError` or `CodedError` for expected failures. */
  run(given: Given, context: Context): Promise<number>
}
