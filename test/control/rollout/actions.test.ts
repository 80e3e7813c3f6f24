import { describe, expect, test } from 'vitest'
import { allowed, eventOf, isReached } from '../../../src/control/rollout/actions.ts'
import type { Action } from '../../../src/control/rollout/engine.ts'
import { transition } from '../../../src/control/rollout/transition.ts'
import type { Rollout } from '../../../src/control/rollout/state.ts'
import { started } from './fixtures.ts'

const ACTIONS: readonly Action[] = [
  { type: 'promote', full: false },
  { type: 'promote', full: true },
  { type: 'pause', reason: '' },
  { type: 'resume' },
  { type: 'abort', reason: '' },
  { type: 'retry' },
  { type: 'setWeight', weightBp: 4_321 },
]

const act = (state: Rollout, action: Action): Rollout =>
  transition(state, eventOf(action, 10, 'alice')).state

const STATES: readonly Rollout[] = [
  started(),
  act(started(), { type: 'promote', full: false }),
  act(started(), { type: 'pause', reason: 'lunch' }),
  act(started(), { type: 'promote', full: true }),
  act(started(), { type: 'abort', reason: '' }),
  transition(started(), { type: 'block', atMs: 1, reason: 'gone' }).state,
  transition(started(), { type: 'supersede', atMs: 1, actor: 'bob', by: 'shop-2' }).state,
]
const CASES = STATES.flatMap((state) =>
  ACTIONS.map((action) => ({ state, action, phase: state.phase, name: JSON.stringify(action) })),
)

describe('an action changes a rollout exactly when it is allowed', () => {
  test.for(CASES)('$phase, $name', ({ state, action }) => {
    const hasChanged = act(state, action) !== state
    expect(hasChanged).toBe(allowed(state).includes(action.type))
  })
})

describe('an action that is reached changes nothing, and is not offered', () => {
  test.for(CASES.filter(({ state, action }) => isReached(state, action)))(
    '$phase, $name',
    ({ state, action }) => {
      expect(act(state, action)).toBe(state)
      expect(allowed(state)).not.toContain(action.type)
    },
  )
})

test('an abort is allowed or reached in every phase', () => {
  const abort: Action = { type: 'abort', reason: '' }
  for (const state of STATES) {
    expect(allowed(state).includes('abort') || isReached(state, abort)).toBe(true)
  }
})
