/**
 * What goes in and out of the admin API, as zod schemas: the check of each request, the type of
 * each view and the components of `/openapi.json` all come from here.
 *
 * Inputs are strict, so that a misspelt key is a fault. Outputs are open: a client must bear a new
 * member. Only outputs have an `id`: the type provider would show an input of the same shape a
 * second time as `…Input`.
 */

import { z } from 'zod'
import { DecisionView, EvidenceSummary, EvidenceView, GuardActionsBody } from './evidence-view.ts'
import { WINDOW_NAMES } from '../series.ts'

export const PHASES = [
  'progressing',
  'paused',
  'baking',
  'promoted',
  'aborted',
  'rolledBack',
  'superseded',
  'blocked',
] as const

const VERDICTS = ['pass', 'fail', 'inconclusive', 'noData'] as const

const METRIC_STATES = [
  'pass',
  'fail',
  'inconclusive',
  'noData',
  'running',
  'providerError',
  'cancelled',
] as const

const MEASUREMENTS = ['success', 'failure', 'inconclusive', 'noData', 'error'] as const

const WAYS_OUT = ['promote', 'pause', 'resume', 'setWeight', 'abort', 'retry'] as const

const instant = z.iso.datetime()
const percent = z.number().min(0).max(100)
const count = z.int().min(0)
const seconds = z.number().min(0)

const StepView = z
  .union([
    z.object({ setWeight: percent }),
    z.object({
      pause: z.object({
        duration: z.string().optional().meta({
          description: 'Left out: until somebody promotes, or there is evidence',
        }),
        advance: z.enum(['onEvidence']).optional(),
        dwell: z
          .string()
          .optional()
          .meta({ description: 'The least time before evidence ends it' }),
      }),
    }),
    z.object({ bake: z.object({ duration: z.string() }) }),
  ])
  .meta({ id: 'Step', description: 'One step of a plan, in the words of the request' })

export const RolloutView = z
  .object({
    id: z.string(),
    route: z.string(),
    from: z.string().meta({ description: 'Upstream that was stable at the start' }),
    to: z.string().meta({ description: 'Upstream that the route moves to' }),
    attempt: z.int().min(1),
    phase: z.enum(PHASES),
    step: z
      .object({
        index: count.meta({ description: 'From 0; what expectedStep is compared with' }),
        count,
        type: z.enum(['setWeight', 'pause', 'bake']),
        description: z.string(),
      })
      .nullable()
      .meta({ description: 'The step that holds it, or that held it when it ended' }),
    weight: percent.meta({
      description: "The canary's share of traffic in percent; 100 when promoted, else 0 when ended",
    }),
    holding: z
      .object({
        why: z.string(),
        until: instant.nullable().meta({
          description: 'Null: until somebody acts, or something comes that `why` tells of',
        }),
        waysOut: z.array(z.enum(WAYS_OUT)),
      })
      .nullable()
      .meta({ description: 'Why it waits, until when, and what can be done; null when ended' }),
    verdict: z
      .object({ verdict: z.enum(VERDICTS), sentence: z.string(), at: instant })
      .nullable()
      .meta({ description: 'The last judgement of the current step' }),
    evidence: EvidenceSummary.nullable().meta({
      description:
        'How the comparison with stable stands; null where there is none, and in the answer to a change',
    }),
    reason: z.string().nullable(),
    generation: count.meta({ description: 'Rises with each transition; the ETag' }),
    startedAt: instant,
    endedAt: instant.nullable(),
    plan: z.object({
      steps: z.array(StepView),
      guard: z.object({
        coin: z.boolean().meta({ description: 'Whether the canary is compared with stable' }),
        actions: GuardActionsBody.exactOptional(),
        successCriteria: z.string().meta({ description: 'Beside that; empty: none' }),
        window: z.string(),
        interval: z.string(),
        consecutiveFailureLimit: count,
        failureLimit: count.nullable(),
      }),
    }),
  })
  .meta({ id: 'Rollout' })
export type RolloutView = z.output<typeof RolloutView>

export const StartedView = RolloutView.extend({
  warnings: z
    .array(z.string())
    .meta({ description: 'Criteria that the traffic of the last minute can never decide' }),
}).meta({ id: 'StartedRollout' })

export const RolloutList = z
  .object({ rollouts: z.array(RolloutView).meta({ description: 'Newest first' }) })
  .meta({ id: 'RolloutList' })

