/**
 * Whole rollouts as transcripts: what came in, what state it left, what it asked for. Read `scenarios/*.txt`.
 */

import { expect, test } from 'vitest'
import { describePosition } from '../../../src/control/rollout/sentence.ts'
import { begin, transition } from '../../../src/control/rollout/transition.ts'
import type {
  Effect,
  Plan,
  Rollout,
  RolloutEvent,
  Transition,
} from '../../../src/control/rollout/state.ts'
import { formatDuration } from '../../../src/control/duration.ts'
import { PLAN, seedOf, verdictOn } from './fixtures.ts'

const actor = 'alice'
const S = 1_000
const M = 60 * S

/** An event, or one that must know the state, such as a verdict on it. */
type Cue = RolloutEvent | ((state: Rollout) => RolloutEvent)

const promote = (atMs: number): Cue => ({ type: 'promote', atMs, actor, full: false })
const deadline = (atMs: number): Cue => ({ type: 'deadline', atMs })
const abort = (atMs: number): Cue => ({ type: 'abort', atMs, actor, reason: 'it smells' })
const retry = (atMs: number): Cue => ({ type: 'retry', atMs, actor })
const pause = (atMs: number): Cue => ({ type: 'pause', atMs, actor, reason: 'lunch' })
const resume = (atMs: number): Cue => ({ type: 'resume', atMs, actor })
const restart = (atMs: number): Cue => ({ type: 'restart', atMs })
const weight = (atMs: number, weightBp: number): Cue => ({
  type: 'setWeight',
  atMs,
  actor,
  weightBp,
})
const block = (atMs: number): Cue => ({
  type: 'block',
  atMs,
  reason: 'upstream "shop-v2" is no longer in the configuration',
})
const verdict =
  (atMs: number, what: 'pass' | 'fail' | 'inconclusive' | 'noData', sentence?: string): Cue =>
  (state) =>
    verdictOn(state, what, atMs, sentence)

/** A verdict of a step that waits for evidence. */
const proof =
  (atMs: number, log10: number, what: 'pass' | 'noData' = 'pass'): Cue =>
  (state) => ({
    ...verdictOn(state, what, atMs),
    promotion: {
      log10,
      limitLog10: 1.3,
      againstLog10: -2,
      againstLimitLog10: 1,
      isReached: log10 >= 1.3,
      isEnough: log10 >= 1.3,
      leastMs: null,
      record: null,
      sentence: `evidence that the canary is good 10^${log10} to one of 10^1.3`,
    },
  })

/** 5 % and 25 % until there is evidence, the second for 10m at most; then a bake of 1m. */
const ON_EVIDENCE: Plan = {
  steps: [
    { type: 'setWeight', weightBp: 500 },
    { type: 'pause', durationMs: null, dwellMs: 30 * S },
    { type: 'setWeight', weightBp: 2_500 },
    { type: 'pause', durationMs: 10 * M, dwellMs: 30 * S },
    { type: 'setWeight', weightBp: 10_000 },
    { type: 'bake', durationMs: 1 * M },
  ],
  guard: { ...PLAN.guard, coin: true, successCriteria: '' },
}

function script(cues: readonly Cue[], plan: Plan = PLAN): string {
  let last = begin(seedOf(plan), { type: 'start', atMs: 0, actor })
  let text = tell({ type: 'start', atMs: 0, actor }, last)
  for (const cue of cues) {
    const event = typeof cue === 'function' ? cue(last.state) : cue
    last = transition(last.state, event)
    text += tell(event, last)
  }
  return text
}

function tell(event: RolloutEvent, { state, effects }: Transition): string {
  const { type, atMs, ...rest } = event
  const words = Object.entries(rest).map(([key, value]) => `${key}=${worded(key, value)}`)
  const asked = effects.length === 0 ? '  (nothing)\n' : effects.map(line).join('')
  return `> ${[formatDuration(atMs), type, ...words].join(' ')}\n  ${place(state)}\n${asked}`
}

function worded(key: string, value: unknown): string {
  return JSON.stringify(key === 'promotion' ? (value as { sentence: string }).sentence : value)
}

function place(state: Rollout): string {
  const head = `${state.phase}, attempt ${state.attempt}, generation ${state.generation}`
  if (!('deadlineMs' in state)) return head
  const until = state.deadlineMs === null ? '' : `, until ${formatDuration(state.deadlineMs)}`
  const failed = state.failureCount === 0 ? '' : `, failed ${state.failureCount}`
  return `${head}: ${describePosition(state.plan, state.stepIndex, state.weightBp)}${until}${failed}`
}

function line(effect: Effect): string {
  switch (effect.type) {
    case 'record':
      return `  record  ${effect.trigger} ${effect.actor}: ${effect.reason}\n`
    case 'route':
      return `  route   ${effect.weightBp / 100} %\n`
    case 'promoteUpstream':
      return '  promote the upstream\n'
    case 'tell':
      return `  tell    ${effect.message}\n`
  }
}

