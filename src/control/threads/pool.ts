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
/** Wait before a dead thread's successor starts, so that one that dies at once does not spin. */
const RESTART_DELAY_MS = 100

export interface ThreadPoolOptions {
  readonly count: number
  readonly tallies: SharedArrayBuffer
  readonly listeners: readonly Listener[]
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
}

interface Waiter {
  readonly version: number
  readonly resolve: () => void
}

/** One place for a thread; who stands there may change. */
class Slot {
  readonly index: number
  worker: Worker | null = null
  acknowledgedVersion = 0
  readonly waiters: Waiter[] = []
  isDrained = false

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

  get liveCount(): number {
    return this.#slots.filter((slot) => slot.worker !== null).length
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

  /** Starts every thread with its first snapshot; rejects when an address cannot be listened on. */
  async start(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot
    const [first, ...others] = this.#slots
    const ports = await this.#spawn(first!)
    this.#listeners = this.#listeners.map((listener, i) => ({ ...listener, port: ports[i]! }))
    await Promise.all(others.map((slot) => this.#spawn(slot)))
  }

  /** Resolves when no thread works by an older snapshot any more. */
  async publish(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot
    await Promise.all(this.#slots.map((slot) => this.#deliver(slot, snapshot)))
  }

  #deliver(slot: Slot, snapshot: Snapshot): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    // A slot without a thread has nobody who could send a request; its next thread starts with this snapshot.
    if (slot.worker === null) return Promise.resolve()
    slot.waiters.push({ version: snapshot.version, resolve })
    send(slot.worker, { type: 'snapshot', snapshot })
    const { worker } = slot
    const overdue = setTimeout(() => {
      this.#options.log(
        'error',
        `Thread ${slot.index} did not take snapshot ${snapshot.version} in ${ACKNOWLEDGE_MS} ms; it is replaced`,
      )
      void worker.terminate()
    }, ACKNOWLEDGE_MS)
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
    const worker = new Worker(new URL('../../proxy/thread.ts', import.meta.url), { workerData })
    slot.worker = worker
    slot.acknowledgedVersion = 0
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'listening') resolve(message.ports)
      else if (message.type === 'listenFailed') reject(new Error(message.message))
      else this.#onMessage(slot, message)
    })
    worker.on('error', (error) => {
      this.#options.log(
        'error',
        `Thread ${slot.index} died of a bug: ${error instanceof Error ? error.stack : String(error)}`,
      )
      reject(error)
    })
    worker.on('exit', () => this.#onExit(slot, worker))
    send(worker, { type: 'snapshot', snapshot: this.#snapshot! })
    send(worker, { type: 'listen', listeners: this.#listeners })
    return promise
  }

  #onMessage(slot: Slot, message: ThreadMessage): void {
    switch (message.type) {
      case 'acknowledged':
        slot.acknowledgedVersion = message.version
        settle(slot, message.version)
        break
      case 'drained':
        slot.isDrained = true
        void slot.worker?.terminate()
        break
      case 'bug':
        this.#options.log('error', `Thread ${slot.index} met a bug: ${message.message}`)
        break
      case 'listening':
      case 'listenFailed':
        break
    }
  }

  #onExit(slot: Slot, worker: Worker): void {
    if (slot.worker !== worker) return
    slot.worker = null
    settle(slot, Infinity)
    if (this.#isStopping) return
    this.#restartCount++
    this.#options.log('warn', `Thread ${slot.index} is gone; starting another`)
    setTimeout(() => this.#respawn(slot), RESTART_DELAY_MS)
  }

  #respawn(slot: Slot): void {
    if (this.#isStopping) return
    this.#spawn(slot).catch((error: unknown) => {
      this.#options.log(
        'error',
        `Thread ${slot.index} cannot start: ${error instanceof Error ? error.message : String(error)}`,
      )
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

/** Makes an error of the pool one that callers know. */
export function routingFailed(error: unknown): CodedError {
  return new CodedError(
    'routingFailed',
    `The proxy threads did not take the new routing: ${error instanceof Error ? error.message : String(error)}`,
  )
}
