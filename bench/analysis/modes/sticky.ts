/**
 * F1: one toss of the coin, many bad outcomes. Units stay on their variant, and a few of them do most of the harm.
 *
 * 500 units with lognormal shares of the traffic; each unit fails by a rate of its own, lognormal and heavy-tailed, and
 * answers at a pace of its own. Off: each request counts. On: each unit counts once, at its first bad outcome.
 */

import { LATENCY_QUANTILES } from '../../../src/analyzer/latency.ts'
import { faultBets } from '../../../src/analyzer/coin/bets.ts'
import { Coin } from '../../../src/analyzer/coin/coin.ts'
import { effectiveTolerance } from '../../../src/analyzer/guard/config.ts'
import { restartMass } from '../../../src/analyzer/coin/restarts.ts'
import { normalQuantile, normalTail } from '../normal.ts'
import { Random } from '../random.ts'
import { sharesAt } from '../share.ts'
import { STRICT, TOLERANT } from '../judges/coin.ts'
import type { ModeOptions, ModeResult } from './mode.ts'

const UNIT_COUNT = 500
const REQUESTS_PER_SECOND = 100
const WEIGHT = 0.05
const ODDS = WEIGHT / (1 - WEIGHT)

/** Logarithmic spread of the units' traffic, of their failure rates, of their pace and of single requests. */
const TRAFFIC_SIGMA = 1
const FAILURE_SIGMA = 2.5
const PACE_SIGMA = 0.5
const REQUEST_SIGMA = 0.5

/** Median failure rate of a unit. */
const FAILURE_MEDIAN = 2e-4

const SLACK = Math.log(1.15)

/** Seconds of a tick: coarse, since evidence moves at bad outcomes alone. */
const TICK_S = 20

interface Units {
  readonly isCanary: boolean[]
  /** Requests in a tick, on average. */
  readonly mean: number[]
  readonly failure: number[]
  /** Logarithm of the unit's median latency by the usual one. */
  readonly pace: number[]
}

type Kind = 'failed' | 'slow'

export function measureSticky({ seed, runCount, horizonS }: ModeOptions): ModeResult {
  const runs = Array.from({ length: runCount }, (_, run) =>
    runOnce(new Random(seed, `F1 ${run}`), horizonS),
  )
  return {
    mode: 'F1',
    words: '500 sticky units, a few of them heavy, failing or slow',
    variants: VARIANTS.map(({ name, isMitigated }, i) => ({
      name,
      isMitigated,
      shares: sharesAt(runs.map((run) => run[i]!)),
    })),
  }
}

interface Variant {
  readonly name: string
  readonly isMitigated: boolean
  readonly kind: Kind
  /** Whether a unit counts once. */
  readonly isByUnit: boolean
  /** Whether stable is counted by the canary's threshold. */
  readonly hasOneThreshold: boolean
  readonly tolerance: { readonly rho: number; readonly delta: number }
}

const VARIANTS: readonly Variant[] = [
  {
    name: 'each failure counts, strict',
    isMitigated: false,
    kind: 'failed',
    isByUnit: false,
    hasOneThreshold: false,
    tolerance: STRICT,
  },
  {
    name: 'each failure counts, rho 1.5',
    isMitigated: false,
    kind: 'failed',
    isByUnit: false,
    hasOneThreshold: false,
    tolerance: effectiveTolerance(TOLERANT, true),
  },
  {
    name: 'first failure of a unit, rho 1.5',
    isMitigated: true,
    kind: 'failed',
    isByUnit: true,
    hasOneThreshold: false,
    tolerance: effectiveTolerance(TOLERANT, true),
  },
  {
    name: 'each slow request counts',
    isMitigated: false,
    kind: 'slow',
    isByUnit: false,
    hasOneThreshold: false,
    tolerance: STRICT,
  },
  {
    name: 'first slow request of a unit, two thresholds',
    isMitigated: false,
    kind: 'slow',
    isByUnit: true,
    hasOneThreshold: false,
    tolerance: STRICT,
  },
  {
    name: 'first slow request of a unit, one threshold, rho 1.5',
    isMitigated: true,
    kind: 'slow',
    isByUnit: true,
    hasOneThreshold: true,
    tolerance: effectiveTolerance(STRICT, true),
  },
]

