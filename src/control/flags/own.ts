/**
 * A flag that Sluice keeps itself: what it is, what may be done to it, and what it means at a moment.
 *
 * Pure. A flag is off, or has a share that people set, or is decided by a rollout: then its share is that rollout's coin,
 * so that ramping a flag has steps and a guard like any other rollout, and proxy and service agree about each unit. A
 * ramp of its own, with steps and a guard besides the engine's, was rejected: two machines for one thing.
 */

import type { RouteTarget } from '../rollout/engine.ts'
import type { Plan } from '../rollout/state.ts'

/** A ramp that is a rollout. */
export interface RampRequest {
  readonly route: string
  /** Name of the upstream to move to. */
  readonly to: string
  readonly plan: Plan
}

/** A share from then on. */
export interface DueShare {
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** Of the audience, 0 to 10 000. */
  readonly weightBp: number
}

export type FlagState =
  | { readonly kind: 'off'; readonly reason: string }
  /** `due`: what comes, in order. */
  | { readonly kind: 'share'; readonly weightBp: number; readonly due: readonly DueShare[] }
  /** Off, until the rollout starts. */
  | {
      readonly kind: 'waiting'
      readonly atMs: number
      readonly request: RampRequest
      readonly by: string
    }
  | {
      readonly kind: 'rollout'
      readonly route: string
      readonly rollout: string
      readonly to: string
      /** It has ended otherwise than by promotion; left out: it has not. */
      readonly isTakenBack?: boolean
    }

export type FlagChange =
  | { readonly type: 'audience'; readonly audience: unknown }
  /** `startMs`: null: as soon as it is in force. `afterMs` of a step counts from there. */
  | {
      readonly type: 'share'
      readonly startMs: number | null
      readonly steps: readonly { readonly afterMs: number; readonly weightBp: number }[]
    }
  | {
      readonly type: 'rollout'
      readonly startMs: number | null
      readonly request: RampRequest
    }

/** What waits until somebody else approves it. */
export interface Proposal {
  readonly change: FlagChange
  readonly author: string
  readonly atMs: number
}

export interface OwnFlag {
  readonly key: string
  readonly description: string
  /** JSON logic that is true for those whom the flag is for; null: everybody. */
  readonly audience: unknown
  readonly state: FlagState
  readonly proposal: Proposal | null
  /** Rises with each change; the ETag. */
  readonly generation: number
  readonly createdAtMs: number
  readonly createdBy: string
  readonly changedAtMs: number
}

export function newFlag(
  { key, description, audience }: Pick<OwnFlag, 'key' | 'description' | 'audience'>,
  actor: string,
  atMs: number,
): OwnFlag {
  return {
    key,
    description,
    audience,
    state: { kind: 'off', reason: 'it is new' },
    proposal: null,
    generation: 1,
    createdAtMs: atMs,
    createdBy: actor,
    changedAtMs: atMs,
  }
}

/** The flag with its next state; what was proposed is over. */
export function moved(flag: OwnFlag, changes: Partial<OwnFlag>, atMs: number): OwnFlag {
  const generation = flag.generation + 1
  return { ...flag, proposal: null, ...changes, generation, changedAtMs: atMs }
}

/** The state that a share begins with: what is due by now is in force, before that what was (`weightBp`), what comes is kept. */
export function shareFrom(
  change: Extract<FlagChange, { type: 'share' }>,
  { nowMs, weightBp: before }: { readonly nowMs: number; readonly weightBp: number },
): Extract<FlagState, { kind: 'share' }> {
  const startMs = Math.max(nowMs, change.startMs ?? nowMs)
  const due = change.steps.map(({ afterMs, weightBp }) => ({ atMs: startMs + afterMs, weightBp }))
  return shareAt({ kind: 'share', weightBp: before, due }, nowMs)
}

/** The same state when nothing has come due. */
export function shareAt(
  state: Extract<FlagState, { kind: 'share' }>,
  nowMs: number,
): Extract<FlagState, { kind: 'share' }> {
  const due = state.due.filter(({ atMs }) => atMs > nowMs)
  const last = state.due[state.due.length - due.length - 1]
  return last === undefined ? state : { ...state, weightBp: last.weightBp, due }
}

/** What a flag means at a moment. */
export type Standing =
  | { readonly kind: 'share'; readonly weightBp: number }
  /** The coin of a rollout, which that rollout's route tosses itself; once it was promoted, all or nothing. */
  | {
      readonly kind: 'coin'
      readonly route: string
      readonly salt: string
      readonly weightBp: number
    }

const NOBODY: Standing = { kind: 'share', weightBp: 0 }
const EVERYBODY_BP = 10_000

/**
 * A rollout that was promoted leaves its flag on while its upstream is the stable one; one that was taken back, off. On its
 * route the flag says nothing any more: it would send everybody to the canary of the next rollout, or keep all from it.
 */
export function standingOf({ state }: OwnFlag, targets: readonly RouteTarget[]): Standing {
  switch (state.kind) {
    case 'off':
    case 'waiting':
      return NOBODY
    case 'share':
      return { kind: 'share', weightBp: state.weightBp }
    case 'rollout': {
      const target = targets.find(({ route }) => route === state.route)
      const canary = target?.canary ?? null
      if (canary?.rollout === state.rollout) {
        const { salt, weightBp } = canary
        return { kind: 'coin', route: state.route, salt, weightBp }
      }
      if (state.isTakenBack === true) return NOBODY
      const weightBp = target?.stable === state.to ? EVERYBODY_BP : 0
      return { kind: 'coin', route: state.route, salt: '', weightBp }
    }
  }
}
