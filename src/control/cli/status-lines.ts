/**
 * Status in words: the table of all routes, the page of one route, and the one line for logs.
 */

import type { EvidenceView } from '../api/evidence-view.ts'
import type { WindowName } from '../series.ts'
import {
  evidenceLine,
  evidenceWordOf,
  metricLines,
  paintVerdict,
  reached,
} from './analysis-lines.ts'
import { eventTable } from './events.ts'
import { clock, count, latency, percent, ratio, span } from './format.ts'
import type { Paint } from './paint.ts'
import { stepOf } from './rollout-table.ts'
import type { RouteStatus, Status } from './status.ts'
import { table } from './table.ts'
import type { EventView, RolloutView, VariantView } from '../api/schema.ts'
import { hasEnded } from './phase.ts'

interface Look {
  /** Key of the windows to show. */
  readonly window: WindowName
  readonly paint: Paint
}

interface VariantRow {
  readonly name: 'stable' | 'canary'
  readonly weight: number
  readonly variant: VariantView
}

/** One line a route, and a second one while it has a canary. */
export function overviewTable(routes: readonly RouteStatus[], { window, paint }: Look): string[] {
  const rows = routes.flatMap((status) => {
    const { route, rollout } = status
    return variantRows(status).map(({ name, weight, variant }, i) => {
      const seen = variant.windows[window]
      const isFirst = i === 0
      return [
        isFirst ? route.name : '',
        isFirst ? paintPhase(rollout?.phase ?? '-', paint) : '',
        isFirst && rollout !== null ? stepOf(rollout) : isFirst ? '-' : '',
        isFirst ? paintVerdict(verdictOf(rollout), paint) : '',
        isFirst ? evidenceWordOf(rollout, paint) : '',
        name,
        variant.upstream,
        percent(weight),
        count(seen?.requests ?? 0),
        ratio(seen?.errorRate),
        latency(seen?.p95),
      ]
    })
  })
  return table(
    [
      { title: 'ROUTE' },
      { title: 'PHASE' },
      { title: 'STEP' },
      { title: 'VERDICT' },
      { title: 'EVIDENCE' },
      { title: 'VARIANT' },
      { title: 'UPSTREAM' },
      { title: 'WEIGHT', isNumber: true },
      { title: 'REQUESTS', isNumber: true },
      { title: 'ERRORS', isNumber: true },
      { title: 'P95', isNumber: true },
    ],
    rows,
  )
}

/** One route: the rollout with what holds it and why, both variants, the last events. */
export function detailLines(
  status: RouteStatus,
  look: Look &
    Pick<Status, 'analysis'> & { readonly events: readonly EventView[]; readonly nowMs: number },
): string[] {
  const { route, rollout } = status
  const { window, paint, events, analysis, nowMs } = look
  const lines = [`${paint('bold', route.name)}  ${headline(status, paint)}`]
  if (rollout !== null) {
    lines.push(
      '',
      ...facts(rollout, analysis?.evidence ?? null, nowMs).map(
        ([name, value]) => `  ${name.padEnd(10)}${value}`,
      ),
    )
  }
  lines.push(
    '',
    ...table(
      [
        { title: `  LAST ${window.toUpperCase()}` },
        { title: 'UPSTREAM' },
        { title: 'WEIGHT', isNumber: true },
        { title: 'REQUESTS', isNumber: true },
        { title: 'ERRORS', isNumber: true },
        { title: 'P50', isNumber: true },
        { title: 'P95', isNumber: true },
        { title: 'P99', isNumber: true },
      ],
      variantRows(status).map(({ name, weight, variant }) => {
        const seen = variant.windows[window]
        return [
          `  ${name}`,
          variant.upstream,
          percent(weight),
          count(seen?.requests ?? 0),
          ratio(seen?.errorRate),
          latency(seen?.p50),
          latency(seen?.p95),
          latency(seen?.p99),
        ]
      }),
    ),
  )
  const metrics = analysis === null ? [] : metricLines(analysis, paint)
  if (metrics.length > 0) lines.push('', ...metrics)
  if (events.length > 0) lines.push('', ...eventTable(events).map((line) => `  ${line}`))
  return lines
}

