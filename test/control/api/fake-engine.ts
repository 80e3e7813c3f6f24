/**
 * An engine and a store small enough to see through: rollouts in a map, a journal in an array, no
 * clock and no threads. It knows as much of the rules as the API's own behaviour rests on: stale
 * beliefs, actions that a phase refuses, replies kept with the entry.
 */

import { CodedError } from '../../../src/control/coded-error.ts'
import type { ApiDeps } from '../../../src/control/api/deps.ts'
import type { Action, Analysis, Caller } from '../../../src/control/rollout/engine.ts'
import type { Plan, Rollout, RolloutBase } from '../../../src/control/rollout/state.ts'
import type { JournalEntry, KeptReply, NewEntry } from '../../../src/control/store/contract.ts'

export const START_MS = Date.UTC(2026, 10, 12, 9, 0, 0)

export const PLAN: Plan = {
  steps: [
    { type: 'setWeight', weightBp: 500 },
    { type: 'pause', durationMs: 120_000 },
    { type: 'setWeight', weightBp: 10_000 },
    { type: 'bake', durationMs: 600_000 },
  ],
  guard: {
    coin: false,
    successCriteria: 'error_rate<1%',
    windowMs: 60_000,
    intervalMs: 1_000,
    consecutiveFailureLimit: 1,
    failureLimit: null,
  },
}

export function rolloutBase(over: Partial<RolloutBase> = {}): RolloutBase {
  return {
    id: 'shop-1',
    route: 'shop',
    from: 'shop-v1',
    to: 'shop-v2',
    plan: PLAN,
    salt: 's',
    attempt: 1,
    generation: 1,
    startedAtMs: START_MS,
    attemptAtMs: START_MS,
    ...over,
  }
}

export const RUNNING = {
  stepIndex: 1,
  weightBp: 500,
  stepAtMs: START_MS,
  deadlineMs: START_MS + 120_000,
  judgement: null,
  consecutiveFailureCount: 0,
  failureCount: 0,
} as const

export interface FakeEngine {
  readonly engine: ApiDeps['engine']
  readonly store: ApiDeps['store']
  readonly journal: JournalEntry[]
  readonly replies: Map<string, KeptReply>
  readonly acts: { id: string; action: Action; actor: string }[]
  analysis: Analysis | null
  /** Awaited by every start and act, so that a test can hold a request at work. */
  gate: Promise<void>
  /** Starts and acts that have come in. */
  arrivalCount: number
  /** Makes every start and act fail. */
  failure: Error | null
  readonly put: (rollout: Rollout) => void
  /** Writes one entry and announces it. */
  readonly emit: (rollout: Rollout, over?: Partial<NewEntry>) => JournalEntry
  readonly announce: (entry: JournalEntry) => void
  /** Who waits for entries. */
  readonly listenerCount: () => number
}

