/** The reference values of the statistics, with the types of what is read from them. */

import { readFileSync } from 'node:fs'

interface CoinCase {
  readonly name: string
  readonly rho: number
  readonly delta: number
  readonly grid: readonly number[]
  readonly schedule: {
    readonly horizonTicks: number
    readonly restarts: number
    readonly steps: readonly number[]
  } | null
  readonly ticks: readonly {
    readonly w: number
    readonly cE: number
    readonly cO: number
    readonly sE: number
    readonly gamma: number
    readonly E: number
  }[]
  readonly finalM: readonly number[]
}

interface PassCase {
  readonly w: number
  readonly rho: number
  readonly delta: number
  readonly grid: readonly number[]
  readonly path: readonly {
    readonly cE: number
    readonly cO: number
    readonly sE: number
    readonly E: number
  }[]
}

interface BoundRow {
  readonly fault: string
  readonly ps: number
  readonly pc: number
  readonly w: number
  readonly KL_known: number
  readonly info_known: number
  readonly info_two_sample: number
  readonly info_coin: number
  readonly N_two: number
  readonly seconds: Readonly<Record<string, readonly [number, number]>>
}

interface PlugInCase {
  readonly name: string
  readonly ya: readonly number[]
  readonly yb: readonly number[]
  readonly na: number
  readonly nb: number
  readonly e_path: readonly number[]
}

interface StatsVectors {
  readonly coin_e_process: { readonly cases: readonly CoinCase[] }
  readonly coin_beta_mixture: {
    readonly cases: readonly {
      readonly a: number
      readonly b: number
      readonly q0: number
      readonly x: number
      readonly n: number
      readonly E: number
    }[]
  }
  readonly pass_e_process: { readonly cases: readonly PassCase[] }
  readonly srm_dirichlet_multinomial: {
    readonly cases: readonly {
      readonly n: readonly number[]
      readonly p: readonly number[]
      readonly k: number
      readonly logE: number
    }[]
  }
  readonly safestats_2x2: { readonly cases: readonly PlugInCase[] }
  readonly detection_bounds: { readonly alpha: number; readonly rows: readonly BoundRow[] }
  readonly log_linear_histogram: {
    readonly cases: readonly {
      readonly v: number
      readonly index: number
      readonly upper: number
    }[]
  }
}

export const stats: StatsVectors = JSON.parse(
  readFileSync(new URL('stats.json', import.meta.url), 'utf8'),
)

/** How far two numbers are apart, relative to the larger one; 0 where both are nothing. */
export function apart(found: number, expected: number): number {
  if (found === expected) return 0
  return Math.abs(found - expected) / Math.max(Math.abs(found), Math.abs(expected), 1e-300)
}
