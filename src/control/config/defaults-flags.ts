/** Defaults and ranges of `flags`, with the reason for each. Durations in milliseconds. */

import type { Setting } from './defaults.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

export const FLAG_SETTINGS = {
  /** A flag is switched within the patience of the person who switched it; a question with an ETag costs next to nothing. */
  interval: { min: SECOND, max: HOUR, default: 10 * SECOND },
  /** A tenth of what a person notices, and enough for a provider that has its flags in memory. */
  deadline: { min: 1, max: SECOND, default: 5 },
  /** A change of a flag counts for everybody within a minute or two. */
  memo: { min: SECOND, max: HOUR, default: MINUTE },
  /** Some 200 bytes each. */
  memoLimit: { min: 100, max: 1_000_000, default: 10_000 },
} as const satisfies Record<string, Setting>

/** How many entries may stand where. */
export const FLAG_ENTRIES = { providers: 16, variants: 64, attributes: 64 } as const

/** Of definitions, in bytes; more is refused unread. */
export const DEFINITIONS_BYTES = 1_048_576