export const AnalysisView = z
  .object({
    rollout: z.string(),
    attempt: z.int().min(1),
    phase: z.enum(PHASES),
    step: count.nullable().meta({ description: 'Index of the step that is judged' }),
    verdict: z.enum(VERDICTS).nullable().meta({ description: 'Null when the rollout has ended' }),
    sentence: z.string(),
    checks: z.array(
      z.object({
        criterion: z.string(),
        verdict: z.enum(VERDICTS),
        sentence: z.string(),
        value: z
          .number()
          .nullable()
          .meta({ description: 'Ratio, seconds or count, by the criterion; null without data' }),
        limit: z.number(),
      }),
    ),
    window: z.object({ seconds, requests: count, errors: count }).nullable(),
    consecutiveFailures: count,
    failures: count,
    evidence: EvidenceView.nullable().meta({ description: 'Null where nothing is compared' }),
    metrics: z
      .array(
        z.object({
          name: z.string(),
          state: z.enum(METRIC_STATES),
          sentence: z.string(),
          isDryRun: z.boolean().meta({ description: 'Measured and told, but decides nothing' }),
          isStarved: z.boolean().meta({ description: 'No answer has had data for long' }),
          last: z
            .object({
              at: instant,
              verdict: z.enum(MEASUREMENTS),
              value: z.string().nullable().meta({
                description: 'What came, in short; null where nothing did',
              }),
              reason: z.string().meta({ description: 'Why that verdict' }),
            })
            .nullable()
            .meta({ description: 'The newest measurement' }),
        }),
      )
      .meta({ description: 'Those of the configuration, while the canary has traffic' }),
  })
  .meta({ id: 'Analysis', description: 'What the guard says of a rollout, and why' })
export type AnalysisView = z.output<typeof AnalysisView>

const WindowView = z
  .object({
    requests: count,
    errors: count,
    errorRate: z.number().min(0).max(1).nullable().meta({ description: 'Ratio, 0 to 1' }),
    p50: seconds.nullable().meta({ description: 'Latency in seconds, as p95 and p99' }),
    p95: seconds.nullable(),
    p99: seconds.nullable(),
  })
  .meta({ id: 'Window', description: 'Rates and percentiles are null without requests' })
export type WindowView = z.output<typeof WindowView>

const VariantView = z
  .object({
    upstream: z.string(),
    windows: z.object({
      [WINDOW_NAMES[0]]: WindowView,
      [WINDOW_NAMES[1]]: WindowView,
      [WINDOW_NAMES[2]]: WindowView,
    }),
  })
  .meta({ id: 'Variant' })
export type VariantView = z.output<typeof VariantView>

export const RouteView = z
  .object({
    name: z.string(),
    match: z.object({
      hosts: z.array(z.string()).meta({ description: 'Empty: any host' }),
      path: z.union([z.object({ prefix: z.string() }), z.object({ exact: z.string() })]),
    }),
    stable: z.string(),
    canary: z.string().nullable(),
    rollout: z.string().nullable().meta({ description: 'Id of the running rollout' }),
    weight: percent.meta({ description: "The canary's share of traffic in percent" }),
    variants: z.object({ stable: VariantView, canary: VariantView.optional() }),
  })
  .meta({ id: 'Route' })
export type RouteView = z.output<typeof RouteView>

export const RouteList = z.object({ routes: z.array(RouteView) }).meta({ id: 'RouteList' })

export const EventView = z
  .object({
    seq: z.int().min(1),
    at: instant,
    route: z.string(),
    rollout: z.string().nullable(),
    type: z.string().meta({ description: 'What happened, such as `start`, `abort` or `stable`' }),
    fromPhase: z.enum(PHASES).nullable(),
    phase: z.enum(PHASES).nullable(),
    step: count.nullable(),
    weight: percent.nullable(),
    trigger: z.enum(['person', 'analyzer', 'deadline', 'config', 'process']).nullable(),
    actor: z.string(),
    reason: z.string(),
    evidence: z
      .object({ verdict: z.enum(VERDICTS), sentence: z.string() })
      .optional()
      .meta({ description: 'What the analyzer found, where it caused the event' }),
    decision: DecisionView.optional().meta({
      description: 'Of an alarm: what the evidence decided, in decimal logarithms',
    }),
  })
  .meta({ id: 'Event', description: 'One entry of the journal' })
export type EventView = z.output<typeof EventView>

export const EventDetail = EventView.extend({
  replay: z.looseObject({}).nullable().optional().meta({
    description:
      'Of an alarm: what it can be computed from again, as `sluice explain` does; its form changes with the guard. Of a metric, of Kayenta and of a verdict that a step had enough evidence it has a `kind`. Null where it was reached before a restart, or is too large to be kept',
  }),
}).meta({ id: 'EventDetail', description: 'One entry of the journal, with what it was decided by' })
export type EventDetail = z.output<typeof EventDetail>

export const EventList = z
  .object({
    events: z.array(EventView),
    last: count.meta({ description: 'The newest sequence number of the journal' }),
  })
  .meta({ id: 'EventList' })

export const Readiness = z
  .object({ ready: z.boolean(), reasons: z.array(z.string()) })
  .meta({ id: 'Readiness' })

export const Liveness = z.object({ live: z.literal(true) }).meta({ id: 'Liveness' })

export const ProblemView = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string().meta({ description: 'What programs match on' }),
    errors: z
      .array(
        z.object({
          pointer: z.string().meta({ description: 'JSON pointer (RFC 6901)' }),
          detail: z.string(),
        }),
      )
      .optional(),
    in: z
      .enum(['body', 'query', 'path', 'header'])
      .optional()
      .meta({ description: 'What the pointers point into' }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457; further members depend on the code' })
