/**
 * The command line as a test calls it: arguments in, exit code and both outputs out.
 */

import type { CliDeps } from '../../../src/control/cli/cli.ts'
import { runCli } from '../../../src/control/cli/cli.ts'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Call {
  readonly env?: Readonly<Record<string, string>>
  readonly isTty?: boolean
  readonly run?: CliDeps['run']
}

export interface Running {
  readonly ended: Promise<Ended>
  /** What was written so far. */
  stdout(): string
  stderr(): string
  interrupt(): void
  /** As when the reader of stdout goes away. */
  breakStdout(): void
}

/** Starts a command and leaves it running. */
export function start(argv: readonly string[], call: Call = {}): Running {
  let stdout = ''
  let stderr = ''
  const interrupts = new EventTarget()
  const code = runCli(argv, {
    run: call.run ?? (() => Promise.reject(new Error('nothing to run'))),
    stdout: {
      write: (text) => void (stdout += text),
      columns: 120,
      rows: 50,
      on: (_error, listener) => interrupts.addEventListener('broken', listener),
    },
    stderr: { write: (text) => void (stderr += text) },
    env: call.env ?? {},
    isTty: call.isTty ?? false,
    onSignal: (listener) => {
      interrupts.addEventListener('interrupt', listener)
      return () => interrupts.removeEventListener('interrupt', listener)
    },
  })
  return {
    ended: code.then((value) => ({ code: value, stdout, stderr })),
    stdout: () => stdout,
    stderr: () => stderr,
    breakStdout: () => void interrupts.dispatchEvent(new Event('broken')),
    interrupt: () => void interrupts.dispatchEvent(new Event('interrupt')),
  }
}

/** Runs a command to its end. */
export async function sluice(argv: readonly string[], call: Call = {}): Promise<Ended> {
  return start(argv, call).ended
}
