/** Flags as the API shows them. */

import { z } from 'zod'
import type { ProviderState } from '../flags/flags.ts'
import { type OwnFlag, standingOf } from '../flags/own.ts'
import { describeState, sentenceOf } from '../flags/sentence.ts'
import type { RouteTarget } from '../rollout/engine.ts'
import type { FlagChangeRow } from '../store/contract.ts'

const instant = z.iso.datetime()
const percent = z.number().min(0).max(100)

export const FlagView = z
  .object({
    key: z.string(),
    description: z.string(),
    audience: z.unknown().meta({ description: 'JSON logic; null: everybody' }),
    state: z.enum(['off', 'share', 'waiting', 'rollout']),
    share: percent.meta({ description: 'Of the audience, now' }),
    sentence: z.string(),
    schedule: z.array(z.object({ at: instant, share: percent })),
    startsAt: instant.nullable().meta({ description: 'When a rollout that waits begins' }),
    route: z.string().nullable(),
    rollout: z.string().nullable().meta({ description: 'Whose coin decides the flag' }),
    proposal: z
      .object({ change: z.string(), author: z.string(), at: instant })
      .nullable()
      .meta({ description: 'What waits until somebody else approves it' }),
    generation: z.int().min(0),
    createdBy: z.string(),
    createdAt: instant,
    changedAt: instant,
  })
  .meta({ id: 'Flag' })
export type FlagView = z.output<typeof FlagView>

export const FlagPage = FlagView.extend({
  history: z.array(z.object({ at: instant, actor: z.string(), what: z.string() })),
}).meta({ id: 'FlagWithHistory' })
export type FlagPage = z.output<typeof FlagPage>

export const FlagProviderView = z
  .object({
    name: z.string(),
    kind: z.enum(['file', 'url', 'inline', 'openFeature', 'own']),
    flags: z.int().min(0),
    loadedAt: instant.nullable(),
    fault: z
      .string()
      .nullable()
      .meta({ description: 'Why the newest definitions are not in force' }),
    failures: z.int().min(0),
  })
  .meta({ id: 'FlagProvider' })
export type FlagProviderView = z.output<typeof FlagProviderView>

export const FlagList = z
  .object({ flags: z.array(FlagView), providers: z.array(FlagProviderView) })
  .meta({ id: 'FlagList' })
export type FlagList = z.output<typeof FlagList>

export function viewFlag(flag: OwnFlag, targets: readonly RouteTarget[]): FlagView {
  const { state, proposal } = flag
  const request = state.kind === 'waiting' ? state.request : null
  return {
    key: flag.key,
    description: flag.description,
    audience: flag.audience,
    state: state.kind,
    share: standingOf(flag, targets).weightBp / 100,
    sentence: describeState(flag),
    schedule:
      state.kind === 'share'
        ? state.due.map(({ atMs, weightBp }) => ({ at: iso(atMs), share: weightBp / 100 }))
        : [],
    startsAt: state.kind === 'waiting' ? iso(state.atMs) : null,
    route: state.kind === 'rollout' ? state.route : (request?.route ?? null),
    rollout: state.kind === 'rollout' ? state.rollout : null,
    proposal:
      proposal === null
        ? null
        : { change: sentenceOf(proposal.change), author: proposal.author, at: iso(proposal.atMs) },
    generation: flag.generation,
    createdBy: flag.createdBy,
    createdAt: iso(flag.createdAtMs),
    changedAt: iso(flag.changedAtMs),
  }
}

export function viewHistory(rows: readonly FlagChangeRow[]): FlagPage['history'] {
  return rows.map(({ atMs, actor, what }) => ({ at: iso(atMs), actor, what }))
}

export function viewProvider(state: ProviderState): FlagProviderView {
  const { name, kind, flagCount, loadedAtMs, fault, failureCount } = state
  const loadedAt = loadedAtMs === null ? null : iso(loadedAtMs)
  return { name, kind, flags: flagCount, loadedAt, fault, failures: failureCount }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
