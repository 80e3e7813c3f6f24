/**
 * The body of `POST /v1/rollouts`: its shape. What only makes sense across fields is for
 * `rollout/plan.ts`, and whether route and upstream exist for the engine.
 */

import { z } from 'zod'
import { GuardActionsBody } from './evidence-view.ts'
import { STEP_LIMIT, type StepInput } from '../rollout/plan.ts'

/**
 * One step, one key. A union of three objects was rejected: it answers a slip in one of them with
 * the faults of all three.
 */
const Step = z
  .strictObject({
    setWeight: z
      .number()
      .optional()
      .meta({ minimum: 0, maximum: 100, description: 'Percent, with up to two decimals' }),
    pause: z
      .strictObject({
        duration: z.string().optional().meta({
          description:
            'Such as `2m`; left out: until somebody promotes, or there is evidence. With `advance` the longest time: whichever comes first ends it',
        }),
        advance: z.enum(['onEvidence']).optional().meta({
          description:
            'The step ends as soon as there is evidence that the canary is good, and holds without it',
        }),
        dwell: z.string().optional().meta({
          description: 'With `advance`: the least time before evidence ends it; default 30s',
        }),
      })
      .optional(),
    bake: z
      .strictObject({ duration: z.string() })
      .optional()
      .meta({ description: 'Only as the last step' }),
  })
  .meta({ minProperties: 1, maxProperties: 1 })
  .transform(({ setWeight, pause, bake }, context): StepInput => {
    const steps = [
      setWeight === undefined ? [] : [{ setWeight }],
      pause === undefined ? [] : [{ pause }],
      bake === undefined ? [] : [{ bake }],
    ].flat()
    const [step] = steps
    if (step !== undefined && steps.length === 1) return step
    context.issues.push({
      code: 'custom',
      input: { setWeight, pause, bake },
      message: `must have one of setWeight, pause, bake, but has ${steps.length || 'none'}`,
    })
    return z.NEVER
  })

/** Counted before the steps are looked at: the body has room for 300 000 faulty ones. */
const Steps = z.preprocess((value, context) => {
  if (Array.isArray(value) && value.length > STEP_LIMIT) {
    context.issues.push({
      code: 'custom',
      input: value,
      message: `a plan has at most ${STEP_LIMIT} steps, this one has ${value.length}`,
    })
  }
  return value
}, z.array(Step))

const Guard = z
  .strictObject({
    coin: z
      .boolean()
      .optional()
      .meta({ description: 'Whether the canary is compared with stable; default true' }),
    actions: GuardActionsBody.optional(),
    successCriteria: z.string().optional().meta({
      description: 'Such as `error_rate<1%, latency_p95<2s`, judged beside the comparison',
    }),
    window: z.string().optional(),
    interval: z.string().optional(),
    consecutiveFailureLimit: z.number().optional().meta({ minimum: 0 }),
    failureLimit: z.number().nullish().meta({ minimum: 0 }),
  })
  .meta({
    description:
      'Left out: the canary is compared with stable (failures, 4xx, latency, and 5 % failures at most). Criteria are judged over 1m, each 1s, with one failure in a row allowed',
  })

export const StartBody = z.strictObject({
  route: z.string().min(1),
  to: z.string().min(1).meta({ description: 'Name of the upstream to move the route to' }),
  strategy: z.strictObject({
    canary: z.strictObject({ steps: Steps }),
  }),
  guard: Guard.optional(),
})
