/**
 * A rollout as the API shows it. Pure: state, and the time where a deadline has passed, in; plain
 * data out.
 */

import type { Standing } from '../../analyzer/measure/standing.ts'
import type { Analysis } from '../rollout/engine.ts'
import type { Plan, Rollout, Step } from '../rollout/state.ts'
import type { AnalysisView, RolloutView } from './schema.ts'
import { summarize, viewEvidence } from './evidence-view.ts'
import { formatDuration } from '../duration.ts'
import { allowed } from '../rollout/actions.ts'
import { hasGuard } from '../rollout/guard.ts'
import { describePosition, describeStep, numberStep } from '../rollout/sentence.ts'
import { dwellMsOf } from '../rollout/walk.ts'

type Live = Extract<Rollout, { phase: 'progressing' | 'baking' }>

/** `analysis`: what the guard says of it now; left out where only the state is told. */
export function viewRollout(
  rollout: Rollout,
  nowMs: number,
  analysis: Pick<Analysis, 'opinion'> | null = null,
): RolloutView {
  return {
    id: rollout.id,
    route: rollout.route,
    from: rollout.from,
    to: rollout.to,
    attempt: rollout.attempt,
    phase: rollout.phase,
    step: viewStep(rollout),
    weight: weightOf(rollout),
    holding: holdingOf(rollout, nowMs, analysis),
    verdict: viewVerdict(rollout),
    evidence: analysis?.opinion == null ? null : summarize(analysis.opinion),
    reason: 'reason' in rollout ? rollout.reason : null,
    generation: rollout.generation,
    startedAt: isoOf(rollout.startedAtMs),
    endedAt: 'endedAtMs' in rollout ? isoOf(rollout.endedAtMs) : null,
    plan: viewPlan(rollout.plan),
  }
}

/** Milliseconds since 1970 as ISO 8601 in UTC. */
export function isoOf(atMs: number): string {
  return new Date(atMs).toISOString()
}

/** The canary's share of traffic in percent. */
export function weightOf(rollout: Rollout): number {
  switch (rollout.phase) {
    case 'progressing':
    case 'paused':
    case 'baking':
      return rollout.weightBp / 100
    case 'promoted':
      return 100
    case 'aborted':
    case 'rolledBack':
    case 'superseded':
    case 'blocked':
      return 0
  }
}

/** Null where the plan was left behind. */
export function stepIndexOf(rollout: Rollout): number | null {
  return 'stepIndex' in rollout ? rollout.stepIndex : null
}

function viewStep(rollout: Rollout): RolloutView['step'] {
  const index = stepIndexOf(rollout)
  const step = index === null ? undefined : rollout.plan.steps[index]
  if (index === null || step === undefined) return null
  const count = rollout.plan.steps.length
  return { index, count, type: step.type, description: describeStep(step) }
}

function holdingOf(
  rollout: Rollout,
  nowMs: number,
  analysis: Pick<Analysis, 'opinion'> | null,
): RolloutView['holding'] {
  switch (rollout.phase) {
    case 'progressing':
    case 'baking': {
      const waysOut = [...allowed(rollout)]
      const { deadlineMs } = rollout
      if (deadlineMs !== null && nowMs >= deadlineMs && isGuarded(rollout)) {
        return { why: whyOverdue(rollout), until: null, waysOut }
      }
      const where = describePosition(rollout.plan, rollout.stepIndex, rollout.weightBp)
      const proof = proofOf(rollout, nowMs, analysis)
      const untilMs = proof?.untilMs ?? deadlineMs
      return {
        why: proof === null ? where : `${where}: ${proof.why}`,
        until: untilMs === null ? null : isoOf(untilMs),
        waysOut,
      }
    }
    case 'paused':
    case 'blocked':
      return { why: rollout.reason, until: null, waysOut: [...allowed(rollout)] }
    case 'promoted':
    case 'aborted':
    case 'rolledBack':
    case 'superseded':
      return null
  }
}

