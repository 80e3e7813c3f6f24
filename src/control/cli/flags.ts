/**
 * `flag`: the flags that Sluice keeps itself. Made, shown, ramped at once, by a schedule or by a rollout, switched off, and
 * approved by a second person.
 */

import type { FlagProviderView, FlagView } from '../api/flag-view.ts'
import type { FlagVerb } from './client.ts'
import type { Argument, Command, Given, Option } from './command.ts'
import { type Context, print, say } from './context.ts'
import { EXIT, UsageError } from './exit.ts'
import { count, percent } from './format.ts'
import { INSTANT, JSON_KIND, named, parseSplit, PERCENT, TEXT } from './kinds.ts'
import { canaryPlan, PLAN_OPTIONS } from './rollouts.ts'
import { table } from './table.ts'

const KEY: Argument = { name: 'KEY', summary: 'the key of a flag' }

const AUDIENCE: Option = {
  name: 'audience',
  kind: JSON_KIND,
  summary: "whom the flag is for, in flagd's JSON logic (default: everybody)",
}

const CREATE: Command = {
  name: 'flag create',
  summary: 'Make a flag, which is off',
  examples: [
    'sluice flag create new-checkout \\\n' +
      `      --audience '{"in": [{"var": "header.x-country"}, ["at", "de"]]}'`,
  ],
  arguments: [KEY],
  options: [{ name: 'description', kind: TEXT, summary: 'what it is for' }, AUDIENCE],
  run: async (given, context) => {
    const description = given.text('description')
    const flag = await context.client().createFlag({
      key: given.required('KEY'),
      ...(description === undefined ? {} : { description }),
      audience: audienceOf(given),
    })
    print(context, flag, () => flagTable([flag]))
    say(context, `Made, and off. Ramp it with: sluice flag ramp ${flag.key}`)
    return EXIT.ok
  },
}

const LIST: Command = {
  name: 'flag list',
  summary: 'List flags, and the providers of those that Sluice does not keep',
  arguments: [],
  options: [],
  run: async (_, context) => {
    const found = await context.client().flags()
    print(context, found, () => [
      ...(found.flags.length === 0 ? [] : [...flagTable(found.flags), '']),
      ...providerTable(found.providers),
    ])
    return EXIT.ok
  },
}

const SHOW: Command = {
  name: 'flag show',
  summary: 'Show a flag, what comes, and who changed it',
  arguments: [KEY],
  options: [],
  run: async (given, context) => {
    const flag = await context.client().flag(given.required('KEY'))
    print(context, flag, () => [
      ...flagTable([flag]),
      '',
      `audience   ${flag.audience === null ? 'everybody' : JSON.stringify(flag.audience)}`,
      ...flag.schedule.map(({ at, share }) => `comes      ${at} ${percent(share)}`),
      ...flag.history.map(({ at, actor, what }) => `${at} ${actor}: ${what}`),
    ])
    return EXIT.ok
  },
}

const RAMP: Command = {
  name: 'flag ramp',
  summary: 'Give a flag a share of its audience: at once, by a schedule, or by a rollout',
  details: [
    'With --route and --to it is a rollout of that route, with its steps and its guard, and its coin decides the flag.',
    'Without, nobody guards it: --share is in force at once, --traffic-split is a schedule, each share for the interval.',
    'All may begin later with --at. Where flags.approval is required, it waits for sluice flag approve.',
  ],
  examples: [
    'sluice flag ramp new-checkout --route shop --to shop-v2 --traffic-split 5,25,100',
    'sluice flag ramp new-banner --share 10 --at 2027-01-31T08:00:00Z',
    'sluice flag ramp new-banner --traffic-split 5,25,50,100 --interval 2h',
  ],
  arguments: [KEY],
  options: [
    { name: 'share', kind: PERCENT, summary: 'this share, and no steps' },
    { name: 'route', kind: named('ROUTE'), summary: 'the route whose rollout decides the flag' },
    { name: 'to', kind: named('UPSTREAM'), summary: 'with --route: the upstream to move to' },
    { name: 'at', kind: INSTANT, summary: 'when it begins (default: at once)' },
    ...PLAN_OPTIONS,
  ],
  run: (given, context) => change(given, context, 'ramp', rampBody(given)),
}

