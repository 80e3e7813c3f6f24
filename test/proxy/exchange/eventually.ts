/** Waits for a condition: looks again every few milliseconds, for as long as a busy machine may need. */

import { expect } from 'vitest'

/** As `expect(value())`, but of what `value` returns sooner or later; at most ten seconds. */
export function eventually<T>(value: () => T) {
  return expect.poll(value, { interval: 2, timeout: 10_000 })
}
