/** Settled outcomes for tests, as the proxy threads would write them. */

import { binIndex } from '../../../src/analyzer/histogram.ts'
import { SETTLED } from '../../../src/analyzer/settled.ts'
import { cellOffset, createTallyBuffer, segment } from '../../../src/analyzer/tally.ts'

export class Words {
  readonly segments: readonly Uint32Array[]

  constructor(threadCount = 2) {
    const buffer = createTallyBuffer(threadCount)
    this.segments = Array.from({ length: threadCount }, (_, index) => segment(buffer, index))
  }

  /** Settles `count` requests with one outcome; answered ones after `latencyUs`. */
  settle(cell: number, outcome: keyof typeof SETTLED, count: number, latencyUs = 5_000): void {
    for (let n = 0; n < count; n++) {
      const words = this.segments[n % this.segments.length]!
      const start = cellOffset(cell)
      words[start + SETTLED[outcome]]!++
      if (outcome === 'ok' || outcome === 'clientErrors' || outcome === 'errors') {
        words[start + SETTLED.latency + binIndex(latencyUs)]!++
      }
    }
  }
}
