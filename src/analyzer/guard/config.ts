/**
 * What the guard watches and how sure it must be: the checks that run when nobody configures anything.
 *
 * Each check brings evidence of its own. They share one bound by weight, `Σ weight · E ≥ 1 / alpha`: the mean of evidence
 * is evidence, however the checks depend on each other, and it is never slower than sharing alpha by Bonferroni.
 */

import type { Tolerance } from '../coin/bets.ts'

/** What is done about a check that fails, strongest first. */
export const ACTIONS = ['abort', 'pause', 'warn'] as const

export type Action = (typeof ACTIONS)[number]

interface CheckBase {
  /** The check's part of the bound, above 0; the parts are scaled to add up to 1. */
  readonly weight: number
  readonly action: Action
}

/** Failed or 4xx outcomes, the canary's against stable's. */
export interface RelativeCheckConfig extends CheckBase, Tolerance {
  readonly type: 'failed' | 'clientErrors'
}

/**
 * Failed outcomes of the canary against a fixed limit, 0 to 1 (both exclusive). While stable has traffic the canary must
 * also be worse than stable: an outage that both share is not the canary's.
 */
export interface SloCheckConfig extends CheckBase {
  readonly type: 'slo'
  readonly limitRatio: number
}

/** Answers slower than stable's own recent quantiles. */
export interface LatencyCheckConfig extends CheckBase {
  readonly type: 'latency'
}

export type CheckConfig = RelativeCheckConfig | SloCheckConfig | LatencyCheckConfig

/** Names a check; each is there at most once. */
export type CheckName = CheckConfig['type']

/** Other actions than the checks have. */
export type GuardActions = Readonly<Partial<Record<CheckName, Action>>>

export interface GuardConfig {
  /** Bound on the probability that a healthy rollout is ever acted on, above 0, at most 0.1. */
  readonly alpha: number
  readonly checks: readonly CheckConfig[]
  /** The splitter's check on itself, with a bound of its own; null: off. */
  readonly ratio: { readonly alpha: number; readonly action: Action } | null
  /** The margin within which a canary counts as good, and the bound on a false pass; null: no evidence of that. */
  readonly promotion: (Tolerance & { readonly beta: number }) | null
  /** A comparison with stable does not act on less than this. */
  readonly minimum: {
    readonly canaryBadCount: number
    readonly canaryCount: number
    /**
     * Ticks with slow requests of the canary, since it seems to be slow: what one pause of one process holds up comes in a
     * few ticks. It is no independent toss of a coin for each request, and no fault of a version.
     */
    readonly slowTickCount: number
  }
  /** Whether one toss of the coin serves many requests of a unit; see `UnitCounts`. */
  readonly isSticky: boolean
}

/** The guard when nobody says anything: at most one healthy rollout in a thousand is taken back. */
export const STANDARD_GUARD: GuardConfig = {
  alpha: 0.001,
  checks: [
    { type: 'failed', weight: 0.4, action: 'abort', rho: 1.5, delta: 0.001 },
    { type: 'latency', weight: 0.4, action: 'abort' },
    { type: 'slo', weight: 0.1, action: 'abort', limitRatio: 0.05 },
    { type: 'clientErrors', weight: 0.1, action: 'abort', rho: 2, delta: 0.01 },
  ],
  ratio: { alpha: 1e-4, action: 'pause' },
  promotion: { rho: 1.5, delta: 0.005, beta: 0.05 },
  minimum: { canaryBadCount: 3, canaryCount: 20, slowTickCount: 15 },
  isSticky: false,
}

/**
 * The least ratio to stable for sticky units. A unit counts until its first bad outcome, so the side that loses its
 * frail units first looks better later on; half as much again covers that (measured in bench/analysis, mode F1).
 */
const STICKY_RHO = 1.5

/** The tolerance that is really bet on: sticky units have no added share, because their good outcomes do not count. */
export function effectiveTolerance(tolerance: Tolerance, isSticky: boolean): Tolerance {
  return isSticky ? { rho: Math.max(STICKY_RHO, tolerance.rho), delta: 0 } : tolerance
}

/** Returns the guard with other actions for some of its checks. */
export function withActions(config: GuardConfig, actions: GuardActions): GuardConfig {
  const checks = config.checks.map((check) => ({
    ...check,
    action: actions[check.type] ?? check.action,
  }))
  return { ...config, checks }
}

/** Throws a RangeError that names the first value out of its range. */
export function assertConfig(config: GuardConfig): void {
  const { alpha, checks, ratio, promotion } = config
  requireRange('alpha', alpha, 0.1)
  if (checks.length === 0) throw new RangeError('Cannot guard without a check')
  if (new Set(checks.map(({ type }) => type)).size < checks.length) {
    throw new RangeError('Cannot guard with the same check twice')
  }
  for (const check of checks) {
    requireRange(`${check.type}.weight`, check.weight, 1e6)
    if (check.type === 'slo') requireRange('slo.limitRatio', check.limitRatio, 1 - 1e-9)
    if (check.type === 'failed' || check.type === 'clientErrors') {
      requireTolerance(check.type, check)
    }
  }
  if (ratio !== null) requireRange('ratio.alpha', ratio.alpha, 0.1)
  if (promotion === null) return
  requireRange('promotion.beta', promotion.beta, 0.5)
  requireTolerance('promotion', promotion)
}

function requireTolerance(name: string, { rho, delta }: Tolerance): void {
  requireRange(`${name}.rho`, rho, 1_000)
  if (!(delta >= 0 && delta < 1)) {
    throw new RangeError(`Cannot guard with ${name}.delta of ${delta}: it must be 0 to 1`)
  }
}

function requireRange(name: string, value: number, most: number): void {
  if (value > 0 && value <= most) return
  throw new RangeError(
    `Cannot guard with ${name} of ${value}: it must be above 0 and at most ${most}`,
  )
}
