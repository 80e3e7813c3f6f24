/**
 * The live part of the demo's screen: both variants side by side, the rollout, and what the users notice.
 *
 * Requests and errors are the users' own count of the act that is played. The rolling windows of the API were
 * rejected for them: they reach back into the act before, whose faults are over.
 */

import type { RolloutView, RouteView } from '../../api/schema.ts'
import { count, latency, percent, ratio, span } from '../format.ts'
import type { Paint } from '../paint.ts'
import { hasEnded } from '../phase.ts'
import type { Ledger, Share } from './ledger.ts'

export interface Picture {
  readonly route: RouteView
  readonly rollout: RolloutView | null
  /** Of the act. */
  readonly users: Pick<Ledger, 'all' | 'of'>
  readonly ratePerSecond: number
  readonly nowMs: number
}

const LATENCY_WINDOW = '10s'
const BAR_WIDTH = 30

/** The lines of the picture; always as many, so that nothing jumps. */
export function panelLines(picture: Picture, paint: Paint): string[] {
  const { users, ratePerSecond } = picture
  return [
    '',
    ...sidesOf(picture).map((side) => sideLine(side, paint)),
    '',
    `  ${paint('dim', 'rollout')}  ${rolloutLine(picture)}`,
    `  ${paint('dim', 'guard  ')}  ${guardLine(picture, paint)}`,
    `  ${paint('dim', 'users  ')}  ${ratePerSecond} requests/s; ${count(users.all.requestCount)} answered, ${paintErrors(users.all, `${count(users.all.errorCount)} failed`, paint)}`,
  ]
}

/** The same picture as one line, for logs. */
export function pictureLine(picture: Picture): string {
  return sidesOf(picture)
    .filter((side) => side !== null)
    .map(({ name, weight, seen, p95 }) => {
      const errors = `${ratio(ratioOf(seen)).padStart(6)} errors`
      return `${name} ${percent(weight).padStart(5)} ${count(seen.requestCount).padStart(6)} requests ${errors} p95 ${latency(p95).padEnd(6)}`
    })
    .join('   ')
    .trimEnd()
}

/** A bar of `width` cells, filled to a ratio from 0 to 1. */
export function bar(value: number, width: number): { full: string; empty: string } {
  const cells = Math.round(value * width)
  // Little is not nothing, and most is not all.
  const full = value > 0 && value < 1 ? Math.min(width - 1, Math.max(1, cells)) : cells
  return { full: '█'.repeat(full), empty: '░'.repeat(width - full) }
}

interface Side {
  readonly name: string
  readonly style: 'cyan' | 'yellow'
  /** Percent. */
  readonly weight: number
  readonly seen: Share
  /** Seconds. */
  readonly p95: number | null
}

/** Stable and canary; null where there is no canary. A shop's version is its upstream's name. */
function sidesOf({ route, users }: Picture): readonly [Side, Side | null] {
  const { stable, canary } = route.variants
  const canaryWeight = canary === undefined ? 0 : route.weight
  const side = ({ upstream, windows }: typeof stable, weight: number, style: Side['style']) => ({
    name: upstream,
    style,
    weight,
    seen: users.of(upstream),
    p95: windows[LATENCY_WINDOW].p95,
  })
  return [
    side(stable, 100 - canaryWeight, 'cyan'),
    canary === undefined ? null : side(canary, canaryWeight, 'yellow'),
  ]
}

function sideLine(side: Side | null, paint: Paint): string {
  if (side === null) return `  ${paint('dim', 'no canary')}`
  const { name, style, weight, seen, p95 } = side
  const { full, empty } = bar(weight / 100, BAR_WIDTH)
  return [
    `  ${paint('bold', name.padEnd(8))} ${paint(style, full)}${paint('dim', empty)}`,
    percent(weight).padStart(5),
    `${count(seen.requestCount).padStart(6)} requests`,
    paintErrors(seen, `${ratio(ratioOf(seen)).padStart(7)} errors`, paint),
    `p95 ${latency(p95).padStart(6)}`,
  ].join('  ')
}

function rolloutLine({ rollout, nowMs }: Picture): string {
  if (rollout === null) return 'none'
  if (hasEnded(rollout)) return `${rollout.id} ${rollout.phase}`
  const { step, holding } = rollout
  const until = holding?.until ?? null
  const left = until === null ? '' : `, ${span(Date.parse(until) - nowMs)} left`
  const place =
    step === null ? '' : `, step ${step.index + 1} of ${step.count}: ${step.description}${left}`
  return `${rollout.id} ${rollout.phase} at ${percent(rollout.weight)}${place}`
}

function guardLine({ rollout }: Picture, paint: Paint): string {
  if (rollout === null || hasEnded(rollout)) return paint('dim', '-')
  const { verdict } = rollout
  if (verdict === null) return 'nothing judged yet'
  const style = { pass: 'green', fail: 'red', inconclusive: 'yellow', noData: 'dim' } as const
  return paint(style[verdict.verdict], verdict.sentence)
}

function ratioOf({ requestCount, errorCount }: Share): number | null {
  return requestCount === 0 ? null : errorCount / requestCount
}

function paintErrors({ errorCount }: Share, text: string, paint: Paint): string {
  return errorCount > 0 ? paint('red', text) : text
}
