/**
 * What a command has to work with: where it writes, whom it asks, when it must stop.
 */

import type { Environment } from '../config/env.ts'
import type { AdminClient } from './client.ts'
import type { Paint } from './paint.ts'

/** The part of a writable stream that commands use. */
export interface Output {
  write(text: string): unknown
  readonly columns?: number
  readonly rows?: number
  /** A stream tells there that nobody reads it any more. */
  on?(event: 'error', listener: () => void): unknown
}

export interface Context {
  /** Data only. */
  readonly stdout: Output
  /** Everything that is said to a person. */
  readonly stderr: Output
  readonly paint: Paint
  /** True when lines may be drawn over. */
  readonly isLive: boolean
  readonly format: 'table' | 'json'
  readonly env: Environment
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal
  /** Made when first asked for. */
  client(): AdminClient
  /** Runs the proxy and its control plane until it is told to stop; resolves to the exit code. */
  run(options: { readonly configFile: string }): Promise<number>
}

/** Writes data: as it is in JSON, else the lines made of it. */
export function print(context: Context, json: unknown, lines: () => readonly string[]): void {
  if (context.format === 'json') context.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
  else
    context.stdout.write(
      lines()
        .map((line) => `${line}\n`)
        .join(''),
    )
}

/** Says something to the person at the terminal. */
export function say(context: Context, sentence: string): void {
  context.stderr.write(`${sentence}\n`)
}
