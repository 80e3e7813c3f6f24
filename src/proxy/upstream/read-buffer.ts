/**
 * Where one upstream connection reads into: the scratch buffer that all share while answers are small, one of
 * its own while a body streams. Hot: asked before each read.
 */

import type { BufferPool } from '../buffers.ts'

export class ReadBuffer {
  readonly #pool: BufferPool
  #own: Buffer | null = null
  #isInUse = false

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** Returns what the next read goes into; `isLong`: its bytes will probably be written on as they are. */
  next(isLong: boolean): Buffer {
    if (!isLong) {
      this.drop()
      return this.#pool.scratch
    }
    if (this.#isInUse || this.#own === null) this.#own = this.#pool.take()
    this.#isInUse = false
    return this.#own
  }

  /** Whether bytes handed over are overwritten by the next read of any connection. */
  isShared(bytes: Buffer): boolean {
    return bytes === this.#pool.scratch
  }

  /** The kernel has yet to take what was read last: the next read must not go there. */
  keep(): void {
    this.#isInUse = true
  }

  /** Gives the own buffer back; one that is in use is left to the garbage collector. */
  drop(): void {
    if (this.#own === null) return
    if (!this.#isInUse) this.#pool.give(this.#own)
    this.#own = null
    this.#isInUse = false
  }
}