test.for<{ name: string; cues: readonly Cue[]; plan?: Plan }>([
  {
    name: 'good-canary',
    cues: [
      verdict(1 * S, 'noData'),
      verdict(9 * S, 'pass'),
      verdict(10 * S, 'pass'),
      deadline(2 * M),
      verdict(2 * M + 9 * S, 'pass'),
      promote(5 * M),
      verdict(6 * M, 'pass'),
      deadline(15 * M),
    ],
  },
  {
    name: 'bad-canary',
    cues: [
      verdict(1 * S, 'fail', 'error_rate<5%: 31 of 40 requests failed'),
      verdict(2 * S, 'fail', 'error_rate<5%: 66 of 80 requests failed'),
      verdict(3 * S, 'pass'),
      deadline(2 * M),
    ],
  },
  {
    name: 'late-pass',
    cues: [
      verdict(1 * M, 'inconclusive'),
      deadline(2 * M),
      verdict(3 * M, 'pass'),
      verdict(3 * M, 'pass'),
    ],
  },
  {
    name: 'no-data-holds',
    cues: [verdict(1 * S, 'noData'), deadline(2 * M), deadline(60 * M), deadline(600 * M)],
  },
  { name: 'abort-while-progressing', cues: [abort(1 * M), abort(2 * M)] },
  { name: 'abort-in-a-pause-step', cues: [promote(1 * M), abort(2 * M)] },
  { name: 'abort-while-paused-by-a-person', cues: [pause(1 * M), abort(2 * M)] },
  { name: 'abort-while-baking', cues: [promote(1 * M), promote(2 * M), abort(3 * M)] },
  { name: 'abort-while-blocked', cues: [block(1 * M), abort(2 * M)] },
  {
    name: 'retry',
    cues: [abort(1 * M), retry(2 * M), verdict(2 * M + 5 * S, 'pass'), retry(3 * M)],
  },
  {
    name: 'supersede',
    cues: [
      promote(1 * M),
      { type: 'supersede', atMs: 2 * M, actor: 'bob', by: 'shop-2' },
      promote(3 * M),
      retry(4 * M),
    ],
  },
  {
    name: 'restart-mid-step',
    cues: [
      verdict(1 * M, 'pass'),
      restart(3 * M),
      deadline(3 * M),
      verdict(3 * M + 1 * S, 'noData'),
      deadline(3 * M + 1 * S),
      verdict(3 * M + 9 * S, 'pass'),
    ],
  },
  {
    name: 'bake-failure',
    cues: [
      promote(1 * M),
      promote(2 * M),
      verdict(3 * M, 'fail', 'error_rate<5%: 31 of 400 requests failed'),
      verdict(3 * M + 1 * S, 'fail', 'error_rate<5%: 66 of 800 requests failed'),
    ],
  },
  {
    name: 'manual-weight',
    cues: [
      verdict(1 * M, 'pass'),
      weight(90 * S, 1_000),
      deadline(2 * M),
      resume(3 * M),
      deadline(5 * M),
      verdict(5 * M, 'pass'),
    ],
  },
  {
    name: 'pause-and-resume',
    cues: [verdict(1 * M, 'pass'), pause(90 * S), deadline(2 * M), resume(3 * M), deadline(5 * M)],
  },
  {
    name: 'blocked-and-resumed',
    cues: [promote(1 * M), block(2 * M), promote(3 * M), resume(4 * M)],
  },
  {
    name: 'on-evidence',
    plan: ON_EVIDENCE,
    cues: [
      proof(10 * S, 1.4),
      proof(29 * S, 1.4, 'noData'),
      proof(30 * S, 0.2),
      proof(31 * S, 1.4, 'noData'),
      deadline(60 * M),
      proof(61 * M, 1.4),
      proof(61 * M + 40 * S, 1.5),
      verdict(63 * M, 'pass'),
    ],
  },
  {
    name: 'on-evidence-or-in-time',
    plan: ON_EVIDENCE,
    cues: [promote(1 * M), proof(2 * M, 0.1), deadline(10 * M), deadline(11 * M), abort(12 * M)],
  },
  {
    name: 'on-evidence-but-paused',
    plan: ON_EVIDENCE,
    cues: [
      pause(20 * S),
      proof(40 * S, 1.4),
      restart(50 * S),
      resume(1 * M),
      proof(1 * M + 20 * S, 1.4),
      proof(1 * M + 30 * S, 1.4),
    ],
  },
  { name: 'promoted-in-full', cues: [{ type: 'promote', atMs: 1 * M, actor, full: true }] },
])('$name', async ({ name, cues, plan }) => {
  await expect(script(cues, plan)).toMatchFileSnapshot(`scenarios/${name}.txt`)
})
