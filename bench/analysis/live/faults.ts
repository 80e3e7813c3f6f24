/** What the canary does wrong in each cell, and how soon it has to be out. */

/** How a build answers. */
export interface Behaviour {
  /** Share of requests answered 500, 0 to 1. */
  readonly failRatio: number
  /** Of a lognormal latency, milliseconds; its spread is always 0.5. */
  readonly medianMs: number
  /** It accepts and never answers. */
  readonly hangs: boolean
  /** Instead of an answer: closes with RST, or does so in the middle of the body; left out: neither. */
  readonly breaks?: 'before' | 'within'
}

export interface Cell {
  readonly name: string
  /** The canary's share, percent. */
  readonly weight: number
  /** Null: it is healthy. */
  readonly fault: Behaviour | null
  /** Whether the fault is there from the rollout's beginning, or begins in the middle of it. */
  readonly begins: 'first' | 'later'
  /** Seconds within which the median of all runs must be out; null: there is no bar. */
  readonly barS: number | null
  /** Before that: what has to pass until the fault can be seen at all. */
  readonly unseenUntil: 'start' | 'settled' | 'warm'
}

export const HEALTHY: Behaviour = { failRatio: 0.001, medianMs: 20, hangs: false }

const FAILING: Behaviour = { ...HEALTHY, failRatio: 1, medianMs: 5 }

/** Requests of a canary in which it may be slow (`control/judge/case.ts`). */
export const WARM_UP_REQUESTS = 200

const FLAKY: Behaviour = { ...HEALTHY, failRatio: 0.05 }
const SLOW: Behaviour = { ...HEALTHY, medianMs: 40 }
const HANGING: Behaviour = { ...HEALTHY, hangs: true }

const FIRST = { begins: 'first', unseenUntil: 'start' } as const
const LATER = { begins: 'later', unseenUntil: 'start', barS: null } as const

export const CELLS: readonly Cell[] = [
  { ...FIRST, name: 'all requests fail', weight: 5, fault: FAILING, barS: 2.5 },
  { ...FIRST, name: '5 % of requests fail, from 0.1 %', weight: 25, fault: FLAKY, barS: 12 },
  { ...FIRST, name: 'twice as slow', weight: 25, fault: SLOW, barS: 5, unseenUntil: 'warm' },
  { ...FIRST, name: 'it hangs', weight: 5, fault: HANGING, barS: 3, unseenUntil: 'settled' },
  { ...LATER, name: 'all requests fail, later on', weight: 5, fault: FAILING },
  { ...LATER, name: '5 % of requests fail, later on', weight: 25, fault: FLAKY },
  { ...LATER, name: 'twice as slow, later on', weight: 25, fault: SLOW },
  { ...FIRST, name: 'nothing is wrong', weight: 25, fault: null, barS: null },
]
