/**
 * The proxy threads, as control sees them: starts them, gives each snapshot to all and waits for every
 * acknowledgement, replaces one that dies, drains them in the end.
 *
 * A thread that does not acknowledge in time may still send requests by an old snapshot. So it is ended
 * and replaced: only that makes «no thread works by it any more» true.
 */

import { Worker } from 'node:worker_threads'
import type { Listener, Snapshot } from '../../proxy/snapshot.ts'
import type { ThreadCommand, ThreadMessage, ThreadOptions } from '../../proxy/thread.ts'
import { CodedError } from '../coded-error.ts'

/** How long a thread may take to acknowledge a snapshot before it is replaced. */
const ACKNOWLEDGE_MS = 5_000
/** Wait before a dead thread's successor starts; doubled each time that one dies before it listens. */
const RESTART_DELAY_MS = 100
const RESTART_DELAY_LIMIT_MS = 5_000

export interface ThreadPoolOptions {
  readonly count: number
  readonly tallies: SharedArrayBuffer
  readonly listeners: readonly Listener[]
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
  /** What a thread runs: `proxy/thread.ts`; tests add faults to it. */
  readonly entry?: URL
  /** How long a thread may take to acknowledge a snapshot, milliseconds; default 5000. */
  readonly acknowledgeMs?: number
}

interface Waiter {
  readonly version: number
  readonly resolve: () => void
}

/** One place for a thread; who stands there may change. */
class Slot {
  readonly index: number
  worker: Worker | null = null
  isListening = false
  /** How many threads in a row have died before they listened. */
  failedStartCount = 0
  readonly waiters: Waiter[] = []

  constructor(index: number) {
    this.index = index
  }
}

export class ThreadPool {
  readonly #options: ThreadPoolOptions
  readonly #slots: readonly Slot[]
  readonly #reusePort: boolean
  #listeners: readonly Listener[]
  #snapshot: Snapshot | null = null
  #restartCount = 0
  #isStopping = false

  constructor(options: ThreadPoolOptions) {
    this.#options = options
    this.#listeners = options.listeners
    this.#reusePort = process.platform === 'linux'
    const count = this.#reusePort ? options.count : 1
    this.#slots = Array.from({ length: count }, (_, index) => new Slot(index))
  }

  get threadCount(): number {
    return this.#slots.length
  }

  /** Threads that listen. */
  get liveCount(): number {
    return this.#slots.filter((slot) => slot.isListening).length
  }

  get restartCount(): number {
    return this.#restartCount
  }

  /** The newest snapshot's version, 0 before the first. */
  get version(): number {
    return this.#snapshot?.version ?? 0
  }

  /** The addresses in use; a port that was 0 has its number here after `start`. */
  get listeners(): readonly Listener[] {
    return this.#listeners
  }

  /**
   * Starts every thread with its first snapshot. Throws `CodedError` `cannotListen` when an address cannot be
   * had, `routingFailed` when a thread cannot start for another reason; then none is left.
   */
  async start(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot
    const [first, ...others] = this.#slots
    try {
      const ports = await this.#spawn(first!)
      this.#listeners = this.#listeners.map((listener, i) => ({ ...listener, port: ports[i]! }))
      await Promise.all(others.map((slot) => this.#spawn(slot)))
    } catch (error) {
      await this.drain(0)
      throw error instanceof CodedError ? error : new CodedError('routingFailed', messageOf(error))
    }
  }

  /** Resolves when no thread works by an older snapshot any more. */
  async publish(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot
    await Promise.all(this.#slots.map((slot) => this.#deliver(slot, snapshot)))
  }

  #deliver(slot: Slot, snapshot: Snapshot): Promise<void> {
    const { worker } = slot
    // A slot without a thread has nobody who could send a request; its next thread starts with this snapshot.
    if (worker === null) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    slot.waiters.push({ version: snapshot.version, resolve })
    send(worker, { type: 'snapshot', snapshot })
    const acknowledgeMs = this.#options.acknowledgeMs ?? ACKNOWLEDGE_MS
    const overdue = setTimeout(() => {
      this.#options.log(
        'error',
        `Thread ${slot.index} did not take snapshot ${snapshot.version} in ${acknowledgeMs} ms; it is replaced`,
      )
      void worker.terminate()
    }, acknowledgeMs)
    return promise.finally(() => clearTimeout(overdue))
  }

  /** Resolves with the ports once the thread listens. */
  #spawn(slot: Slot): Promise<readonly number[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>()
    const workerData: ThreadOptions = {
      index: slot.index,
      tallies: this.#options.tallies,
      reusePort: this.#reusePort,
    }
    const entry = this.#options.entry ?? new URL('../../proxy/thread.ts', import.meta.url)
    const worker = new Worker(entry, { workerData })
    slot.worker = worker
    worker.on('message', (message: ThreadMessage) => {
      switch (message.type) {
        case 'listening':
          slot.isListening = true
          slot.failedStartCount = 0
          return resolve(message.ports)
        case 'listenFailed':
          return reject(new CodedError('cannotListen', message.message))
        case 'acknowledged':
          return settle(slot, message.version)
        case 'drained':
          return void worker.terminate()
        case 'bug':
          return this.#options.log('error', `Thread ${slot.index} met a bug: ${message.message}`)
      }
    })
    worker.on('error', (error) => {
      const trace = error instanceof Error ? error.stack : String(error)
      this.#options.log('error', `Thread ${slot.index} died of a bug: ${trace}`)
      reject(error)
    })
    worker.on('exit', () => {
      reject(new Error(`Thread ${slot.index} ended before it listened`))
      this.#onExit(slot)
    })
    send(worker, { type: 'snapshot', snapshot: this.#snapshot! })
    send(worker, { type: 'listen', listeners: this.#listeners })
    return promise
  }

  /** A slot gets its next thread only after the exit of the one before: each word of the tally has one writer. */
  #onExit(slot: Slot): void {
    slot.worker = null
    if (!slot.isListening) slot.failedStartCount++
    slot.isListening = false
    settle(slot, Infinity)
    if (this.#isStopping) return
    this.#restartCount++
    const delayMs = Math.min(RESTART_DELAY_LIMIT_MS, RESTART_DELAY_MS * 2 ** slot.failedStartCount)
    this.#options.log('warn', `Thread ${slot.index} is gone; another starts in ${delayMs} ms`)
    setTimeout(() => this.#respawn(slot), delayMs).unref()
  }

  #respawn(slot: Slot): void {
    if (this.#isStopping) return
    this.#spawn(slot).catch((error: unknown) => {
      this.#options.log('error', `Thread ${slot.index} cannot start: ${messageOf(error)}`)
      void slot.worker?.terminate()
    })
  }

  /** Stops accepting, lets requests finish for at most `timeoutMs`, ends the threads. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isStopping = true
    const exits = this.#slots.map((slot) => {
      const { worker } = slot
      if (worker === null) return Promise.resolve()
      const exit = new Promise<void>((resolve) => {
        worker.once('exit', () => resolve())
      })
      send(worker, { type: 'drain', timeoutMs })
      const overdue = setTimeout(() => void worker.terminate(), timeoutMs + ACKNOWLEDGE_MS)
      return exit.finally(() => clearTimeout(overdue))
    })
    await Promise.all(exits)
  }
}

function settle(slot: Slot, version: number): void {
  for (let i = slot.waiters.length - 1; i >= 0; i--) {
    if (slot.waiters[i]!.version > version) continue
    slot.waiters.splice(i, 1)[0]!.resolve()
  }
}

function send(worker: Worker, command: ThreadCommand): void {
  worker.postMessage(command)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