export function createFakeEngine(): FakeEngine {
  const rollouts = new Map<string, Rollout>()
  const listeners = new Set<(entry: JournalEntry) => void>()

  const fake: FakeEngine = {
    journal: [],
    replies: new Map(),
    acts: [],
    analysis: null,
    gate: Promise.resolve(),
    failure: null,
    arrivalCount: 0,
    put: (rollout) => void rollouts.set(rollout.id, rollout),
    announce: (entry) => listeners.forEach((listener) => listener(entry)),
    listenerCount: () => listeners.size,
    emit: (rollout, over = {}) => {
      const entry: JournalEntry = {
        seq: fake.journal.length + 1,
        atMs: START_MS,
        route: rollout.route,
        rollout: rollout.id,
        body: {
          kind: 'rollout',
          event: { type: 'start', atMs: START_MS, actor: 'ada' },
          fromPhase: null,
          trigger: 'person',
          actor: 'ada',
          reason: 'ada started it',
          state: rollout,
        },
        ...over,
      }
      fake.journal.push(entry)
      fake.announce(entry)
      return entry
    },
    engine: {
      async start({ route, to, plan }, caller) {
        await admitted()
        if (route !== 'shop') {
          throw new CodedError('invalidRequest', `There is no route "${route}"`, {
            errors: [{ pointer: '/route', detail: 'did you mean "shop"?' }],
          })
        }
        const id = `shop-${rollouts.size + 1}`
        return commit(
          { ...rolloutBase({ id, to, plan }), ...RUNNING, phase: 'progressing' },
          caller,
        )
      },
      async act(id, action, caller, expected) {
        await admitted()
        const rollout = rollouts.get(id)
        if (rollout === undefined) throw new CodedError('notFound', `There is no rollout "${id}"`)
        const { generation } = rollout
        if (expected?.generation !== undefined && expected.generation !== generation) {
          throw new CodedError('stale', `${id} is at generation ${generation}`, { generation })
        }
        if (expected?.stepIndex !== undefined && stepOf(rollout) !== expected.stepIndex) {
          throw new CodedError('stale', `${id} is at another step`)
        }
        fake.acts.push({ id, action, actor: caller.actor })
        const next = after(rollout, action)
        return next === rollout ? rollout : commit(next, caller)
      },
      list: () => [...rollouts.values()].toReversed(),
      find: (id) => rollouts.get(id),
      runningOn: (route) =>
        [...rollouts.values()].find((rollout) => rollout.route === route && 'stepAtMs' in rollout),
      analysis: () => fake.analysis,
      onEntry(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    store: {
      journal: async ({ after: seq, limit, rollout }) =>
        fake.journal
          .filter((entry) => entry.seq > seq)
          .filter((entry) => rollout === undefined || entry.rollout === rollout)
          .slice(0, limit),
      lastSeq: async () => fake.journal.length,
      findReply: async (key) => fake.replies.get(key),
    },
  }
  return fake

  async function admitted(): Promise<void> {
    fake.arrivalCount++
    await fake.gate
    if (fake.failure !== null) throw fake.failure
  }

  function commit(rollout: Rollout, { keep }: Caller): Rollout {
    const reply = keep?.(rollout)
    if (reply !== undefined) fake.replies.set(reply.key, reply)
    rollouts.set(rollout.id, rollout)
    fake.emit(rollout)
    return rollout
  }
}

function stepOf(rollout: Rollout): number | null {
  return 'stepIndex' in rollout ? rollout.stepIndex : null
}

function after(rollout: Rollout, action: Action): Rollout {
  const { id, route, from, to, plan, salt, attempt, startedAtMs, attemptAtMs } = rollout
  const generation = rollout.generation + 1
  const base = { id, route, from, to, plan, salt, attempt, generation, startedAtMs, attemptAtMs }
  const isRunning = 'stepAtMs' in rollout
  switch (action.type) {
    case 'abort': {
      if (!isRunning) return rollout
      const { stepIndex, weightBp } = rollout
      const reason = `aborted: ${action.reason}`
      return { ...base, phase: 'aborted', endedAtMs: START_MS, reason, stepIndex, weightBp }
    }
    case 'retry':
      if (isRunning) throw refused(rollout, action)
      return { ...base, ...RUNNING, attempt: attempt + 1, phase: 'progressing' }
    case 'promote':
      if (!isRunning) throw refused(rollout, action)
      if (action.full) return { ...base, phase: 'promoted', endedAtMs: START_MS, reason: 'in full' }
      return { ...base, ...RUNNING, stepIndex: 3, weightBp: 10_000, phase: 'baking' }
    case 'pause': {
      if (!isRunning) throw refused(rollout, action)
      const { reason } = action
      return { ...rollout, generation, phase: 'paused', reason, resumesTo: 'progressing' }
    }
    case 'resume':
      if (!isRunning) throw refused(rollout, action)
      return { ...base, ...RUNNING, phase: 'progressing' }
    case 'setWeight':
      if (!isRunning) throw refused(rollout, action)
      return { ...rollout, generation, weightBp: action.weightBp }
  }
}

function refused(rollout: Rollout, action: Action): CodedError {
  return new CodedError(
    'invalidTransition',
    `Cannot ${action.type} ${rollout.id}: it is ${rollout.phase}`,
    { phase: rollout.phase, allowed: ['retry'] },
  )
}
