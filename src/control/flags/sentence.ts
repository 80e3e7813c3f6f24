/** Changes of flags, in words. */

import type { FlagChange, OwnFlag } from './own.ts'

/** One clause without a full stop. */
export function sentenceOf(change: FlagChange): string {
  switch (change.type) {
    case 'audience':
      return change.audience === null ? 'for everybody' : 'for another audience'
    case 'share': {
      const shares = change.steps.map(({ weightBp }) => `${weightBp / 100} %`)
      return `share ${shares.join(', ')}${fromOf(change.startMs)}`
    }
    case 'rollout': {
      const { route, to } = change.request
      return `ramped with route "${route}" to "${to}"${fromOf(change.startMs)}`
    }
  }
}

function fromOf(startMs: number | null): string {
  return startMs === null ? '' : ` from ${new Date(startMs).toISOString()}`
}

/** What a flag does now. */
export function describeState({ state }: OwnFlag): string {
  switch (state.kind) {
    case 'off':
      return `off: ${state.reason}`
    case 'share':
      return `${state.weightBp / 100} % of its audience`
    case 'waiting':
      return `off until ${new Date(state.atMs).toISOString()}`
    case 'rollout':
      return `as rollout ${state.rollout}${state.isTakenBack === true ? ', which was taken back' : ''}`
  }
}
