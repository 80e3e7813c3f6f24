/**
 * The command line: picks the command from the table, gives it what it needs, and turns its end into an exit code.
 *
 * `runCli` takes everything it touches as arguments and never exits the process, so that tests call it as `main.ts`
 * does.
 */

import { readFileSync } from 'node:fs'
import { CodedError } from '../coded-error.ts'
import type { Environment } from '../config/env.ts'
import { type AdminClient, createClient } from './client.ts'
import type { Command, Given, Option } from './command.ts'
import { COMMANDS } from './commands.ts'
import type { Context, Output } from './context.ts'
import { CommandError, EXIT, exitCodeOf, UsageError } from './exit.ts'
import { helpOfAll, helpOfCommand } from './help.ts'
import { FILE, oneOf, URL_KIND } from './kinds.ts'
import { allowsEscapes, coloured, plain } from './paint.ts'
import { type Call, findCommand, parseCall, type Table } from './parse.ts'

export interface CliDeps {
  /** Starts Sluice and resolves, when it has stopped, to the exit code. */
  run(options: { readonly configFile: string }): Promise<number>
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Environment
  /** Of stdout. */
  readonly isTty: boolean
  /** Calls the listener on SIGINT and SIGTERM until the returned function is called. Left out: the process' own. */
  readonly onSignal?: (listener: () => void) => () => void
}

const DEFAULT_SERVER = 'http://127.0.0.1:9090'

const GLOBALS: readonly Option[] = [
  {
    name: 'server',
    kind: URL_KIND,
    summary: `address of the admin API (or SLUICE_SERVER; default ${DEFAULT_SERVER})`,
  },
  { name: 'token-file', kind: FILE, summary: 'file that holds the token (or SLUICE_TOKEN itself)' },
  {
    name: 'output',
    short: 'o',
    kind: oneOf('FORMAT', ['table', 'json']),
    default: 'table',
    summary: 'how data is printed: table or json',
  },
  { name: 'help', short: 'h', summary: 'print this help' },
]

const TABLE: Table = { commands: COMMANDS, globals: GLOBALS }

/** Runs one command. Resolves to the exit code; never rejects. */
export async function runCli(argv: readonly string[], deps: CliDeps): Promise<number> {
  let call: Call
  try {
    call = parseCall(argv, TABLE)
  } catch (error) {
    return report(error, deps, findCommand(argv, TABLE))
  }
  if (call.type === 'help') {
    deps.stdout.write(call.command ? helpOfCommand(call.command, TABLE) : helpOfAll(TABLE))
    return EXIT.ok
  }

  const { command, given } = call
  const interruption = interruptionOf(command, deps)
  let client: AdminClient | undefined
  const context = contextOf(given, deps, {
    interrupted: interruption.signal,
    client: () => (client ??= clientOf(given, deps.env, interruption.signal)),
  })
  try {
    return await command.run(given, context)
  } catch (error) {
    return interruption.signal.aborted ? EXIT.interrupted : report(error, deps, command)
  } finally {
    interruption.end()
    await client?.close()
  }
}

function contextOf(
  given: Given,
  deps: CliDeps,
  rest: Pick<Context, 'interrupted' | 'client'>,
): Context {
  const isLive = allowsEscapes(deps.isTty, deps.env)
  return {
    stdout: deps.stdout,
    stderr: deps.stderr,
    paint: isLive ? coloured : plain,
    isLive,
    format: given.required('output') === 'json' ? 'json' : 'table',
    env: deps.env,
    run: (options) => deps.run(options),
    ...rest,
  }
}

function clientOf(given: Given, env: Environment, signal: AbortSignal): AdminClient {
  const token = readToken(given.text('token-file'), env)
  return createClient({
    server: given.text('server') ?? serverOf(env),
    ...(token === undefined ? {} : { token }),
    signal,
  })
}

/** What ends a command from outside: a signal, or that nobody reads what it writes, as behind `| head`. */
function interruptionOf(
  command: Command,
  deps: CliDeps,
): { readonly signal: AbortSignal; end(): void } {
  const interrupt = new AbortController()
  const { signal } = interrupt
  if (command.ownsSignals) return { signal, end: () => {} }
  const onEnd = (): void => interrupt.abort()
  for (const output of [deps.stdout, deps.stderr]) output.on?.('error', onEnd)
  const end = deps.onSignal === undefined ? onProcessSignal(onEnd) : deps.onSignal(onEnd)
  return { signal, end }
}

function onProcessSignal(listener: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}

function serverOf(env: Environment): string {
  const server = env['SLUICE_SERVER'] || DEFAULT_SERVER
  if (!URL_KIND.accepts(server)) {
    throw new UsageError(`SLUICE_SERVER must be ${URL_KIND.allowed}, not "${server}"`)
  }
  return server
}

function readToken(file: string | undefined, env: Environment): string | undefined {
  if (file === undefined) return env['SLUICE_TOKEN']?.trim() || undefined
  let token: string
  try {
    token = readFileSync(file, 'utf8').trim()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(`cannot read the token file: ${why}`)
  }
  if (token === '') throw new UsageError(`the token file ${file} is empty`)
  return token
}

/** Writes what went wrong to stderr and returns the exit code. An unexpected error keeps its stack. */
function report(error: unknown, deps: CliDeps, command: Command | undefined): number {
  const isExpected = error instanceof CommandError || error instanceof CodedError
  if (!isExpected) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    deps.stderr.write(`sluice: this is a bug in sluice\n${stack}\n`)
    return EXIT.failure
  }
  // Each fault of a configuration is a line of its own that begins with its place, as editors expect it.
  const isPlaced = error instanceof CodedError && error.code === 'invalidConfig'
  const lines = [isPlaced ? error.message : `sluice: ${error.message}`]
  if (error instanceof CommandError) lines.push(...error.details.map((line) => `  ${line}`))
  if (error instanceof UsageError) {
    lines.push(`  see sluice ${command === undefined ? '' : `${command.name} `}--help`)
  }
  deps.stderr.write(lines.map((line) => `${line}\n`).join(''))
  return exitCodeOf(error)
}
