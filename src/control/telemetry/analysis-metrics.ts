/**
 * The metrics of the judge: how near it is to act, what it has seen and what it has decided.
 *
 * Evidence is told as decimal logarithms beside its limits, so that an alert can subtract the two; the evidence itself
 * would leave the range of a double. Only what runs has evidence, so that no rollout of the past stays in an exposition.
 */

import type { GuardEvidence } from '../../analyzer/guard/evidence.ts'
import type { Outcome } from '../../analyzer/measure/measure.ts'
import type { JudgeFigures } from '../judge/figures.ts'
import type { MetricRow } from './duration-histogram.ts'
import { isCounted, type MetricDefinition, row } from './metric-kinds.ts'

/** Every outcome there is, each its own row; the compiler asks for a new one. */
const OUTCOMES = Object.keys({
  success: true,
  failure: true,
  inconclusive: true,
  noData: true,
  error: true,
} satisfies Record<Outcome, true>)

export const ANALYSIS_METRICS: readonly MetricDefinition[] = [
  {
    name: 'sluice_analysis_evidence_log10',
    help: 'Decimal logarithm of the evidence against a running canary, by check; "all" are the checks together, "ratio" is against the splitter.',
    type: 'gauge',
    rows: ({ judge }) => judge.running.flatMap((one) => evidenceRows(one, 'log10')),
  },
  {
    name: 'sluice_analysis_evidence_limit_log10',
    help: 'Decimal logarithm of the evidence at which the check would decide by itself.',
    type: 'gauge',
    rows: ({ judge }) => judge.running.flatMap((one) => evidenceRows(one, 'limitLog10')),
  },
  {
    name: 'sluice_analysis_splitter_broken',
    help: '1 when the requests of a running rollout are not split as its weights say, else 0; absent where that is not checked.',
    type: 'gauge',
    rows: ({ judge }) =>
      judge.running.flatMap(({ route, rollout, evidence: { ratio } }) =>
        ratio === null ? [] : [row({ route, rollout }, ratio.isBroken ? 1 : 0)],
      ),
  },
  {
    name: 'sluice_analysis_settled_requests_total',
    help: 'Requests that reached the age at which their outcome counts as evidence, by the variant that the coin gave them.',
    type: 'counter',
    rows: ({ judge }) =>
      judge.settled
        .map(({ route, variant, count }) => row({ route, variant }, count))
        .filter(isCounted),
  },
  {
    name: 'sluice_analysis_decisions_total',
    help: 'Decisions that evidence reached, by what they demand and the check that weighed most.',
    type: 'counter',
    rows: ({ judge }) =>
      judge.decisions.map(({ action, by, count }) => row({ action, check: by }, count)),
  },
  {
    name: 'sluice_analysis_metric_verdict',
    help: '1 for the verdict of the last measurement of a metric of the configuration, 0 for every other; absent before the first one of a running rollout.',
    type: 'gauge',
    rows: ({ measured }) =>
      measured.running.flatMap(({ route, rollout, metric, outcome }) =>
        OUTCOMES.map((verdict) =>
          row({ route, rollout, metric, verdict }, verdict === outcome ? 1 : 0),
        ),
      ),
  },
  {
    name: 'sluice_analysis_metric_measurements_total',
    help: 'Measurements of a metric of the configuration, by verdict.',
    type: 'counter',
    rows: ({ measured }) =>
      measured.measurements.map(({ metric, outcome, count }) =>
        row({ metric, verdict: outcome }, count),
      ),
  },
  {
    name: 'sluice_analysis_metric_errors_total',
    help: 'Measurements of a metric of the configuration that failed, by reason; they say nothing of the canary.',
    type: 'counter',
    rows: ({ measured }) =>
      measured.errors.map(({ metric, kind, count }) => row({ metric, reason: kind }, count)),
  },
]

function evidenceRows(
  { route, rollout, evidence }: JudgeFigures['running'][number],
  read: keyof GuardEvidence & ('log10' | 'limitLog10'),
): MetricRow[] {
  const told = (check: string, of: Pick<GuardEvidence, typeof read>): MetricRow =>
    row({ route, rollout, check }, of[read])
  const checks = evidence.checks.map((check) => told(check.name, check))
  const splitter = evidence.ratio === null ? [] : [told('ratio', evidence.ratio)]
  return [told('all', evidence), ...checks, ...splitter]
}
