/**
 * The proxy threads, as control sees them: starts them, gives each snapshot to all and waits for every
 * acknowledgement, opens and closes what they listen on, drains them in the end.
 */

import type { Listener, Snapshot } from '../../proxy/snapshot.ts'
import type { ThreadCommand, ThreadMessage } from '../../proxy/thread.ts'
import { CodedError } from '../coded-error.ts'
import { Slot } from './slot.ts'

/** How long a thread may take to acknowledge a snapshot before it is replaced. */
const ACKNOWLEDGE_MS = 5_000

export interface ThreadPoolOptions {
  readonly count: number
  readonly tallies: SharedArrayBuffer
  readonly listeners: readonly Listener[]
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
  /** What a thread runs: `proxy/thread.ts`; tests add faults to it. */
  readonly entry?: URL
  /** How long a thread may take to acknowledge a snapshot, milliseconds; default 5000. */
  readonly acknowledgeMs?: number
  /** How long a thread may take to end when it must, milliseconds; default 5000. */
  readonly endMs?: number
  /** Looks (`look`) without a beat after which a thread is replaced; default 100. */
  readonly hungLooks?: number
  /** Called when a thread cannot be ended. */
  readonly onStuck: (message: string) => void
  /** What threads tell beside their answers. */
  readonly onMessage?: (message: ThreadMessage, from: ThreadSource) => void
  /** Called with the index of a thread that has ended. */
  readonly onGone?: (thread: number) => void
}

/** Which thread said something, and how it is answered. */
export interface ThreadSource {
  readonly thread: number
  readonly reply: (command: ThreadCommand) => void
}

export class ThreadPool {
  readonly #slots: readonly Slot[]
  #listeners: readonly Listener[]
  /** Ports that the kernel chose where the configuration says 0, by name and host. */
  readonly #chosenPorts = new Map<string, number>()
  #snapshot: Snapshot | null = null
  #unhealthy: readonly string[] = []

  constructor(options: ThreadPoolOptions) {
    this.#listeners = options.listeners
    const reusePort = process.platform === 'linux'
    this.#slots = Array.from(
      { length: reusePort ? options.count : 1 },
      (_, index) =>
        new Slot({
          entry: options.entry ?? new URL('../../proxy/thread.ts', import.meta.url),
          workerData: { index, tallies: options.tallies, reusePort },
          acknowledgeMs: options.acknowledgeMs ?? ACKNOWLEDGE_MS,
          ...(options.endMs !== undefined && { endMs: options.endMs }),
          ...(options.hungLooks !== undefined && { hungLooks: options.hungLooks }),
          onStuck: options.onStuck,
          log: options.log,
          snapshot: () => this.#snapshot!,
          listeners: () => this.#listeners,
          onMessage: (message, reply) => options.onMessage?.(message, { thread: index, reply }),
          unhealthy: () => this.#unhealthy,
          onGone: () => options.onGone?.(index),
        }),
    )
  }

  get threadCount(): number {
    return this.#slots.length
  }

  /** Threads that listen. */
  get liveCount(): number {
    return this.#slots.filter((slot) => slot.isListening).length
  }

  get restartCount(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.restartCount, 0)
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
      this.#adopt(await first!.spawn())
      await Promise.all(others.map((slot) => slot.spawn()))
    } catch (error) {
      await this.drain(0)
      if (error instanceof CodedError) throw error
      throw new CodedError('routingFailed', error instanceof Error ? error.message : String(error))
    }
  }

  /** Resolves when no thread works by an older snapshot any more. */
  async publish(snapshot: Snapshot): Promise<void> {
    this.#snapshot = snapshot
    await Promise.all(this.#slots.map((slot) => slot.deliver(snapshot)))
  }

  /** Tells every thread which endpoints are unhealthy, by id, and each that starts. */
  setHealth(unhealthy: readonly string[]): void {
    this.#unhealthy = unhealthy
    for (const slot of this.#slots) slot.tellHealth(unhealthy)
  }

  /** The listeners that would have to be opened for these. */
  missing(listeners: readonly Listener[]): readonly Listener[] {
    const held = new Set(this.#listeners.map(addressOf))
    return listeners
      .map((each) => this.#withPort(each))
      .filter((each) => !held.has(addressOf(each)))
  }

  /**
   * Opens what is new in every thread, and closes nothing. Rejects with `CodedError` `cannotListen` when an address
   * cannot be had; then all is as before.
   */
  async open(listeners: readonly Listener[]): Promise<void> {
    const before = this.#listeners
    try {
      await this.#listen([...before, ...this.missing(listeners)])
    } catch (error) {
      await this.#listen(before)
      throw error
    }
  }

  /** Closes all but these, which are open. Connections live on. */
  async keep(listeners: readonly Listener[]): Promise<void> {
    await this.#listen(listeners.map((each) => this.#withPort(each)))
  }

  /**
   * One thread after the other: the first finds the ports for the others, and the first fault is the one to tell. Who
   * was not there is asked again: a thread that started meanwhile may not have known the ports.
   */
  async #listen(listeners: readonly Listener[]): Promise<void> {
    this.#listeners = listeners
    const absent: Slot[] = []
    for (const slot of this.#slots) {
      const ports = await slot.listen(this.#listeners)
      if (ports === null) absent.push(slot)
      else this.#adopt(ports)
    }
    for (const slot of absent) await slot.listen(this.#listeners)
  }

  #adopt(ports: readonly number[]): void {
    this.#listeners = this.#listeners.map((listener, i) => {
      if (listener.port !== 0) return listener
      const port = ports[i]!
      this.#chosenPorts.set(chosenKey(listener), port)
      return { ...listener, port }
    })
  }

  /** A listener that takes any port keeps the one that it has. */
  #withPort(listener: Listener): Listener {
    const port = this.#chosenPorts.get(chosenKey(listener))
    if (listener.port !== 0 || port === undefined) return listener
    const open = { ...listener, port }
    const isOpen = this.#listeners.some((other) => addressOf(other) === addressOf(open))
    return isOpen ? open : listener
  }

  /** Looks whether each thread still beats; called every 100 ms. */
  look(): void {
    for (const slot of this.#slots) slot.look()
  }

  /** Stops accepting, lets requests finish for at most `timeoutMs`, ends the threads. */
  async drain(timeoutMs: number): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.drain(timeoutMs)))
  }
}

function addressOf({ host, port }: Listener): string {
  return `${host} ${port}`
}

function chosenKey({ name, host }: Listener): string {
  return `${name} ${host}`
}
