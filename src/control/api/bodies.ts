/** What the requests that change something carry, and the two header fields that make them safe. */

import { z } from 'zod'

const GENERATION = z
  .int()
  .min(0)
  .optional()
  .meta({ description: 'Refuse with 412 when the rollout is at another generation' })

const expected = {
  expectedGeneration: GENERATION,
  expectedStep: z
    .int()
    .min(0)
    .optional()
    .meta({ description: 'Refuse with 412 when the rollout is at another step (index from 0)' }),
}

/** What every change may say of the rollout it means. */
export interface Belief {
  readonly expectedGeneration?: number | undefined
  readonly expectedStep?: number | undefined
}

const reason = z
  .string()
  .max(500)
  .default('')
  .meta({ description: 'Stands in the journal and in the rollout' })

export const PromoteBody = z.strictObject({
  full: z
    .boolean()
    .default(false)
    .meta({ description: 'Past all remaining steps, instead of to the next one' }),
  ...expected,
})

export const PauseBody = z.strictObject({ reason, ...expected })

export const PlainBody = z.strictObject(expected)

export const AbortBody = z.strictObject({
  reason,
  expectedGeneration: GENERATION.meta({ description: 'Ignored: an abort is never stale' }),
  expectedStep: expected.expectedStep.meta({ description: 'Ignored: an abort is never stale' }),
})

export const WeightBody = z.strictObject({
  weight: z
    .number()
    .min(0)
    .max(100)
    .multipleOf(0.01)
    .meta({ description: 'Percent, with up to two decimals' }),
  ...expected,
})

const ifMatch = z
  .string()
  .optional()
  .meta({ description: 'The ETag of the rollout, such as `"3"`, or `*`' })

const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters without spaces')
  .optional()
  .meta({ description: 'Sent again, the request does nothing and gets the first answer' })

/** Loose, since the check's result takes the place of all header fields. */
export const ChangeHeaders = z.looseObject({ 'if-match': ifMatch })
export const PostHeaders = z.looseObject({ 'idempotency-key': idempotencyKey })
export const ActionHeaders = z.looseObject({
  'if-match': ifMatch,
  'idempotency-key': idempotencyKey,
})
