/**
 * Every process and temporary file of a run, so that each way out ends and removes them: the normal end, a thrown
 * error, SIGINT and SIGTERM.
 *
 * Each child leads a process group of its own, since nginx has a worker below its master: the group is what is
 * measured and what is ended. Ended by id, never by name.
 */

import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pinned } from './pinning.ts'

export interface Child {
  readonly name: string
  /** Process id, and the id of the process group. */
  readonly pid: number
  /** The end of what it wrote to stdout and stderr, at most 4096 characters. */
  readonly output: () => string
  readonly hasEnded: () => boolean
  /** Settles when it has ended and its output is whole. */
  readonly ended: Promise<void>
}

/** Kept of a child's output, for the message when it fails. */
const OUTPUT_CHARACTERS = 4096
/** Until a child that was asked to end is killed. */
const STOP_GRACE_MS = 10_000

const LEAST_PORT = 12_000
const LEAST_SYSTEM_PORT = 32_768

/** By `freePorts`, so that none is given twice. */
const givenPorts = new Set<number>()
const running = new Set<Child>()
const folders: string[] = []

/** Starts a child on one core (null: any). Throws if the command does not exist. */
export async function startChild(
  name: string,
  command: readonly string[],
  core: number | null,
): Promise<Child> {
  const [file = '', ...args] = pinned(command, core)
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1' },
  })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve).once('error', reject)
  })
  const started: Child = {
    name,
    pid: child.pid ?? 0,
    output: () => output.trim(),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    ended: new Promise((resolve) => void child.once('close', () => resolve())),
  }
  running.add(started)
  return started
}

/** Returns the output of a child that ends by itself. Throws if it has not ended after `limitMs`. */
export async function runChild(
  name: string,
  command: readonly string[],
  { core, limitMs }: { core: number | null; limitMs: number },
): Promise<string> {
  const child = await startChild(name, command, core)
  try {
    await endOf(child, limitMs)
    if (!child.hasEnded()) throw new Error(`${name} has not ended after ${limitMs} ms`)
    return child.output()
  } finally {
    await stopChild(child)
  }
}

/** Asks a child to end (SIGTERM), kills its group after ten seconds, returns when it has ended. */
export async function stopChild(child: Child): Promise<void> {
  signalGroup(child, 'SIGTERM')
  await endOf(child, STOP_GRACE_MS)
  // Also when the leader has ended: others of its group may be left.
  signalGroup(child, 'SIGKILL')
  await endOf(child, STOP_GRACE_MS)
  running.delete(child)
}

/** Returns when the child has ended and its output is whole, or `limitMs` are over. */
async function endOf(child: Child, limitMs: number): Promise<void> {
  const timeout = new AbortController()
  const isOver = sleep(limitMs, undefined, { signal: timeout.signal }).catch(() => {})
  await Promise.race([child.ended, isOver])
  timeout.abort()
}

/** Ends every child that still runs. */
export async function stopChildren(): Promise<void> {
  await Promise.all([...running].map(stopChild))
}

/** Makes a temporary folder that others may read (nginx' worker has a user of its own); removed at exit. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  chmodSync(folder, 0o755)
  folders.push(folder)
  return folder
}

/**
 * Returns `count` different ports of the loopback interface that were free a moment ago. They lie below those that
 * systems give out by themselves (from 32 768 on), which the next connection of anybody could take before they are
 * listened on.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = randomInt(LEAST_PORT, LEAST_SYSTEM_PORT)
    if (!givenPorts.has(port) && (await isFree(port))) {
      givenPorts.add(port)
      ports.push(port)
    }
  }
  return ports
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => void server.close(() => resolve(true)))
  })
}

/** Makes sure that nothing is left, however this process ends. To be called once, first. */
export function cleanUpAtExit(): void {
  process.once('exit', () => {
    for (const child of running) signalGroup(child, 'SIGKILL')
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  process.once('SIGHUP', () => process.exit(129))
}

function signalGroup(child: Child, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The group has ended already.
  }
}
