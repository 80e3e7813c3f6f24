/**
 * From the words on the command line to one command with checked arguments and options.
 *
 * `node:util` parseArgs cuts the words into tokens; its strict mode is not used, because its messages name neither
 * what is allowed nor what was probably meant.
 */

import { parseArgs } from 'node:util'
import type { Command, Given, Option } from './command.ts'
import { UsageError } from './exit.ts'
import { nearest } from '../nearest.ts'

export type Call =
  /** Null: the help of `sluice` itself. */
  | { readonly type: 'help'; readonly command: Command | null }
  | { readonly type: 'run'; readonly command: Command; readonly given: Given }

export interface Table {
  readonly commands: readonly Command[]
  /** Options of every command. */
  readonly globals: readonly Option[]
}

/** Throws `UsageError` for whatever the table does not allow. */
export function parseCall(argv: readonly string[], table: Table): Call {
  const words = positionals(argv, table)
  const [first, second] = words
  if (first === undefined) return withoutCommand(argv, table)

  if (first.value === 'help') {
    const name = words.slice(1).map((word) => word.value)
    if (name.length === 0) return { type: 'help', command: null }
    return { type: 'help', command: commandNamed(name[0]!, name[1], table) }
  }
  const command = commandNamed(first.value, second?.value, table)
  const wordCount = command.name.split(' ').length
  const named = new Set(words.slice(0, wordCount).map((word) => word.index))
  const rest = argv.filter((_, index) => !named.has(index))
  return parseCommand(command, rest, table.globals)
}

/** The command that the words name, if they name one: for the hint below a fault. */
export function findCommand(argv: readonly string[], table: Table): Command | undefined {
  const [first, second] = positionals(argv, table).map((word) => word.value)
  return table.commands.find(({ name }) => name === first || name === `${first} ${second}`)
}

function positionals(argv: readonly string[], table: Table) {
  return tokenize(argv, table.globals).filter((token) => token.kind === 'positional')
}

function withoutCommand(argv: readonly string[], table: Table): Call {
  for (const token of tokenize(argv, table.globals)) {
    if (token.kind !== 'option') continue
    if (token.name === 'help') return { type: 'help', command: null }
    if (token.name === 'version')
      return parseCommand(commandNamed('version', '', table), [], table.globals)
    if (!table.globals.some((option) => option.name === token.name)) {
      throw new UsageError(`unknown option "${token.rawName}" before the command`)
    }
  }
  throw new UsageError('a command is missing', [`one of ${commandNames(table).join(', ')}`])
}

function commandNamed(first: string, second: string | undefined, table: Table): Command {
  const found = table.commands.find(({ name }) => name === first || name === `${first} ${second}`)
  if (found !== undefined) return found

  const group = commandNames(table).filter((name) => name.startsWith(`${first} `))
  if (group.length > 0) {
    const was = second === undefined ? 'needs a second word' : `has no command "${second}"`
    throw new UsageError(`"${first}" ${was}; there is ${group.join(', ')}`)
  }
  const meant = nearest(first, commandNames(table))
  throw new UsageError(
    `unknown command "${first}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
    meant === undefined ? [`one of ${commandNames(table).join(', ')}`] : [],
  )
}

function parseCommand(command: Command, args: readonly string[], globals: readonly Option[]): Call {
  const options = [...command.options, ...globals]
  const values = new Map<string, string | true>()
  const words: string[] = []
  for (const token of tokenize(args, options)) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const option = options.find((candidate) => candidate.name === token.name)
    if (option === undefined) throw unknownOption(command, token.rawName, options)
    values.set(option.name, checkedValue(option, token))
  }
  if (values.get('help') === true) return { type: 'help', command }

  for (const [index, argument] of command.arguments.entries()) {
    const value = words[index]
    if (value === undefined) {
      if (argument.isOptional) continue
      throw new UsageError(`"${command.name}" needs ${argument.name}: ${argument.summary}`)
    }
    if (argument.kind?.accepts(value) === false) {
      throw new UsageError(`${argument.name} must be ${argument.kind.allowed}, not "${value}"`)
    }
    values.set(argument.name, value)
  }
  const surplus = words[command.arguments.length]
  if (surplus !== undefined) {
    const taken = command.arguments.map((argument) => argument.name).join(' ')
    throw new UsageError(
      `"${command.name}" takes ${taken === '' ? 'no arguments' : `only ${taken}`}; what is "${surplus}"?`,
    )
  }
  for (const option of options) {
    if (values.has(option.name)) continue
    if (option.isRequired) {
      const metavar = option.kind === undefined ? '' : ` ${option.kind.metavar}`
      throw new UsageError(`"${command.name}" needs --${option.name}${metavar}: ${option.summary}`)
    }
    if (option.default !== undefined) values.set(option.name, option.default)
  }
  return { type: 'run', command, given: givenOf(command, options, values) }
}

type Token = ReturnType<typeof tokenize>[number]

function checkedValue(option: Option, token: Extract<Token, { kind: 'option' }>): string | true {
  const { kind } = option
  const { value } = token
  if (kind === undefined) {
    if (value !== undefined) throw new UsageError(`--${option.name} takes no value`)
    return true
  }
  if (value === undefined || (!token.inlineValue && /^--?[a-z]/.test(value))) {
    throw new UsageError(`--${option.name} needs ${kind.allowed}`)
  }
  if (!kind.accepts(value)) {
    throw new UsageError(`--${option.name} must be ${kind.allowed}, not "${value}"`)
  }
  return value
}

function unknownOption(command: Command, rawName: string, options: readonly Option[]): UsageError {
  if (rawName === '--token') {
    return new UsageError(
      'a token is not taken from the command line, where other users of the machine can read it; ' +
        'set SLUICE_TOKEN or give --token-file',
    )
  }
  const names = options.map((option) => `--${option.name}`)
  const meant = nearest(rawName, names)
  return new UsageError(
    `unknown option "${rawName}" of "${command.name}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
    meant === undefined ? [`allowed are ${names.join(', ')}`] : [],
  )
}

function givenOf(
  command: Command,
  options: readonly Option[],
  values: ReadonlyMap<string, string | true>,
): Given {
  const known = new Set([...options, ...command.arguments].map((item) => item.name))
  const valueOf = (name: string): string | true | undefined => {
    if (!known.has(name)) throw new RangeError(`"${command.name}" has no "${name}" in its table`)
    return values.get(name)
  }
  const text = (name: string): string | undefined => {
    const value = valueOf(name)
    return value === true ? undefined : value
  }
  return {
    text,
    isOn: (name) => valueOf(name) === true,
    required: (name) => {
      const value = text(name)
      if (value === undefined) throw new RangeError(`"${name}" of "${command.name}" is not set`)
      return value
    },
  }
}

function tokenize(args: readonly string[], options: readonly Option[]) {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      options.map((option) => [
        option.name,
        {
          type: option.kind === undefined ? ('boolean' as const) : ('string' as const),
          ...(option.short === undefined ? {} : { short: option.short }),
        },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  return tokens
}

function commandNames(table: Table): readonly string[] {
  return table.commands.map((command) => command.name)
}
