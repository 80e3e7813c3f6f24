/**
 * The processes of the demo: two shops, and Sluice itself as anybody would start it.
 *
 * Real processes, so that what is shown is what is shipped. They are ended by their own handles, never by name, and
 * in every way in which this process can end but SIGKILL.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { CommandError, EXIT } from '../exit.ts'

export interface ServiceOptions {
  /** For people. */
  readonly name: string
  /** Arguments of Node. */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Service {
  readonly name: string
  /** Resolves to the match of a line on stdout that fits; rejects when there is none in time. */
  line(pattern: RegExp): Promise<RegExpExecArray>
  /** The last lines of its output. */
  lastLines(): readonly string[]
}

const START_LIMIT_MS = 15_000
const LINES_KEPT = 20

export class Services {
  /** Aborted, with the reason, when a service ends that nobody ended. */
  readonly failed: AbortSignal
  readonly #failing = new AbortController()
  readonly #children = new Set<ChildProcess>()
  readonly #killAll: () => void
  readonly #endLimitMs: number
  #isClosing = false

  /** `endLimitMs`: between SIGTERM and SIGKILL. */
  constructor({ endLimitMs = 5_000 }: { readonly endLimitMs?: number } = {}) {
    this.#endLimitMs = endLimitMs
    this.failed = this.#failing.signal
    this.#killAll = () => {
      for (const child of this.#children) child.kill('SIGKILL')
    }
    process.on('exit', this.#killAll)
  }

  start({ name, args, env = {} }: ServiceOptions): Service {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#children.add(child)
    const output: string[] = []
    const keep = (line: string): void => {
      output.push(line)
      if (output.length > LINES_KEPT) output.shift()
    }
    const lines = createInterface({ input: child.stdout })
    lines.on('line', keep)
    createInterface({ input: child.stderr }).on('line', keep)

    child.once('error', (error) => this.#fail(name, error.message, output))
    child.once('close', (code, signal) => {
      this.#children.delete(child)
      this.#fail(name, signal ?? `exit code ${code}`, output)
    })
    return {
      name,
      lastLines: () => [...output],
      line: async (pattern) => {
        const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
        const look = (line: string): void => {
          const match = pattern.exec(line)
          if (match !== null) resolve(match)
        }
        const fail = (): void => reject(this.failed.reason)
        const late = setTimeout(() => reject(tooSlow(name, output)), START_LIMIT_MS)
        output.forEach(look)
        lines.on('line', look)
        this.failed.addEventListener('abort', fail)
        if (this.failed.aborted) fail()
        try {
          return await promise
        } finally {
          clearTimeout(late)
          lines.off('line', look)
          this.failed.removeEventListener('abort', fail)
        }
      },
    }
  }

  /** Ends all services, gently first. Resolves when all are gone. */
  async close(): Promise<void> {
    this.#isClosing = true
    const endings = [...this.#children].map(async (child) => {
      const gone = once(child, 'close')
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), this.#endLimitMs)
      await gone
      clearTimeout(late)
    })
    await Promise.all(endings)
    process.off('exit', this.#killAll)
  }

  #fail(name: string, how: string, output: readonly string[]): void {
    if (this.#isClosing) return
    this.#failing.abort(
      new CommandError(EXIT.failure, `the demo's ${name} ended by itself (${how})`, output),
    )
  }
}

function tooSlow(name: string, output: readonly string[]): CommandError {
  return new CommandError(
    EXIT.failure,
    `the demo's ${name} did not start within ${START_LIMIT_MS / 1_000} s`,
    output,
  )
}

/** Ports of loopback that nobody had a moment ago, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
