/**
 * The commands that start a rollout and act on a running one.
 */

import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import type { Verb } from './client.ts'
import type { Command, Given, Option } from './command.ts'
import { type Context, print, say } from './context.ts'
import { EXIT, UsageError } from './exit.ts'
import { percent } from './format.ts'
import { COUNT, DURATION, FILE, named, parseSplit, SPLIT, TEXT } from './kinds.ts'
import { wasTakenBack } from './phase.ts'
import { rolloutTable } from './rollout-table.ts'
import type { RolloutView } from '../api/schema.ts'
import { waitFor } from './wait.ts'

const WAIT_OPTIONS: readonly Option[] = [
  { name: 'wait', summary: 'wait until it has ended: 0 promoted, 5 aborted' },
  { name: 'timeout', kind: DURATION, summary: 'with --wait: the longest wait' },
]

/** Of the steps and the guard, read by `canaryPlan`. */
export const PLAN_OPTIONS: readonly Option[] = [
  {
    name: 'traffic-split',
    kind: SPLIT,
    default: '5,25,50,100',
    summary: "the canary's weights, percent",
  },
  {
    name: 'interval',
    kind: DURATION,
    default: '2m',
    summary: 'how long each weight is held; with --on-evidence at least',
  },
  {
    name: 'on-evidence',
    summary: 'after the interval wait until there is evidence that the canary is good',
  },
  {
    name: 'success-criteria',
    kind: TEXT,
    summary: 'what the canary must keep beside the comparison, or it is aborted',
  },
  {
    name: 'window',
    kind: DURATION,
    summary: 'with --success-criteria: how much of the past is judged (default 1m)',
  },
  { name: 'no-coin', summary: 'do not compare the canary with stable; criteria alone judge it' },
]

export const CANARY: Command = {
  name: 'canary',
  summary: 'Move a route to another upstream in steps, while the guard watches',
  details: [
    'Each percentage is held for the interval, then comes the next; after 100 the canary bakes for one more',
    'interval and is promoted. A running rollout of the route is superseded.',
    'All the time the failures, 4xx and latency of the canary are compared with those of stable, and it is taken',
    'back when the odds against it pass a thousand to one; criteria of your own are judged beside that.',
  ],
  examples: [
    'sluice canary shop --to shop-v2 --traffic-split 5,25,50,100 --interval 2m \\\n' +
      '      --success-criteria "error_rate<1%,latency_p95<2s" --wait',
  ],
  arguments: [{ name: 'ROUTE', summary: 'a route of the configuration' }],
  options: [
    { name: 'to', kind: named('UPSTREAM'), isRequired: true, summary: 'the upstream to move to' },
    ...PLAN_OPTIONS,
    ...WAIT_OPTIONS,
  ],
  run: (given, context) => start(given, context, canaryBody(given)),
}

export const ROLLOUT_START: Command = {
  name: 'rollout start',
  summary: 'Start a rollout that a YAML or JSON file describes',
  details: [
    'The file holds what POST /v1/rollouts takes: route, to, strategy, guard. The canary is compared with stable unless',
    'guard.coin is false; guard.successCriteria are judged beside that.',
  ],
  examples: ['sluice rollout start -f rollout.yaml --wait'],
  arguments: [],
  options: [
    { name: 'file', short: 'f', kind: FILE, isRequired: true, summary: 'the file, YAML or JSON' },
    ...WAIT_OPTIONS,
  ],
  run: (given, context) => start(given, context, readRollout(given.required('file'))),
}

/** The body of POST /v1/rollouts for `sluice canary`. */
function canaryBody(given: Given): unknown {
  return { route: given.required('ROUTE'), to: given.required('to'), ...canaryPlan(given) }
}

/** Steps and guard of a rollout that `--traffic-split` and its companions describe. */
export function canaryPlan(given: Given): object {
  const successCriteria = given.text('success-criteria')
  const window = given.text('window')
  if (window !== undefined && successCriteria === undefined) {
    throw new UsageError('--window needs --success-criteria: without criteria it judges nothing')
  }
  const guard = {
    ...(given.isOn('no-coin') ? { coin: false } : {}),
    ...(successCriteria === undefined ? {} : { successCriteria }),
    ...(window === undefined ? {} : { window }),
  }
  const duration = given.required('interval')
  const weights = parseSplit(given.required('traffic-split')) ?? []
  const pause = given.isOn('on-evidence')
    ? { advance: 'onEvidence', dwell: duration }
    : { duration }
  return {
    strategy: {
      canary: {
        steps: weights.flatMap((setWeight) => [
          { setWeight },
          setWeight === 100 ? { bake: { duration } } : { pause },
        ]),
      },
    },
    ...(Object.keys(guard).length === 0 ? {} : { guard }),
  }
}

