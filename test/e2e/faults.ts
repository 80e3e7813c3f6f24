/** Faults that a snapshot can carry into a proxy thread; `faulty-thread.ts` loads this before the thread itself. */

import { openSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { Snapshot } from '../../src/proxy/snapshot.ts'
import type { ThreadCommand, ThreadOptions } from '../../src/proxy/thread.ts'

export interface Fault {
  /**
   * `exit`: ends without a word; `throw`: dies of a bug; `block`: does nothing for `blockMs`; `hang`: acknowledges and
   * then does nothing any more; `native`: does so in native code, until somebody writes to `fifo`.
   */
  readonly kind: 'exit' | 'throw' | 'block' | 'hang' | 'native'
  readonly blockMs: number
  /** Whom it strikes. */
  readonly threads: readonly number[]
  /** How often it still strikes, shared by all threads. */
  readonly left: Int32Array
  readonly fifo: string
}

export type FaultySnapshot = Snapshot & { readonly fault?: Fault }

const { index } = workerData as ThreadOptions

// The first to listen is the first to hear: the thread has not taken the snapshot yet.
parentPort?.on('message', (command: ThreadCommand) => {
  if (command.type !== 'snapshot') return
  const { fault }: FaultySnapshot = command.snapshot
  if (fault === undefined || !fault.threads.includes(index)) return
  if (Atomics.sub(fault.left, 0, 1) <= 0) return
  switch (fault.kind) {
    case 'exit':
      return process.exit(1)
    case 'throw':
      throw new Error('a fault that the test asked for')
    case 'block':
      return block(fault.blockMs)
    case 'hang':
      return void setImmediate(() => block(Infinity))
    case 'native':
      return void setImmediate(() => openSync(fault.fifo, 'r'))
  }
})

function block(timeoutMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeoutMs)
}