const SET_AUDIENCE: Command = {
  name: 'flag audience',
  summary: 'Change whom a flag is for',
  arguments: [KEY],
  options: [AUDIENCE],
  run: (given, context) => change(given, context, 'audience', { audience: audienceOf(given) }),
}

const OFF: Command = {
  name: 'flag off',
  summary: 'Switch a flag off for everybody, now and in any state',
  details: ['A rollout that decides it is aborted. When it returns, nobody is given the flag.'],
  arguments: [KEY],
  options: [{ name: 'reason', kind: TEXT, summary: 'why, for the history' }],
  run: async (given, context) => {
    const reason = given.text('reason')
    const body = reason === undefined ? {} : { reason }
    const flag = await context.client().changeFlag(given.required('KEY'), 'off', body)
    return tell(context, flag)
  },
}

const APPROVE: Command = {
  name: 'flag approve',
  summary: 'Put in force what somebody else has proposed for a flag',
  arguments: [KEY],
  options: [],
  run: (given, context) => change(given, context, 'approve', {}),
}

const DELETE: Command = {
  name: 'flag delete',
  summary: 'Take away a flag that is off',
  arguments: [KEY],
  options: [],
  run: async (given, context) => {
    const flag = await context.client().deleteFlag(given.required('KEY'))
    print(context, flag, () => [])
    say(context, `Flag "${flag.key}" is taken away`)
    return EXIT.ok
  },
}

export const FLAG_COMMANDS: readonly Command[] = [
  CREATE,
  LIST,
  SHOW,
  RAMP,
  SET_AUDIENCE,
  OFF,
  APPROVE,
  DELETE,
]

function rampBody(given: Given): object {
  const at = given.text('at')
  const start = at === undefined ? {} : { start: new Date(at).toISOString() }
  const [share, route, to] = [given.text('share'), given.text('route'), given.text('to')]
  if ((route === undefined) !== (to === undefined)) {
    throw new UsageError('--route needs --to, and --to needs --route')
  }
  if (route !== undefined) {
    if (share !== undefined) throw new UsageError('--share is without --route: a rollout has steps')
    return { ...start, rollout: { route, to, ...canaryPlan(given) } }
  }
  for (const name of ['success-criteria', 'window']) {
    if (given.text(name) !== undefined)
      throw new UsageError(`--${name} needs --route: only a rollout is guarded`)
  }
  if (share !== undefined) return { ...start, share: Number.parseFloat(share) }
  const after = given.required('interval')
  const shares = parseSplit(given.required('traffic-split')) ?? []
  const steps = shares.map((each, i) => (i === 0 ? { share: each } : { share: each, after }))
  return { ...start, steps }
}

function audienceOf(given: Given): unknown {
  return JSON.parse(given.text('audience') ?? 'null')
}

/** Looked at first, so that what is sent again is not done again. */
async function change(
  given: Given,
  context: Context,
  verb: FlagVerb,
  body: unknown,
): Promise<number> {
  const client = context.client()
  const { key, generation } = await client.flag(given.required('KEY'))
  return tell(context, await client.changeFlag(key, verb, body, generation))
}

function tell(context: Context, flag: FlagView): number {
  print(context, flag, () => flagTable([flag]))
  const { key, proposal, sentence } = flag
  say(
    context,
    proposal === null
      ? `Flag "${key}" is ${sentence}`
      : `Proposed: ${proposal.change}. Somebody else approves it with: sluice flag approve ${key}`,
  )
  return EXIT.ok
}

function flagTable(flags: readonly FlagView[]): string[] {
  return table(
    [
      { title: 'FLAG' },
      { title: 'SHARE', isNumber: true },
      { title: 'STATE' },
      { title: 'ROLLOUT' },
      { title: 'PROPOSED' },
    ],
    flags.map(({ key, share, sentence, rollout, proposal }) => [
      key,
      percent(share),
      sentence,
      rollout ?? '-',
      proposal === null ? '-' : `${proposal.change} (${proposal.author})`,
    ]),
  )
}

function providerTable(providers: readonly FlagProviderView[]): string[] {
  return table(
    [
      { title: 'PROVIDER' },
      { title: 'KIND' },
      { title: 'FLAGS', isNumber: true },
      { title: 'FAULT' },
    ],
    providers.map(({ name, kind, flags, fault }) => [
      name,
      kind,
      kind === 'openFeature' ? '-' : count(flags),
      fault ?? '-',
    ]),
  )
}
