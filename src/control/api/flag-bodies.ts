/** What the requests about flags carry, and how it becomes a change. */

import { z } from 'zod'
import { CodedError } from '../coded-error.ts'
import { parseDuration } from '../duration.ts'
import { audienceFaults } from '../flags/audience.ts'
import type { FlagChange } from '../flags/own.ts'
import { type Fault, readPlan } from '../rollout/plan.ts'
import { faulty } from './faults.ts'
import { StartBody } from './start-body.ts'

/** Steps of a schedule. */
const STEP_LIMIT = 50

export const FLAG_KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

const share = z
  .number()
  .min(0)
  .max(100)
  .multipleOf(0.01)
  .meta({ description: 'Percent of the audience, with up to two decimals' })

const audience = z.unknown().meta({
  description:
    'Whom the flag is for, as a condition in flagd\'s JSON logic, such as `{"in": [{"var": "header.x-country"}, ["at", "de"]]}`. Null: everybody',
})

const expectedGeneration = z
  .int()
  .min(0)
  .optional()
  .meta({ description: 'Refuse with 412 when the flag is at another generation' })

export const CreateFlagBody = z.strictObject({
  key: z
    .string()
    .regex(
      FLAG_KEY,
      'must be 1 to 128 letters, digits, ".", "_" and "-", the first a letter or digit',
    ),
  description: z.string().max(500).default(''),
  audience: audience.optional(),
})

export const AudienceBody = z.strictObject({ audience, expectedGeneration })

export const PlainFlagBody = z.strictObject({ expectedGeneration })

export const OffBody = z.strictObject({
  reason: z
    .string()
    .max(500)
    .default('')
    .meta({ description: 'Stands in the history of the flag' }),
  expectedGeneration: expectedGeneration.meta({
    description: 'Ignored: switching off is never stale',
  }),
})

export const RampBody = z
  .strictObject({
    start: z.iso.datetime({ offset: true }).optional().meta({ description: 'Left out: at once' }),
    share: share.optional(),
    steps: z
      .array(
        z.strictObject({
          share,
          after: z
            .string()
            .optional()
            .meta({ description: 'Since the step before, such as `2h`; left out for the first' }),
        }),
      )
      .min(1)
      .max(STEP_LIMIT)
      .optional()
      .meta({ description: 'A schedule of shares, which nobody guards' }),
    rollout: StartBody.optional().meta({
      description: 'A rollout of a route with its steps and its guard, whose coin decides the flag',
    }),
    expectedGeneration,
  })
  .meta({ description: 'One of `share`, `steps` and `rollout`' })

/** Returns the change that a ramp asks for. Throws `CodedError` (`invalidRequest`) with every fault. */
export function rampOf({
  start,
  share: percent,
  steps,
  rollout,
}: z.output<typeof RampBody>): FlagChange {
  const forms = [percent, steps, rollout].filter((each) => each !== undefined)
  if (forms.length !== 1) {
    const detail = `must have one of share, steps and rollout, but has ${forms.length || 'none'}`
    throw faulty([{ pointer: '', detail }], 'body')
  }
  const startMs = start === undefined ? null : Date.parse(start)
  if (rollout !== undefined) {
    const { route, to, ...plan } = rollout
    const read = readPlan(plan)
    if ('faults' in read) {
      const faults = read.faults.map(({ pointer, detail }) => ({
        pointer: `/rollout${pointer}`,
        detail,
      }))
      throw faulty(faults, 'body')
    }
    return { type: 'rollout', startMs, request: { route, to, plan: read.plan } }
  }
  return { type: 'share', startMs, steps: shareSteps(steps ?? [{ share: percent ?? 0 }]) }
}

function shareSteps(
  steps: readonly { readonly share: number; readonly after?: string | undefined }[],
): Extract<FlagChange, { type: 'share' }>['steps'] {
  const faults: Fault[] = []
  let afterMs = 0
  const read = steps.map(({ share: percent, after }, i) => {
    const before = steps[i - 1]
    if (before !== undefined && percent < before.share) {
      const detail = `lowers the share from ${before.share} to ${percent}; use share to lower it`
      faults.push({ pointer: `/steps/${i}/share`, detail })
    }
    if (i > 0 && after === undefined) {
      const detail = 'is missing: how long after the step before'
      faults.push({ pointer: `/steps/${i}/after`, detail })
    }
    afterMs += readAfter(after ?? '0', `/steps/${i}/after`, faults)
    return { afterMs, weightBp: Math.round(percent * 100) }
  })
  if (faults.length > 0) throw faulty(faults, 'body')
  return read
}

function readAfter(text: string, pointer: string, faults: Fault[]): number {
  try {
    return parseDuration(text)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    faults.push({ pointer, detail: error.message })
    return 0
  }
}

/** Throws `CodedError` (`invalidRequest`) with what is wrong with an audience. */
export function requireAudience(value: unknown): void {
  const faults = audienceFaults(value ?? null, '/audience')
  if (faults.length > 0) throw faulty(faults, 'body')
}
