/**
 * The live part of the demo's screen: both variants side by side, the rollout, and what the users notice.
 */

import type { RolloutView, RouteView } from '../../api/schema.ts'
import { count, latency, percent, ratio, span } from '../format.ts'
import type { Paint } from '../paint.ts'
import { hasEnded } from '../phase.ts'
import type { Share } from './ledger.ts'

export interface Picture {
  readonly route: RouteView
  readonly rollout: RolloutView | null
  /** What the users saw in this act. */
  readonly users: Share
  readonly ratePerSecond: number
  readonly nowMs: number
}

/** Of the numbers beside the bars. */
const WINDOW = '10s'
const BAR_WIDTH = 30

/** The lines of the picture; all of the same number, so that nothing jumps. */
export function panelLines(picture: Picture, paint: Paint): string[] {
  const { users, ratePerSecond } = picture
  return [
    '',
    ...variantLines(picture, paint),
    '',
    `  ${paint('dim', 'rollout')}  ${rolloutLine(picture)}`,
    `  ${paint('dim', 'guard  ')}  ${guardLine(picture, paint)}`,
    `  ${paint('dim', 'users  ')}  ${ratePerSecond} requests/s; ${count(users.requestCount)} answered, ${failedText(users, paint)}`,
  ]
}

/** The same picture as one line, for logs. */
export function pictureLine({ route, users }: Picture): string {
  const { stable, canary } = route.variants
  const sides = [stable, canary].map((variant) => {
    const seen = variant?.windows[WINDOW]
    if (variant === undefined || seen === undefined) return ''
    return `  ${variant.upstream} ${count(seen.requests).padStart(5)} requests ${ratio(seen.errorRate).padStart(6)} errors p95 ${latency(seen.p95)}`
  })
  return `${percent(route.canary === null ? 0 : route.weight).padStart(5)}${sides.join('')}  users: ${users.errorCount} failed`
}

/** A bar of `width` cells, filled to a ratio from 0 to 1. */
export function bar(value: number, width: number): { full: string; empty: string } {
  const cells = Math.round(value * width)
  // Little is not nothing, and most is not all.
  const full = value > 0 && value < 1 ? Math.min(width - 1, Math.max(1, cells)) : cells
  return { full: '█'.repeat(full), empty: '░'.repeat(width - full) }
}

function variantLines({ route }: Picture, paint: Paint): string[] {
  const { stable, canary } = route.variants
  const canaryWeight = canary === undefined ? 0 : route.weight
  const rows = [
    { variant: stable, weight: 100 - canaryWeight, style: 'cyan' },
    { variant: canary, weight: canaryWeight, style: 'yellow' },
  ] as const
  return rows.map(({ variant, weight, style }) => {
    if (variant === undefined) return `  ${paint('dim', 'no canary')}`
    const seen = variant.windows[WINDOW]
    const { full, empty } = bar(weight / 100, BAR_WIDTH)
    const errors = `${ratio(seen.errorRate).padStart(7)} errors`
    return [
      `  ${paint('bold', variant.upstream.padEnd(8))} ${paint(style, full)}${paint('dim', empty)}`,
      percent(weight).padStart(5),
      `${count(seen.requests).padStart(6)} requests`,
      seen.errors > 0 ? paint('red', errors) : errors,
      `p95 ${latency(seen.p95).padStart(6)}`,
    ].join('  ')
  })
}

function rolloutLine({ rollout, nowMs }: Picture): string {
  if (rollout === null) return 'none'
  if (hasEnded(rollout)) return `${rollout.id} ${rollout.phase}`
  const { step, holding } = rollout
  const until = holding?.until ?? null
  const left = until === null ? '' : `, ${span(Date.parse(until) - nowMs)} left`
  const place = step === null ? '' : `, step ${step.index + 1} of ${step.count}${left}`
  return `${rollout.id} ${rollout.phase} at ${percent(rollout.weight)}${place}`
}

function guardLine({ rollout }: Picture, paint: Paint): string {
  if (rollout === null || hasEnded(rollout)) return paint('dim', '-')
  const { verdict } = rollout
  if (verdict === null) return `${rollout.plan.guard.successCriteria}: nothing judged yet`
  const style = { pass: 'green', fail: 'red', inconclusive: 'yellow', noData: 'dim' } as const
  return paint(style[verdict.verdict], verdict.sentence)
}

function failedText({ errorCount }: Share, paint: Paint): string {
  const text = `${count(errorCount)} failed`
  return errorCount > 0 ? paint('red', text) : text
}
