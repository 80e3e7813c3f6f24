/**
 * Where the access log goes: a file that is appended to, or standard output. One batch after the other, on nobody's
 * way; a batch is done when it is written, or lost because it cannot be.
 *
 * A stream was rejected: it cannot open its file anew, it ends with the first error, and `process.stdout` holds up the
 * whole thread where its reader is slow.
 */

import { write } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Log } from '../log.ts'

/** Bytes that may wait here; threads send less than that in sum, unless some died with batches under way. */
export const QUEUE_LIMIT_BYTES = 64 * 1024 * 1024
/** For the group that reads logs, and nobody else: lines tell who asked for what. */
const FILE_MODE = 0o640
/** Between two tries to write to a pipe that is full. */
const FULL_PIPE_MS = 50
const CLOSE_MS = 2_000
const STDOUT = 1
const writeFd = promisify(write)

export interface AccessLogOptions {
  /** Descriptor of standard output; default 1. */
  readonly stdout?: number
  /** How long `close` waits for what is queued, milliseconds; default 2000. */
  readonly closeMs?: number
}

export class AccessLogFile {
  /** Lines that could not be written, since the process started. */
  lostLineCount = 0
  /** Batches that could not be written. */
  errorCount = 0
  readonly #log: Pick<Log, 'info' | 'error'>
  readonly #stdout: number
  readonly #closeMs: number
  #path: string
  /** Null: not open, or standard output. */
  #file: FileHandle | null = null
  #queue: Promise<void> = Promise.resolve()
  #queuedBytes = 0
  #isFailing = false
  /** The last batch ended in the middle of a line. */
  #isTorn = false

  /** `path`: a file, or `-` for standard output. */
  constructor(path: string, log: Pick<Log, 'info' | 'error'>, options: AccessLogOptions = {}) {
    this.#path = path
    this.#log = log
    this.#stdout = options.stdout ?? STDOUT
    this.#closeMs = options.closeMs ?? CLOSE_MS
  }

  /** Appends whole lines of ASCII. Resolves when they are written or lost; never rejects. */
  write(lines: string): Promise<void> {
    if (this.#queuedBytes + lines.length > QUEUE_LIMIT_BYTES) {
      this.lostLineCount += countLines(lines)
      return Promise.resolve()
    }
    this.#queuedBytes += lines.length
    return this.#enqueue(async () => {
      await this.#append(lines)
      this.#queuedBytes -= lines.length
    })
  }

  /** Opens the file anew, so that one that was renamed is let go; what was written before goes to the old one. */
  reopen(path: string = this.#path): Promise<void> {
    return this.#enqueue(async () => {
      await this.#closeFile()
      this.#path = path
      this.#isTorn = false
    })
  }

  /** Resolves when what is queued is written, or was not in `closeMs`. */
  async close(): Promise<void> {
    const abort = new AbortController()
    const overdue = setTimeout(this.#closeMs, undefined, { signal: abort.signal }).catch(
      () => undefined,
    )
    await Promise.race([this.#enqueue(() => this.#closeFile()), overdue])
    abort.abort()
  }

  /** `step` does not reject. */
  #enqueue(step: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(step)
    return this.#queue
  }

  async #append(lines: string): Promise<void> {
    const bytes = Buffer.from(this.#isTorn ? `\n${lines}` : lines, 'latin1')
    let at = 0
    try {
      while (at < bytes.length) at += await this.#writeSome(bytes, at)
      this.#isTorn = false
      if (this.#isFailing) this.#log.info(`The access log is written to ${this.#path} again`)
      this.#isFailing = false
    } catch (error) {
      if (at > 0) this.#isTorn = bytes[at - 1] !== NEWLINE
      this.#fail(lines, error)
      await this.#closeFile()
    }
  }

  /** Returns how many bytes were written. */
  async #writeSome(bytes: Buffer, at: number): Promise<number> {
    if (this.#path !== '-') {
      this.#file ??= await open(this.#path, 'a', FILE_MODE)
      return (await this.#file.write(bytes, at)).bytesWritten
    }
    try {
      return (await writeFd(this.#stdout, bytes, at)).bytesWritten
    } catch (error) {
      if (!isFull(error)) throw error
      await setTimeout(FULL_PIPE_MS)
      return 0
    }
  }

  /** Of errors in a row only the first is told. */
  #fail(lines: string, error: unknown): void {
    this.errorCount++
    this.lostLineCount += countLines(lines)
    if (this.#isFailing) return
    this.#isFailing = true
    const reason = error instanceof Error ? error.message : String(error)
    this.#log.error(`Cannot write the access log to ${this.#path}: ${reason}; its lines are lost`)
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = null
    // The lines are with the kernel: an error now is one of its own, and nobody could write them again.
    await file?.close().catch(() => undefined)
  }
}

const NEWLINE = 0x0a

function countLines(lines: string): number {
  let count = 0
  for (let at = lines.indexOf('\n'); at >= 0; at = lines.indexOf('\n', at + 1)) count++
  return count
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN'
}
