/** Evidence as the API shows it: decimal logarithms as they are, times in seconds. */

import { z } from 'zod'
import { ACTIONS } from '../../analyzer/guard/config.ts'
import type { CheckEvidence, Decision } from '../../analyzer/guard/evidence.ts'
import { countsUnits, EVIDENCE_WORDS, evidenceWord } from '../../analyzer/guard/sentence.ts'
import type { Opinion } from '../judge/judge.ts'

const count = z.int().min(0)
const CHECK_NAMES = ['failed', 'clientErrors', 'slo', 'latency'] as const
const DECIDERS = [...CHECK_NAMES, 'ratio'] as const
const log10 = z.number().meta({ description: 'Decimal logarithm: 3 is a thousand to one' })
const Side = z.object({ count, bad: count })

const instead = z.enum(ACTIONS).exactOptional()

/** One action for each check of the guard that shall not take the canary back. */
export const GuardActionsBody = z
  .strictObject({ failed: instead, latency: instead, slo: instead, clientErrors: instead })
  .meta({
    description:
      'What is done about each check of the comparison that fails: `abort` (the default), `pause` or `warn`, which says so in the log',
  })

export const DecisionView = z
  .object({
    action: z.enum(ACTIONS),
    by: z
      .enum(DECIDERS)
      .meta({ description: 'The check that weighed most; `ratio`: the splitter' }),
    evidence: log10,
    limit: log10,
    sentence: z.string(),
  })
  .meta({ id: 'Decision', description: 'What the evidence decided, and on how much' })
export type DecisionView = z.output<typeof DecisionView>

export const EvidenceView = z
  .object({
    word: z.enum(EVIDENCE_WORDS).meta({ description: 'The sentence in a word' }),
    sentence: z.string(),
    evidence: log10,
    limit: log10.meta({ description: 'What the evidence must reach' }),
    weighsMost: z.enum(CHECK_NAMES),
    isTimed: z.boolean().meta({
      description:
        'Whether latency is judged now; not while the canary warms up, or an endpoint of either variant that is new or just healthy again',
    }),
    decision: z.object({ action: z.enum(ACTIONS), by: z.string() }).nullable(),
    checks: z.array(
      z.object({
        name: z.enum(CHECK_NAMES),
        action: z.enum(ACTIONS),
        weight: z.number(),
        evidence: log10,
        limit: log10.meta({ description: 'At this the check would decide by itself' }),
        quantile: z
          .number()
          .nullable()
          .meta({ description: 'Of latency, the one that weighs most' }),
        slowerThan: z
          .number()
          .nullable()
          .meta({ description: 'Seconds from which on the canary counts as slow' }),
        counted: z.enum(['requests', 'units']).meta({
          description: 'What `canary` and `stable` count; a unit is a user, counted once',
        }),
        canary: Side,
        stable: Side,
      }),
    ),
    splitter: z
      .object({
        evidence: log10,
        limit: log10,
        isBroken: z.boolean(),
        canaryRequests: count,
        expectedCanaryRequests: z.number(),
      })
      .nullable()
      .meta({ description: 'Whether requests are split as the weights say' }),
    promotion: z
      .object({ evidence: log10, limit: log10, isReached: z.boolean() })
      .nullable()
      .meta({ description: 'Evidence that the canary is good' }),
    step: z
      .object({
        sentence: z.string(),
        evidence: log10,
        limit: log10,
        isEnough: z.boolean().meta({
          description: 'The limit was reached, and there is little evidence against the canary',
        }),
        leastSeconds: z.number().nullable().meta({
          description:
            'How long it takes at the least, if the canary fails no more; null: without traffic',
        }),
      })
      .nullable()
      .meta({
        description:
          'The same since the step began, where that waits for it (`advance: onEvidence`)',
      }),
    requestsPerSecond: z.number(),
    earliest: z
      .object({
        check: z.enum(CHECK_NAMES),
        requests: z.number().nullable(),
        seconds: z.number().nullable(),
      })
      .meta({
        description:
          'The least that anybody needs to tell such a fault at this traffic, from its beginning on; null: never',
      }),
  })
  .meta({ id: 'Evidence' })
export type EvidenceView = z.output<typeof EvidenceView>

type Viewed = Pick<Opinion, 'evidence' | 'sentence' | 'step' | 'isTimed'>

export const EvidenceSummary = EvidenceView.pick({ word: true, evidence: true, limit: true }).meta({
  id: 'EvidenceSummary',
})

/** The least that tells how a rollout stands. */
export function summarize({
  evidence,
}: Pick<Opinion, 'evidence'>): z.output<typeof EvidenceSummary> {
  return {
    word: evidenceWord(evidence),
    evidence: evidence.log10,
    limit: evidence.limitLog10,
  }
}

export function viewDecision(
  { action, by, log10: reached, limitLog10 }: Decision,
  sentence: string,
): DecisionView {
  return { action, by, evidence: reached, limit: limitLog10, sentence }
}

export function viewEvidence({ evidence, sentence, step, isTimed }: Viewed): EvidenceView {
  const { decision, ratio, promotion, traffic, earliest } = evidence
  return {
    word: evidenceWord(evidence),
    sentence,
    evidence: evidence.log10,
    limit: evidence.limitLog10,
    weighsMost: evidence.weighsMost,
    isTimed,
    decision: decision === null ? null : { action: decision.action, by: decision.by },
    checks: evidence.checks.map((check) => viewCheck(check, evidence.isSticky)),
    splitter:
      ratio === null
        ? null
        : {
            evidence: ratio.log10,
            limit: ratio.limitLog10,
            isBroken: ratio.isBroken,
            canaryRequests: ratio.canaryCount,
            expectedCanaryRequests: ratio.expectedCanaryCount,
          },
    promotion:
      promotion === null
        ? null
        : {
            evidence: promotion.log10,
            limit: promotion.limitLog10,
            isReached: promotion.isReached,
          },
    step: viewStep(step),
    requestsPerSecond: traffic.requestsPerSecond,
    earliest: {
      check: earliest.check,
      requests: earliest.requestCount,
      seconds: earliest.seconds,
    },
  }
}

function viewStep(step: Opinion['step']): EvidenceView['step'] {
  if (step === null) return null
  const { sentence, log10: reached, limitLog10, isEnough, leastMs } = step
  const leastSeconds = leastMs === null ? null : leastMs / 1_000
  return { sentence, evidence: reached, limit: limitLog10, isEnough, leastSeconds }
}

function viewCheck(check: CheckEvidence, isSticky: boolean): EvidenceView['checks'][number] {
  const part = check.parts[check.leadIndex]!
  const { quantile, threshold, totals } = part
  return {
    name: check.name,
    action: check.action,
    weight: check.weight,
    evidence: check.log10,
    limit: check.limitLog10,
    quantile,
    slowerThan: threshold === null ? null : threshold.canaryUs / 1_000_000,
    counted: countsUnits(part, isSticky) ? 'units' : 'requests',
    canary: { count: totals.canaryCount, bad: totals.canaryBadCount },
    stable: { count: totals.stableCount, bad: totals.stableBadCount },
  }
}
