/** What the canary does wrong in each cell, and how soon it has to be out. */

/** How a build answers. */
export interface Behaviour {
  /** Share of requests answered 500, 0 to 1. */
  readonly failRatio: number
  /** Of a lognormal latency, milliseconds; its spread is always 0.5. */
  readonly medianMs: number
  /** It accepts and never answers. */
  readonly hangs: boolean
}

export interface Cell {
  readonly name: string
  /** The canary's share, percent. */
  readonly weight: number
  /** Null: it is healthy. */
  readonly fault: Behaviour | null
  /** Whether the fault is there from the rollout's beginning, or begins in the middle of it. */
  readonly begins: 'first' | 'later'
  /** Seconds within which the median of all runs must be out; null: it must not be taken back. */
  readonly barS: number | null
}

export const HEALTHY: Behaviour = { failRatio: 0.001, medianMs: 20, hangs: false }

const FAILING: Behaviour = { ...HEALTHY, failRatio: 1, medianMs: 5 }

/** Beside the bar for what hangs: seconds after the age at which requests are settled. */
const HANG_S = 3

export const CELLS: readonly Cell[] = [
  { name: 'all requests fail', weight: 5, fault: FAILING, begins: 'first', barS: 2.5 },
  {
    name: '5 % of requests fail, from 0.1 %',
    weight: 25,
    fault: { ...HEALTHY, failRatio: 0.05 },
    begins: 'first',
    barS: 12,
  },
  {
    name: 'latency doubles',
    weight: 25,
    fault: { ...HEALTHY, medianMs: 40 },
    begins: 'later',
    barS: 5,
  },
  {
    name: 'it hangs',
    weight: 5,
    fault: { ...HEALTHY, hangs: true },
    begins: 'first',
    barS: HANG_S,
  },
  { name: 'all requests fail, later on', weight: 5, fault: FAILING, begins: 'later', barS: null },
  { name: 'nothing is wrong', weight: 25, fault: null, begins: 'first', barS: null },
]
