/**
 * One place for a proxy thread; who stands there may change. Speaks with the thread, and puts another one in its place
 * when it dies.
 *
 * A thread answers one question about its listeners at a time, in the order in which they were asked, so answers need
 * no numbers. A thread that does not answer in time may still send requests by an old snapshot, or accept connections
 * that nobody wants. So it is ended and replaced: only that makes «no thread works by it any more» true.
 * So is one that has stopped beating. A thread that hangs in native code cannot even be ended, and holds its share of the
 * port: then nothing but the end of the process helps.
 */

import { Worker } from 'node:worker_threads'
import { segment, THREAD } from '../../analyzer/tally.ts'
import type { Listener, Snapshot } from '../../proxy/snapshot.ts'
import type { ThreadCommand, ThreadMessage, ThreadOptions } from '../../proxy/thread.ts'
import { CodedError } from '../coded-error.ts'

/** Wait before a dead thread's successor starts; doubled each time that one dies before it listens. */
const RESTART_DELAY_MS = 100
const RESTART_DELAY_LIMIT_MS = 5_000
/** How long a thread may take to end: after its drain, and after it was told to. */
const END_MS = 5_000
/** Looks of ours without a beat after which a thread hangs. Not a time: while the whole process stands still, nobody hangs. */
const HUNG_LOOKS = 100
/**
 * Of a thread's heap, for what a request makes and leaves behind. Node allows 96; a generation that stays in the
 * processor's cache made HTTP/2 a tenth cheaper (DECISIONS.md).
 */
const YOUNG_GENERATION_MIB = 16

export interface SlotOptions {
  readonly entry: URL
  readonly workerData: ThreadOptions
  /** How long a thread may take to take a snapshot, or listeners, before it is replaced. */
  readonly acknowledgeMs: number
  /** How long a thread may take to end when it must; default 5000. */
  readonly endMs?: number
  /** Looks without a beat after which a thread is replaced; default 100. */
  readonly hungLooks?: number
  /** Called when a thread does not end though it must; there is nothing more that we can do. */
  readonly onStuck: (message: string) => void
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void
  /** The newest, with which a thread starts. */
  readonly snapshot: () => Snapshot
  readonly listeners: () => readonly Listener[]
  readonly onMessage: (message: ThreadMessage, reply: (command: ThreadCommand) => void) => void
  /** Ids of unhealthy endpoints, as they are known now. */
  readonly unhealthy: () => readonly string[]
  /** Called when a thread has ended. */
  readonly onGone: () => void
}

interface Waiter {
  readonly version: number
  readonly resolve: () => void
}

interface Question {
  readonly resolve: (ports: readonly number[]) => void
  readonly reject: (error: Error) => void
}

export class Slot {
  readonly #options: SlotOptions
  readonly #index: number
  readonly #waiters: Waiter[] = []
  #worker: Worker | null = null
  /** What the thread has been asked and has not answered. */
  #question: Question | null = null
  /** Settles when it has no question any more. */
  #answered: Promise<unknown> = Promise.resolve()
  #isListening = false
  /** How many threads in a row have died before they listened. */
  #failedStartCount = 0
  #restartCount = 0
  #isStopping = false
  readonly #words: Uint32Array
  #lastBeat = 0
  #silentLooks = 0
  /** Strikes when the thread has been told to end and has not. */
  #ending: NodeJS.Timeout | undefined

  constructor(options: SlotOptions) {
    this.#options = options
    this.#index = options.workerData.index
    this.#words = segment(options.workerData.tallies, this.#index)
  }

  get isListening(): boolean {
    return this.#isListening
  }

  get restartCount(): number {
    return this.#restartCount
  }