function readRollout(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(`cannot read the rollout: ${why}`)
  }
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true })
  if (document.errors.length > 0) {
    const places = document.errors.map((error) => {
      const at = error.linePos?.[0]
      const what = error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? ''
      return `${file}:${at?.line ?? 1}:${at?.col ?? 1} ${what}`
    })
    throw new UsageError(`${file} is not YAML`, places)
  }
  const body = document.toJS({ maxAliasCount: 100 }) as unknown
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new UsageError(`${file} must hold a rollout: route, to, strategy, guard`)
  }
  return body
}

async function start(given: Given, context: Context, body: unknown): Promise<number> {
  if (given.text('timeout') !== undefined && !given.isOn('wait')) {
    throw new UsageError('--timeout needs --wait: nothing else waits')
  }
  const { warnings = [], ...rollout } = await context.client().start(body)
  for (const warning of warnings) say(context, `Warning: ${warning}`)
  if (given.isOn('wait')) {
    return waitFor(context, rollout, { goal: 'promoted', timeout: given.text('timeout') })
  }
  print(context, rollout, () => rolloutTable([rollout]))
  say(context, `Started. Watch it with: sluice status ${rollout.route} --watch`)
  return EXIT.ok
}

interface VerbCommand {
  readonly verb: Verb
  readonly summary: string
  readonly details?: readonly string[]
  readonly options?: readonly Option[]
  readonly body: (given: Given) => unknown
  readonly told: (rollout: RolloutView) => string
}

const GENERATION: Option = {
  name: 'generation',
  kind: COUNT,
  summary: 'refuse (6) if the rollout is no longer at this generation',
}

const reasonOf = (given: Given): unknown => {
  const reason = given.text('reason')
  return reason === undefined ? {} : { reason }
}

function command({ verb, summary, details, options = [], body, told }: VerbCommand): Command {
  return {
    name: verb,
    summary,
    ...(details === undefined ? {} : { details }),
    arguments: [{ name: 'ROUTE', summary: 'a route, or the id of a rollout' }],
    options: verb === 'abort' ? options : [...options, GENERATION],
    run: async (given, context) => {
      const generation = verb === 'abort' ? undefined : given.text('generation')
      const name = given.required('ROUTE')
      const rollout = await context.client().act(name, verb, body(given), generation)
      print(context, rollout, () => rolloutTable([rollout]))
      say(context, told(rollout))
      return EXIT.ok
    },
  }
}

export const VERBS: readonly Command[] = [
  command({
    verb: 'promote',
    summary: 'Go to the next step at once',
    options: [{ name: 'full', summary: 'skip all steps: all traffic to the new upstream' }],
    body: (given) => (given.isOn('full') ? { full: true } : {}),
    told: (rollout) =>
      rollout.phase === 'promoted'
        ? `All traffic of "${rollout.route}" goes to ${rollout.to}`
        : `Promoted to ${percent(rollout.weight)}`,
  }),
  command({
    verb: 'pause',
    summary: 'Hold the rollout at its weight; the guard goes on',
    options: [{ name: 'reason', kind: TEXT, summary: 'why, for the journal' }],
    body: reasonOf,
    told: (rollout) =>
      `Paused at ${percent(rollout.weight)}. Go on with: sluice resume ${rollout.route}`,
  }),
  command({
    verb: 'resume',
    summary: 'Go on with a paused rollout',
    body: () => ({}),
    told: (rollout) => `Resumed at ${percent(rollout.weight)}`,
  }),
  command({
    verb: 'abort',
    summary: 'Take the canary out of the traffic, now and in any state',
    details: [
      'When it returns, no new request goes to the canary. Nothing runs: nothing happens, 0.',
    ],
    options: [{ name: 'reason', kind: TEXT, summary: 'why, for the journal' }],
    body: reasonOf,
    told: (rollout) =>
      wasTakenBack(rollout)
        ? `All traffic of "${rollout.route}" goes to ${rollout.from}`
        : `Nothing to abort: rollout "${rollout.id}" is ${rollout.phase}`,
  }),
  command({
    verb: 'retry',
    summary: 'Start an aborted rollout again from its first step',
    body: () => ({}),
    told: (rollout) => `Attempt ${rollout.attempt} of "${rollout.id}" has begun`,
  }),
]