/** Returns the largest ln E of each variant. */
function runOnce(random: Random, horizonS: number): readonly number[] {
  const units = drawUnits(random)
  const counters = VARIANTS.map((variant) => new Counter(variant, horizonS))
  const phase = random.uniform()
  for (let atS = 0; atS < horizonS; atS += TICK_S) {
    // Everything drifts by 30 % within ten minutes; thresholds are those of the usual pace.
    const lnScale = Math.log(1 + 0.3 * Math.sin(2 * Math.PI * (atS / 600 + phase)))
    for (const counter of counters) counter.begin()
    for (let unit = 0; unit < UNIT_COUNT; unit++) {
      const count = random.poisson(units.mean[unit]!)
      if (count > 0)
        for (const counter of counters) counter.add(random, units, { unit, count, lnScale })
    }
    for (const counter of counters) counter.end()
  }
  return counters.map(({ mostLn }) => mostLn)
}

function drawUnits(random: Random): Units {
  const traffic = Array.from({ length: UNIT_COUNT }, () =>
    Math.exp(TRAFFIC_SIGMA * random.normal()),
  )
  const perUnit = (REQUESTS_PER_SECOND * TICK_S) / traffic.reduce((sum, one) => sum + one, 0)
  return {
    isCanary: traffic.map(() => random.uniform() < WEIGHT),
    mean: traffic.map((one) => one * perUnit),
    failure: traffic.map(() =>
      Math.min(1, FAILURE_MEDIAN * Math.exp(FAILURE_SIGMA * random.normal())),
    ),
    pace: traffic.map(() => PACE_SIGMA * random.normal()),
  }
}

/** Of stable as a whole; units and requests vary together. */
const SPREAD = Math.hypot(PACE_SIGMA, REQUEST_SIGMA)
const THRESHOLDS = LATENCY_QUANTILES.map(({ quantile }) => SPREAD * normalQuantile(quantile))

/** One variant's way of counting, and its evidence: one coin, or one for each quantile. */
class Counter {
  readonly #variant: Variant
  readonly #coins: readonly Coin[]
  readonly #shares: readonly number[]
  readonly #canaryBad: number[]
  readonly #stableBad: number[]
  /** Units that have been bad, by coin. */
  readonly #spent: readonly Uint8Array[]
  readonly #horizonTickCount: number
  #tickIndex = 0
  mostLn = -Infinity

  constructor(variant: Variant, horizonS: number) {
    const bets = faultBets(variant.tolerance)
    this.#variant = variant
    this.#shares = variant.kind === 'failed' ? [1] : LATENCY_QUANTILES.map(({ share }) => share)
    this.#coins = this.#shares.map(() => new Coin(bets))
    this.#canaryBad = this.#shares.map(() => 0)
    this.#stableBad = this.#shares.map(() => 0)
    this.#spent = this.#shares.map(() => new Uint8Array(UNIT_COUNT))
    this.#horizonTickCount = horizonS / TICK_S
  }

  begin(): void {
    this.#canaryBad.fill(0)
    this.#stableBad.fill(0)
  }

  add(random: Random, units: Units, now: { unit: number; count: number; lnScale: number }): void {
    const { unit, count } = now
    for (let i = 0; i < this.#coins.length; i++) {
      if (this.#variant.isByUnit && this.#spent[i]![unit] === 1) continue
      const bad = random.poisson(count * this.#badRatio(units, i, now))
      if (bad === 0) continue
      this.#spent[i]![unit] = 1
      const into = units.isCanary[unit]! ? this.#canaryBad : this.#stableBad
      into[i]! += this.#variant.isByUnit ? 1 : bad
    }
  }

  end(): void {
    const plan = { horizonTickCount: this.#horizonTickCount, stepCount: 0 }
    const mass = restartMass(plan, this.#tickIndex++)
    let evidence = 0
    for (const [i, coin] of this.#coins.entries()) {
      coin.invest(mass)
      coin.bet(ODDS, {
        canaryBadCount: this.#canaryBad[i]!,
        canaryOkCount: 0,
        stableBadCount: this.#stableBad[i]!,
      })
      evidence += this.#shares[i]! * Math.exp(Math.min(600, coin.lnEvidence))
    }
    this.mostLn = Math.max(this.mostLn, Math.log(evidence))
  }

  #badRatio(
    units: Units,
    index: number,
    { unit, lnScale }: { unit: number; lnScale: number },
  ): number {
    if (this.#variant.kind === 'failed') return units.failure[unit]!
    const isLenient = units.isCanary[unit]! || this.#variant.hasOneThreshold
    const threshold = THRESHOLDS[index]! + (isLenient ? SLACK : 0)
    return normalTail((threshold - units.pace[unit]! - lnScale) / REQUEST_SIGMA)
  }
}