/** How far a step is that waits for evidence, and until when where that is known; null where none does. */
function proofOf(
  rollout: Live,
  nowMs: number,
  analysis: Pick<Analysis, 'opinion'> | null,
): { readonly why: string; readonly untilMs: number | null } | null {
  const dwellMs = dwellMsOf(rollout)
  if (dwellMs === null) return null
  const proof = analysis?.opinion?.step ?? null
  if (proof === null) return { why: 'the evidence is not known yet', untilMs: null }
  if (!proof.isEnough) return { why: proof.sentence, untilMs: null }
  const endMs = rollout.stepAtMs + dwellMs
  if (nowMs < endMs) return { why: `${proof.sentence}; its least time is not over`, untilMs: endMs }
  const found = rollout.judgement?.sentence ?? 'nothing has been judged yet'
  const why = `${proof.sentence}, but the guard has not passed the step: ${found}`
  return rollout.judgement?.verdict === 'pass'
    ? { why: proof.sentence, untilMs: null }
    : { why, untilMs: null }
}

/** The time of a step may be over without a pass; then nothing but a pass or a person ends it. */
function whyOverdue(rollout: Live): string {
  const found = rollout.judgement?.sentence ?? 'nothing has been judged yet'
  return `${numberStep(rollout.plan, rollout.stepIndex)} is over, but the guard has not passed it: ${found}`
}

function isGuarded(rollout: Live): boolean {
  return hasGuard(rollout.plan) && rollout.weightBp > 0
}

function viewVerdict(rollout: Rollout): RolloutView['verdict'] {
  if (!('judgement' in rollout) || rollout.judgement === null) return null
  const { verdict, sentence, atMs } = rollout.judgement
  return { verdict, sentence, at: isoOf(atMs) }
}

function viewPlan(plan: Plan): RolloutView['plan'] {
  const { guard } = plan
  return {
    steps: plan.steps.map((step) => {
      switch (step.type) {
        case 'setWeight':
          return { setWeight: step.weightBp / 100 }
        case 'pause':
          return { pause: viewPause(step) }
        case 'bake':
          return { bake: { duration: formatDuration(step.durationMs) } }
      }
    }),
    guard: {
      coin: guard.coin,
      ...(guard.actions !== undefined && { actions: guard.actions }),
      successCriteria: guard.successCriteria,
      window: formatDuration(guard.windowMs),
      interval: formatDuration(guard.intervalMs),
      consecutiveFailureLimit: guard.consecutiveFailureLimit,
      failureLimit: guard.failureLimit,
    },
  }
}

function viewPause({ durationMs, dwellMs }: Extract<Step, { type: 'pause' }>) {
  return {
    ...(durationMs !== null && { duration: formatDuration(durationMs) }),
    ...(dwellMs !== undefined && {
      advance: 'onEvidence' as const,
      dwell: formatDuration(dwellMs),
    }),
  }
}

/** Shows what the guard says; of a rollout that has ended (`analysis` null) why it did. */
export function viewAnalysis(rollout: Rollout, analysis: Analysis | null): AnalysisView {
  if (analysis === null) {
    return {
      rollout: rollout.id,
      attempt: rollout.attempt,
      phase: rollout.phase,
      step: stepIndexOf(rollout),
      verdict: null,
      sentence: 'reason' in rollout ? rollout.reason : 'Nothing is judged',
      checks: [],
      window: null,
      consecutiveFailures: 0,
      failures: 0,
      evidence: null,
      metrics: [],
    }
  }
  return {
    rollout: analysis.rollout,
    attempt: analysis.attempt,
    phase: rollout.phase,
    step: analysis.stepIndex,
    verdict: analysis.verdict,
    sentence: analysis.sentence,
    checks: analysis.checks.map((check) => {
      const perUnit = check.criterion.trim().startsWith('latency') ? 1_000_000 : 1
      return {
        criterion: check.criterion,
        verdict: check.verdict,
        sentence: check.sentence,
        value: check.value === null ? null : check.value / perUnit,
        limit: check.limit / perUnit,
      }
    }),
    window: {
      seconds: analysis.window.ms / 1000,
      requests: analysis.window.requestCount,
      errors: analysis.window.errorCount,
    },
    consecutiveFailures: analysis.consecutiveFailureCount,
    failures: analysis.failureCount,
    evidence: viewOpinion(analysis.opinion),
    metrics: analysis.metrics.map(viewStanding),
  }
}

function viewStanding({ last, ...standing }: Standing): AnalysisView['metrics'][number] {
  if (last === null) return { ...standing, last }
  const { atMs, outcome: verdict, value = null, reason } = last
  return { ...standing, last: { at: isoOf(atMs), verdict, value, reason } }
}

function viewOpinion(opinion: Analysis['opinion']): AnalysisView['evidence'] {
  return opinion === null ? null : viewEvidence(opinion)
}
