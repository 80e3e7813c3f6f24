/**
 * The help texts, written from the command table so that they cannot tell of options that are not there.
 */

import type { Command, Option } from './command.ts'
import { EXIT_MEANINGS } from './exit.ts'
import type { Table } from './parse.ts'

const INTRODUCTION =
  'Sluice splits HTTP traffic between a stable and a canary version, watches every request,\n' +
  'and takes a bad canary back by itself.'

/** The text of `sluice --help`. */
export function helpOfAll(table: Table): string {
  return [
    'Usage: sluice COMMAND [OPTIONS]',
    INTRODUCTION,
    section(
      'Commands',
      table.commands.map((command) => [signature(command), command.summary]),
    ),
    section('Options of every command', table.globals.map(optionRow)),
    section(
      'Exit codes',
      EXIT_MEANINGS.map(([code, meaning]) => [String(code).padStart(3), meaning]),
    ),
    'Data goes to stdout, words to stderr. SLUICE_TOKEN holds the token where the server asks for one.\n' +
      'sluice COMMAND --help tells more of a command.',
  ]
    .join('\n\n')
    .concat('\n')
}

/** The text of `sluice COMMAND --help`. */
export function helpOfCommand(command: Command, table: Table): string {
  const blocks = [`Usage: ${usage(command)}`, `${command.summary}.`]
  if (command.details !== undefined) blocks.push(command.details.join('\n'))
  if (command.arguments.length > 0) {
    const rows = command.arguments.map((argument) => [argument.name, argument.summary] as const)
    blocks.push(section('Arguments', rows))
  }
  if (command.options.length > 0) {
    blocks.push(section('Options', command.options.map(optionRow)))
  }
  blocks.push(section('Options of every command', table.globals.map(optionRow)))
  if (command.examples !== undefined) {
    const word = command.examples.length === 1 ? 'Example' : 'Examples'
    blocks.push(`${word}:\n${command.examples.map((example) => `  ${example}`).join('\n')}`)
  }
  return `${blocks.join('\n\n')}\n`
}

function usage(command: Command): string {
  const required = command.options.filter((option) => option.isRequired).map(optionSpelling)
  return ['sluice', signature(command), ...required, '[OPTIONS]'].join(' ')
}

function signature(command: Command): string {
  const words = command.arguments.map((a) => (a.isOptional ? `[${a.name}]` : a.name))
  return [command.name, ...words].join(' ')
}

function optionSpelling(option: Option): string {
  return option.kind === undefined ? `--${option.name}` : `--${option.name} ${option.kind.metavar}`
}

function optionRow(option: Option): readonly [string, string] {
  const short = option.short === undefined ? '    ' : `-${option.short}, `
  const fallback = option.default === undefined ? '' : ` (default ${option.default})`
  return [`${short}${optionSpelling(option)}`, `${option.summary}${fallback}`]
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return [`${title}:`, ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)].join(
    '\n',
  )
}
