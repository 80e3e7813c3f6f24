/**
 * Plans: from the words people write (Argo Rollouts' step words) to the steps of the machine.
 *
 * The shape has been checked by a schema; here is what only makes sense across fields. All faults are collected
 * with JSON pointers into the request, since a plan is fixed sooner when it is refused once.
 */

import { CodedError } from '../coded-error.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { ALL_BP } from './enter.ts'
import { type GuardInput, readGuard } from './guard-plan.ts'
import { formatWeight } from './sentence.ts'
import type { Plan, Step, WeightBp } from './state.ts'

/** How many steps a plan may have; the journal holds the plan with every entry. */
export const STEP_LIMIT = 100

/** How long a step is held at least that evidence may end: as long as a canary may be slow because it is cold. */
export const DEFAULT_DWELL_MS = 30_000

export type StepInput =
  /** Percent, 0 to 100, at most two decimals. */
  | { readonly setWeight: number }
  | { readonly pause: PauseInput }
  | { readonly bake: { readonly duration: string } }

/** Without a duration: until somebody promotes, or until there is evidence where that is asked for. */
export interface PauseInput {
  /** The longest time where evidence may end it. */
  readonly duration?: string | undefined
  readonly advance?: 'onEvidence' | undefined
  /** The least time before evidence ends it; default `DEFAULT_DWELL_MS`. */
  readonly dwell?: string | undefined
}

/** What of `POST /v1/rollouts` makes the plan. */
export interface PlanInput {
  readonly strategy: { readonly canary: { readonly steps: readonly StepInput[] } }
  readonly guard?: GuardInput | undefined
}

/** What is wrong, and where in the request. */
export interface Fault {
  /** JSON pointer (RFC 6901). */
  readonly pointer: string
  readonly detail: string
}

const STEPS_POINTER = '/strategy/canary/steps'

/** Reads a plan, or says everything that is wrong with it. */
export function readPlan(
  input: PlanInput,
): { readonly plan: Plan } | { readonly faults: readonly Fault[] } {
  const faults: Fault[] = []
  const steps = readSteps(input.strategy.canary.steps, faults)
  const guard = readGuard(input.guard ?? {}, faults)
  if (!guard.coin) faults.push(...evidenceFaults(input.strategy.canary.steps))
  return faults.length > 0 ? { faults } : { plan: { steps, guard } }
}

function readSteps(inputs: readonly StepInput[], faults: Fault[]): readonly Step[] {
  if (inputs.length > STEP_LIMIT) {
    const detail = `a plan has at most ${STEP_LIMIT} steps, this one has ${inputs.length}`
    faults.push({ pointer: STEPS_POINTER, detail })
    return []
  }
  if (!inputs.some((input) => 'setWeight' in input)) {
    const detail = 'no step sets a weight; begin with one such as setWeight: 5'
    faults.push({ pointer: STEPS_POINTER, detail })
  }
  const steps: Step[] = []
  let weightBp = 0
  for (const [i, input] of inputs.entries()) {
    const place: Place = { name: `step ${i + 1}`, pointer: `${STEPS_POINTER}/${i}`, faults }
    if ('setWeight' in input) weightBp = readWeight(input.setWeight, weightBp, place)
    if ('bake' in input && i < inputs.length - 1) {
      const detail = `${place.name} bakes, but only the last of the ${inputs.length} steps may`
      faults.push({ pointer: `${place.pointer}/bake`, detail })
    }
    steps.push(readStep(input, weightBp, place))
  }
  return steps
}

/** Where a step stands, and where its faults go. */
interface Place {
  readonly name: string
  readonly pointer: string
  readonly faults: Fault[]
}

function readStep(input: StepInput, weightBp: WeightBp, place: Place): Step {
  if ('setWeight' in input) return { type: 'setWeight', weightBp }
  if ('bake' in input) {
    return { type: 'bake', durationMs: readDuration(input.bake.duration, 'bake', place) }
  }
  return readPause(input.pause, weightBp, place)
}

function readPause(input: PauseInput, weightBp: WeightBp, place: Place): Step {
  const { duration, advance, dwell } = input
  const durationMs = duration === undefined ? null : readDuration(duration, 'pause', place)
  const fault = (key: 'advance' | 'dwell', detail: string): void => {
    const pointer = `${place.pointer}/pause/${key}`
    place.faults.push({ pointer, detail: `${place.name} ${detail}` })
  }
  if (advance === undefined) {
    if (dwell !== undefined)
      fault('dwell', 'has a dwell, which needs advance: onEvidence beside it')
    return { type: 'pause', durationMs }
  }
  if (weightBp === 0 || weightBp === ALL_BP) {
    const why =
      weightBp === 0 ? 'the canary has no traffic' : 'stable has no traffic to compare with'
    fault('advance', `waits for evidence at ${formatWeight(weightBp)}, where ${why}`)
  }
  const dwellMs = readDwell(dwell, durationMs, place)
  if (durationMs !== null && dwellMs > durationMs) {
    const [least, longest] = [formatDuration(dwellMs), formatDuration(durationMs)]
    fault('dwell', `waits for evidence at least ${least}, but lasts ${longest} at most`)
  }
  return { type: 'pause', durationMs, dwellMs }
}

/** A short pause needs no dwell of its own. */
function readDwell(text: string | undefined, durationMs: number | null, place: Place): number {
  if (text === undefined) return Math.min(DEFAULT_DWELL_MS, durationMs ?? Infinity)
  return readDuration(text, 'pause', place, 'dwell')
}

/** Evidence comes from the comparison with stable. */
function evidenceFaults(inputs: readonly StepInput[]): readonly Fault[] {
  return inputs.flatMap((input, i) => {
    if (!('pause' in input) || input.pause.advance === undefined) return []
    const pointer = `${STEPS_POINTER}/${i}/pause/advance`
    return {
      pointer,
      detail: `step ${i + 1} waits for evidence, and guard.coin is false, so there is none`,
    }
  })
}

/** Returns the weight in basis points, or the one before where this one has a fault. */
function readWeight(percent: number, beforeBp: WeightBp, place: Place): WeightBp {
  const weightBp = Math.round(percent * 100)
  const detail = weightFault(percent, weightBp, beforeBp)
  if (detail === null) return weightBp
  place.faults.push({ pointer: `${place.pointer}/setWeight`, detail: `${place.name} ${detail}` })
  return beforeBp
}

function weightFault(percent: number, weightBp: WeightBp, beforeBp: WeightBp): string | null {
  if (!(percent >= 0 && percent <= 100)) {
    return `sets the weight to ${percent}; a weight is 0 to 100 percent`
  }
  // A decimal fraction is seldom exact in binary: 0.07 * 100 is 7.000000000000001.
  if (Math.abs(percent * 100 - weightBp) > 1e-6) {
    return `sets the weight to ${percent}; a weight has at most two decimals`
  }
  if (weightBp < beforeBp) {
    return `lowers the weight from ${beforeBp / 100} to ${percent}; use abort to lower it`
  }
  return null
}

function readDuration(
  text: string,
  word: 'pause' | 'bake',
  place: Place,
  key: 'duration' | 'dwell' = 'duration',
): number {
  try {
    return parseDuration(text)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    const pointer = `${place.pointer}/${word}/${key}`
    place.faults.push({ pointer, detail: `${place.name}: ${error.message}` })
    return 0
  }
}
