/**
 * `wait`: until a rollout gets somewhere, for scripts that have to know by the exit code alone.
 */

import { parseDuration } from '../duration.ts'
import type { Command, Given } from './command.ts'
import { type Context, print, say } from './context.ts'
import { CommandError, EXIT } from './exit.ts'
import { follow } from './follow.ts'
import { clock, percent } from './format.ts'
import { DURATION, type Kind } from './kinds.ts'
import { rolloutTable } from './rollout-table.ts'
import type { RolloutView } from '../api/schema.ts'
import { hasEnded, wasTakenBack } from './phase.ts'

const GOALS = ['promoted', 'aborted', 'paused', 'ended'] as const

const GOAL: Kind = {
  metavar: 'GOAL',
  allowed: `one of ${GOALS.join(', ')}, step=N`,
  accepts: (text) => GOALS.some((goal) => goal === text) || /^step=[1-9]\d{0,3}$/.test(text),
}

export const WAIT: Command = {
  name: 'wait',
  summary: 'Wait until a rollout is promoted, aborted, paused, ended or at a step',
  details: [
    'Waits for the rollout that runs on the route now (or its newest), or for one named by its id.',
    'Ends with 0 at the goal, 3 when the time is over, 5 as soon as the rollout is aborted, rolled back or',
    'superseded instead, and 1 if it is promoted instead.',
    'Goals: promoted; aborted (or rolled back); paused, for a person to act; ended, in whatever way;',
    'step=N, counted from 1 as status shows it, or beyond.',
  ],
  examples: ['sluice wait shop --for promoted --timeout 15m'],
  arguments: [{ name: 'ROUTE', summary: 'a route, or the id of a rollout' }],
  options: [
    { name: 'for', kind: GOAL, default: 'promoted', summary: `what to wait for: ${GOAL.allowed}` },
    { name: 'timeout', kind: DURATION, default: '15m', summary: 'the longest wait' },
  ],
  run: async (given: Given, context: Context) => {
    const first = await context.client().rollout(given.required('ROUTE'))
    return waitFor(context, first, {
      goal: given.required('for'),
      timeout: given.required('timeout'),
    })
  },
}

export interface WaitOptions {
  /** As `--for` takes it. */
  readonly goal: string
  /** As `--timeout` takes it; left out: for ever. */
  readonly timeout?: string | undefined
}

/** Waits, telling of each change on stderr, and prints the rollout as it is at the end. Resolves to the exit code. */
export async function waitFor(
  context: Context,
  first: RolloutView,
  { goal, timeout }: WaitOptions,
): Promise<number> {
  const late = new AbortController()
  const timer =
    timeout === undefined ? undefined : setTimeout(() => late.abort(), parseDuration(timeout))
  let newest = first
  let told = ''
  try {
    const changes = follow(context.client(), first.id, {
      signal: AbortSignal.any([context.interrupted, late.signal]),
      onAway: (error) => say(context, `${clock(Date.now())}  ${error.message}; trying again`),
    })
    for await (const rollout of changes) {
      newest = rollout
      const line = progressOf(rollout)
      if (line !== told) say(context, `${clock(Date.now())}  ${line}`)
      told = line
      const exitCode = outcomeOf(rollout, goal)
      if (exitCode === undefined) continue
      print(context, rollout, () => rolloutTable([rollout]))
      return exitCode
    }
  } finally {
    clearTimeout(timer)
  }
  if (context.interrupted.aborted) return EXIT.interrupted
  print(context, newest, () => rolloutTable([newest]))
  const held = newest.holding === null ? '' : `: ${newest.holding.why}`
  throw new CommandError(
    EXIT.timedOut,
    `rollout "${newest.id}" did not get to "${goal}" within ${timeout}; it is ${newest.phase} at ${percent(newest.weight)}${held}`,
  )
}

/** Exit code of a finished wait; undefined: it goes on. */
function outcomeOf(rollout: RolloutView, goal: string): number | undefined {
  if (isReached(rollout, goal)) return EXIT.ok
  if (!hasEnded(rollout)) return undefined
  return rollout.phase === 'promoted' ? EXIT.failure : EXIT.aborted
}

function isReached(rollout: RolloutView, goal: string): boolean {
  switch (goal) {
    case 'ended':
      return hasEnded(rollout)
    case 'aborted':
      return wasTakenBack(rollout)
    case 'promoted':
    case 'paused':
      return rollout.phase === goal
    default:
      if (rollout.phase === 'promoted') return true
      return rollout.step !== null && rollout.step.index + 1 >= Number(goal.replace('step=', ''))
  }
}

function progressOf(rollout: RolloutView): string {
  const step =
    rollout.step === null || hasEnded(rollout)
      ? ''
      : `, step ${rollout.step.index + 1} of ${rollout.step.count}: ${rollout.step.description}`
  const reason = rollout.reason === null ? '' : `: ${rollout.reason}`
  return `${rollout.id} ${rollout.phase} at ${percent(rollout.weight)}${step}${reason}`
}
