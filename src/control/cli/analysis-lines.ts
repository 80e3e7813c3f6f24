/** What speaks about a canary, in words: the evidence of the comparison, and the metrics beside it. */

import { power } from '../../analyzer/guard/words.ts'
import type { EvidenceView } from '../api/evidence-view.ts'
import type { AnalysisView, RolloutView } from '../api/schema.ts'
import { clock } from './format.ts'
import type { Paint } from './paint.ts'
import { table } from './table.ts'

/** A word; with the evidence where that is worth a look. */
export function evidenceWordOf(rollout: RolloutView | null, paint: Paint): string {
  const evidence = rollout?.evidence ?? null
  if (evidence === null) return '-'
  const { word } = evidence
  switch (word) {
    case 'none':
    case 'quiet':
      return word
    case 'good':
      return paint('green', word)
    case 'doubtful':
      return paint('yellow', `${word} ${reached(evidence)}`)
    case 'bad':
    case 'broken':
      return paint('red', word)
  }
}

/** How near the guard is to act, of all checks together and of each by itself. */
export function evidenceLine(evidence: EvidenceView): string {
  const checks = evidence.checks.map((check) => `${check.name} ${reached(check)}`)
  const splitter = evidence.splitter?.isBroken === true ? '; the splitter is broken' : ''
  const timed = evidence.isTimed ? '' : '; latency is judged after the warm-up'
  return `${reached(evidence)} to one (${checks.join(', ')})${splitter}${timed}`
}

/** `10^1.2 of 10^3`. */
export function reached({ evidence, limit }: { evidence: number; limit: number }): string {
  return `${power(evidence)} of ${power(limit)}`
}

/**
 * Metrics of the configuration, Kayenta's judge, and criteria of what is pushed: where each stands, what came last and
 * why it stands so. Empty where there are none.
 */
export function metricLines({ metrics, checks }: AnalysisView, paint: Paint): string[] {
  const measured = metrics.map(({ name, state, last, sentence, isDryRun, isStarved }) => {
    const notes = [...(isDryRun ? ['dry run'] : []), ...(isStarved ? ['starved'] : [])]
    const note = notes.length === 0 ? '' : ` (${notes.join(', ')})`
    const at = last === null ? '-' : clock(last.at)
    return [`  ${name}`, `${paintVerdict(state, paint)}${note}`, last?.value ?? '-', at, sentence]
  })
  const pushed = checks
    .filter(({ criterion }) => criterion.startsWith('custom.'))
    .map(({ criterion, verdict, value, sentence }) => {
      const last = value === null ? '-' : String(value)
      return [`  ${criterion}`, paintVerdict(verdict, paint), last, '-', sentence]
    })
  const rows = [...measured, ...pushed]
  if (rows.length === 0) return []
  const titles = ['  METRIC', 'STATE', 'LAST', 'AT', 'WHY']
  return table(
    titles.map((title) => ({ title })),
    rows,
  )
}

export function paintVerdict(verdict: string, paint: Paint): string {
  if (verdict === 'pass') return paint('green', verdict)
  if (verdict === 'fail') return paint('red', verdict)
  return verdict
}
