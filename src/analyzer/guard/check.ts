/**
 * A check: its comparisons, and the evidence they make together.
 *
 * Comparisons of one check either add up by share (latency, one a quantile) or must all agree (`slo`).
 */

import { lnSum } from '../coin/coin.ts'
import type { LatencyThreshold } from '../latency.ts'
import { Comparison, type SavedComparison } from './comparison.ts'
import type { CheckConfig, CheckName, GuardConfig } from './config.ts'
import type { EpochCounts } from './counts.ts'
import { type CheckEvidence, log10 } from './evidence.ts'
import { type Part, partsOf } from './parts.ts'

export interface SavedCheck {
  readonly name: CheckName
  /** What was bet on: evidence against another tolerance would be worth nothing. */
  readonly tolerances: readonly (readonly [rho: number, delta: number])[]
  readonly parts: readonly SavedComparison[]
}

export class Check {
  readonly config: CheckConfig
  /** Its part of the bound, 0 to 1. */
  readonly weight: number
  readonly #minimum: GuardConfig['minimum']
  readonly #parts: readonly { readonly part: Part; readonly comparison: Comparison }[]

  /** Goes on from `saved`; throws a RangeError when that is another check's. */
  constructor(config: CheckConfig, guard: GuardConfig, saved?: SavedCheck) {
    const parts = partsOf(config, guard.isSticky)
    if (saved !== undefined) assertSame(config, parts, saved)
    this.config = config
    this.weight = config.weight / guard.checks.reduce((sum, { weight }) => sum + weight, 0)
    this.#minimum = guard.minimum
    this.#parts = parts.map((part, i) => ({
      part,
      comparison: new Comparison(part.bets, saved?.parts[i]),
    }))
  }

  invest(mass: number): void {
    for (const { comparison } of this.#parts) comparison.invest(mass)
  }

  add(tickIndex: number, epoch: EpochCounts): void {
    const odds = epoch.weightBp / (10_000 - epoch.weightBp)
    for (const [i, { part, comparison }] of this.#parts.entries()) {
      const counts = part.countsOf(epoch)
      // Units count once, and their requests show whether it lasts.
      const badCount =
        this.config.type === 'latency' ? epoch.canary.slowCounts[i]! : counts.canaryBadCount
      comparison.add({ index: tickIndex, isBad: badCount > 0 }, odds, counts)
    }
  }

  /**
   * ln E of the check, of what is enough to act on; -Infinity if nothing is. With a coin that cannot be trusted, what
   * needs no coin is left: the limit of `slo`.
   */
  lnEvidence(isCoinTrusted: boolean): number {
    if (this.config.type === 'slo') {
      const [limit, blame] = this.#parts
      const lnLimit = limit!.comparison.lnEvidence
      return isCoinTrusted ? Math.min(lnLimit, blame!.comparison.lnEvidence) : lnLimit
    }
    if (!isCoinTrusted) return -Infinity
    let ln = -Infinity
    for (const { part, comparison } of this.#parts) {
      if (this.#isReady(comparison)) ln = lnSum(ln, Math.log(part.share) + comparison.lnEvidence)
    }
    return ln
  }

  evidence(lnLimit: number, thresholds: readonly (LatencyThreshold | null)[]): CheckEvidence {
    const leadIndex = this.#leadIndex()
    return {
      name: this.config.type,
      action: this.config.action,
      weight: this.weight,
      log10: log10(this.#lnAll()),
      limitLog10: log10(lnLimit - Math.log(this.weight)),
      isReady: this.config.type === 'slo' || this.#isReady(this.#parts[leadIndex]!.comparison),
      leadIndex,
      parts: this.#parts.map(({ part, comparison }, i) => ({
        log10: log10(comparison.lnEvidence),
        tolerance: { rho: part.tolerance.rho, delta: part.tolerance.delta },
        quantile: part.quantile,
        threshold: part.quantile === null ? null : (thresholds[i] ?? null),
        totals: { ...comparison.totals },
        onset: { tickIndex: comparison.onset.tickIndex, ...comparison.onset.counts },
      })),
    }
  }

  save(): SavedCheck {
    return {
      name: this.config.type,
      tolerances: this.#parts.map(({ part: { tolerance } }) => [tolerance.rho, tolerance.delta]),
      parts: this.#parts.map(({ comparison }) => comparison.save()),
    }
  }

  #isReady({ totals, onset }: Comparison): boolean {
    const { canaryBadCount, canaryCount, slowTickCount } = this.#minimum
    if (this.config.type === 'latency' && onset.badTickCount < slowTickCount) return false
    return totals.canaryBadCount >= canaryBadCount && totals.canaryCount >= canaryCount
  }

  /** ln E of everything, whether it is enough to act on or not. */
  #lnAll(): number {
    if (this.config.type === 'slo') return this.lnEvidence(true)
    return this.#parts.reduce(
      (ln, { part, comparison }) => lnSum(ln, Math.log(part.share) + comparison.lnEvidence),
      -Infinity,
    )
  }

  #leadIndex(): number {
    if (this.config.type !== 'latency') return 0
    let lead = 0
    let most = -Infinity
    for (const [i, { part, comparison }] of this.#parts.entries()) {
      const ln = Math.log(part.share) + comparison.lnEvidence
      if (ln <= most) continue
      lead = i
      most = ln
    }
    return lead
  }
}

function assertSame(config: CheckConfig, parts: readonly Part[], saved: SavedCheck): void {
  if (saved.name !== config.type || saved.parts.length !== parts.length) {
    throw new RangeError(`Cannot go on with check "${config.type}": "${saved.name}" was saved`)
  }
  for (const [i, { tolerance }] of parts.entries()) {
    const [rho, delta] = saved.tolerances[i] ?? []
    if (rho === tolerance.rho && delta === tolerance.delta) continue
    throw new RangeError(
      `Cannot go on with check "${config.type}": it tolerates ${tolerance.rho} times stable + ${tolerance.delta}, and ${rho} times + ${delta} was saved`,
    )
  }
}