/** One line for a log. */
export function tickerLine(
  status: RouteStatus,
  { window, analysis }: Pick<Look, 'window'> & Pick<Status, 'analysis'>,
): string {
  const { route, rollout } = status
  const variants = variantRows(status).map(({ name, weight, variant }) => {
    const seen = variant.windows[window]
    return `${name} ${variant.upstream} ${percent(weight)} ${count(seen?.requests ?? 0)} requests ${ratio(seen?.errorRate)} errors p95 ${latency(seen?.p95)}`
  })
  const where =
    rollout === null ? 'no rollout' : `${rollout.id} ${rollout.phase} ${stepOf(rollout)}`
  const evidence = analysis?.evidence ?? null
  const words = evidence === null ? [] : [`evidence ${reached(evidence)}`]
  return [clock(Date.now()), route.name, where, verdictOf(rollout), ...words, ...variants].join(
    '  ',
  )
}

function headline({ route, rollout }: RouteStatus, paint: Paint): string {
  if (rollout === null) return `all traffic to ${route.stable}; no rollout so far`
  if (hasEnded(rollout)) {
    return `all traffic to ${route.stable}; ${rollout.id} is ${paintPhase(rollout.phase, paint)}`
  }
  return `${paintPhase(rollout.phase, paint)}, ${percent(rollout.weight)} of traffic to ${rollout.to}`
}

function facts(
  rollout: RolloutView,
  evidence: EvidenceView | null,
  nowMs: number,
): (readonly [string, string])[] {
  const { step, holding, verdict, plan } = rollout
  const isRunning = !hasEnded(rollout)
  const ended = rollout.endedAt === null ? '' : `, ended ${clock(rollout.endedAt)}`
  const rows: (readonly [string, string])[] = [
    [
      'rollout',
      `${rollout.id}, ${rollout.from} to ${rollout.to}, attempt ${rollout.attempt}, generation ${rollout.generation}, started ${clock(rollout.startedAt)}${ended}`,
    ],
  ]
  if (isRunning && step !== null && holding?.why.includes(step.description) !== true) {
    rows.push(['step', `${step.index + 1} of ${step.count}: ${step.description}`])
  }
  if (isRunning && holding !== null) {
    const until =
      holding.until === null
        ? ''
        : `, until ${clock(holding.until)} (${span(Date.parse(holding.until) - nowMs)})`
    rows.push(['holding', `${holding.why}${until}`])
    if (holding.waysOut.length > 0) rows.push(['ways out', holding.waysOut.join(', ')])
  }
  // Without criteria the verdict is the evidence, and what was judged is older than what is known.
  if (verdict !== null && (evidence === null || plan.guard.successCriteria !== '')) {
    rows.push(['verdict', verdict.sentence])
  }
  rows.push(['guard', guardLine(plan.guard)])
  if (evidence !== null) {
    rows.push(['evidence', evidenceLine(evidence)], ['', evidence.sentence])
  }
  if (rollout.reason !== null && rollout.reason !== holding?.why)
    rows.push(['reason', rollout.reason])
  return rows
}

function guardLine(guard: RolloutView['plan']['guard']): string {
  const { coin, actions = {}, successCriteria, window } = guard
  const others = Object.entries(actions).filter(([, action]) => action !== 'abort')
  const parts = [
    ...(coin ? ['compared with stable'] : []),
    ...others.map(([check, action]) => `${check}: ${action}`),
    ...(successCriteria === '' ? [] : [`${successCriteria} over ${window}`]),
  ]
  return parts.length === 0 ? 'off' : parts.join(', ')
}

function variantRows({ route }: RouteStatus): VariantRow[] {
  const { stable, canary } = route.variants
  const rows: VariantRow[] = [
    { name: 'stable', weight: canary ? 100 - route.weight : 100, variant: stable },
  ]
  if (canary) rows.push({ name: 'canary', weight: route.weight, variant: canary })
  return rows
}

function verdictOf(rollout: RolloutView | null): string {
  return rollout === null || hasEnded(rollout) ? '-' : (rollout.verdict?.verdict ?? '-')
}

function paintPhase(phase: string, paint: Paint): string {
  switch (phase) {
    case 'promoted':
      return paint('green', phase)
    case 'aborted':
    case 'rolledBack':
    case 'blocked':
      return paint('red', phase)
    case 'paused':
      return paint('yellow', phase)
    default:
      return phase
  }
}