  /** Starts a thread; resolves with the ports once it listens. */
  spawn(): Promise<readonly number[]> {
    const { entry, workerData, log } = this.#options
    const worker = new Worker(entry, {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    })
    this.#worker = worker
    worker.on('message', (message: ThreadMessage) => this.#onMessage(worker, message))
    worker.on('error', (error) => {
      const trace = error instanceof Error ? error.stack : String(error)
      log('error', `Thread ${this.#index} died of a bug: ${trace}`)
    })
    worker.on('exit', () => this.#onExit())
    this.#answered = Promise.resolve()
    send(worker, { type: 'snapshot', snapshot: this.#options.snapshot() })
    send(worker, { type: 'health', unhealthy: this.#options.unhealthy() })
    return this.#ask(worker, this.#options.listeners())
  }

  #onMessage(worker: Worker, message: ThreadMessage): void {
    switch (message.type) {
      case 'listening':
        this.#isListening = true
        this.#failedStartCount = 0
        this.#question?.resolve(message.ports)
        break
      case 'listenFailed':
        this.#question?.reject(new CodedError('cannotListen', message.message))
        break
      case 'acknowledged':
        this.#settle(message.version)
        break
      case 'drained':
        this.#end(worker)
        break
      case 'bug':
        this.#options.log('error', `Thread ${this.#index} met a bug: ${message.message}`)
        break
      case 'access':
      case 'endpoints':
      case 'flags':
      case 'refused':
        this.#options.onMessage(message, (command) => send(worker, command))
    }
  }

  /** Tells who is unhealthy; a thread that starts asks for it. */
  tellHealth(unhealthy: readonly string[]): void {
    if (this.#worker !== null) send(this.#worker, { type: 'health', unhealthy })
  }

  /** Resolves when the thread has taken the snapshot, or is gone. */
  deliver(snapshot: Snapshot): Promise<void> {
    const worker = this.#worker
    // Without a thread nobody could send a request; the next one starts with this snapshot.
    if (worker === null) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiters.push({ version: snapshot.version, resolve })
    send(worker, { type: 'snapshot', snapshot })
    return this.#inTime(worker, promise, `take snapshot ${snapshot.version}`)
  }

  /**
   * Resolves with the ports; with null where no thread is left to ask, as the next one starts with the newest
   * listeners. Rejects with `CodedError` `cannotListen`.
   */
  async listen(listeners: readonly Listener[]): Promise<readonly number[] | null> {
    const worker = this.#worker
    if (worker === null) return null
    try {
      return await this.#inTime(worker, this.#ask(worker, listeners), 'take its listeners')
    } catch (error) {
      if (error instanceof CodedError) throw error
      return null
    }
  }

  #ask(worker: Worker, listeners: readonly Listener[]): Promise<readonly number[]> {
    const question = (): Promise<readonly number[]> => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>()
      if (this.#worker !== worker) reject(new Error(`Thread ${this.#index} is gone`))
      else {
        this.#question = { resolve, reject }
        send(worker, { type: 'listen', listeners })
      }
      return promise
    }
    const asked = this.#answered.then(question, question)
    this.#answered = asked
    return asked
  }

  #inTime<T>(worker: Worker, answer: Promise<T>, what: string): Promise<T> {
    const { acknowledgeMs, log } = this.#options
    const overdue = setTimeout(() => {
      log('error', `Thread ${this.#index} did not ${what} in ${acknowledgeMs} ms; it is replaced`)
      this.#end(worker)
    }, acknowledgeMs)
    return answer.finally(() => clearTimeout(overdue))
  }

  /** Called a few times a second: a thread that listens and does not beat is replaced. */
  look(): void {
    const worker = this.#worker
    const beat = this.#words[THREAD.beats]!
    const isSilent = worker !== null && this.#isListening && beat === this.#lastBeat
    this.#silentLooks = isSilent ? this.#silentLooks + 1 : 0
    this.#lastBeat = beat
    if (!isSilent || this.#silentLooks !== (this.#options.hungLooks ?? HUNG_LOOKS)) return
    this.#options.log('error', `Thread ${this.#index} hangs; it is replaced`)
    this.#end(worker)
  }

  #end(worker: Worker): void {
    if (worker !== this.#worker || this.#ending !== undefined) return
    void worker.terminate()
    const { endMs = END_MS, onStuck } = this.#options
    const message = `Thread ${this.#index} hangs in native code and cannot be ended`
    this.#ending = setTimeout(() => onStuck(message), endMs)
  }

  #settle(version: number): void {
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      if (this.#waiters[i]!.version > version) continue
      this.#waiters.splice(i, 1)[0]!.resolve()
    }
  }

  /** The next thread comes only after the exit of the one before: each word of the tally has one writer. */
  #onExit(): void {
    this.#worker = null
    this.#options.onGone()
    clearTimeout(this.#ending)
    this.#ending = undefined
    this.#silentLooks = 0
    if (!this.#isListening) this.#failedStartCount++
    this.#isListening = false
    this.#question?.reject(new Error(`Thread ${this.#index} ended before it listened`))
    this.#question = null
    this.#settle(Infinity)
    if (this.#isStopping) return
    this.#restartCount++
    const delayMs = Math.min(RESTART_DELAY_LIMIT_MS, RESTART_DELAY_MS * 2 ** this.#failedStartCount)
    this.#options.log('warn', `Thread ${this.#index} is gone; another starts in ${delayMs} ms`)
    setTimeout(() => this.#respawn(), delayMs).unref()
  }

  #respawn(): void {
    if (this.#isStopping) return
    this.spawn().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log('error', `Thread ${this.#index} cannot start: ${reason}`)
      if (this.#worker !== null) this.#end(this.#worker)
    })
  }

  /** Stops accepting, lets requests finish for at most `timeoutMs`, ends the thread. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isStopping = true
    const worker = this.#worker
    if (worker === null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    worker.once('exit', () => resolve())
    send(worker, { type: 'drain', timeoutMs })
    const overdue = setTimeout(() => this.#end(worker), timeoutMs + END_MS)
    await promise
    clearTimeout(overdue)
  }
}

function send(worker: Worker, command: ThreadCommand): void {
  worker.postMessage(command)
}
