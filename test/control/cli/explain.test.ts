import { beforeEach, describe, expect, test } from 'vitest'
import { STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import type { TickCounts } from '../../../src/analyzer/guard/counts.ts'
import {
  createGuard,
  type DecisionRecord,
  type GuardPlan,
} from '../../../src/analyzer/guard/guard.ts'
import { begin } from '../../../src/analyzer/measure/measure.ts'
import { DEFAULT_LIMITS } from '../../../src/analyzer/measure/plan.ts'
import type { MetricReplay } from '../../../src/control/providers/replay.ts'
import { replayStep } from '../../../src/analyzer/guard/step-promotion.ts'
import type { StepReplay } from '../../../src/control/cli/client.ts'
import type { EventView } from '../../../src/control/api/schema.ts'
import { event, type FakeAdmin, fakeAdmin } from './fake-admin.ts'
import { sluice } from './harness.ts'

const PLAN: GuardPlan = { tickMs: 100, horizonMs: 3_600_000, stepCount: 0 }

function outcomes(requestCount: number, failedCount: number) {
  return {
    requestCount,
    failedCount,
    clientErrorCount: 0,
    timedCount: 0,
    slowCounts: [0, 0, 0],
  }
}

const TICK: TickCounts = {
  epochs: [{ weightBp: 500, canary: outcomes(40, 40), stable: outcomes(760, 0) }],
}

/** A canary that was good for a second, and then failed. */
function verdict() {
  const guard = createGuard(STANDARD_GUARD, PLAN)
  for (let n = 0; n < 10; n++) {
    guard.add({ epochs: [{ ...TICK.epochs[0]!, canary: outcomes(40, 0) }] })
  }
  const record: DecisionRecord = {
    config: STANDARD_GUARD,
    plan: PLAN,
    from: guard.save(),
    ticks: [TICK],
  }
  const { decision } = guard.tick(TICK)
  const { action, by, log10, limitLog10 } = decision!
  return {
    record,
    decision: { action, by, evidence: log10, limit: limitLog10, sentence: 'it fails' },
  }
}

let admin: FakeAdmin
let env: { SLUICE_SERVER: string }
const { record, decision } = verdict()

beforeEach(async () => {
  admin = await fakeAdmin()
  env = { SLUICE_SERVER: admin.url }
  admin.events = [event(), event({ seq: 2, type: 'alarm', decision })]
  admin.replays.set(2, record)
})

test('a verdict that comes out the same agrees, and says why it was given', async () => {
  const { code, stdout, stderr } = await sluice(['explain', '--verdict', '2'], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const [first, second, ...rest] = stdout.split('\n')
  expect(first).toMatch(
    /^Verdict 2 agrees: abort by "failed" on evidence 10\^[\d.]+ to one of 10\^3, recorded and computed again$/,
  )
  expect(second).toMatch(/^The guard aborts: .*40 of 40 canary requests failed/)
  expect(rest).toEqual([''])
})

test('in JSON both are told', async () => {
  const { code, stdout } = await sluice(['explain', '--verdict', '2', '-o', 'json'], { env })
  const { sentence: _, ...reached } = decision
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    seq: 2,
    agrees: true,
    recorded: decision,
    recomputed: reached,
    sentence: expect.stringMatching(/^The guard aborts/),
  })
})

test.for([
  ['less failed', { ...record, ticks: [{ epochs: [] }] }, 'computed again is undecided\n'],
  [
    'the evidence was a little more',
    {
      ...record,
      ticks: [{ epochs: [{ ...TICK.epochs[0]!, stable: outcomes(760, 1) }] }],
    },
    /recorded is abort by "failed" on evidence 10\^[\d.]+ to one of 10\^[\d.]+, computed again is abort/,
  ],
] as const)('a verdict disagrees when %s', async ([, replay, says]) => {
  admin.replays.set(2, replay)
  const { code, stdout } = await sluice(['explain', '--verdict', '2'], { env })
  expect(code).toBe(1)
  expect(stdout).toMatch(/^Verdict 2 DISAGREES: /)
  if (typeof says === 'string') expect(stdout).toContain(says)
  else expect(stdout).toMatch(says)
})

test('what differs in the last digits alone is told with them', async () => {
  const recorded = { ...decision, evidence: decision.evidence + 1e-6 }
  admin.events = [event({ seq: 2, type: 'alarm', decision: recorded })]
  const { code, stdout } = await sluice(['explain', '--verdict', '2'], { env })
  expect(code).toBe(1)
  expect(stdout).toContain(`10^${decision.evidence} to one`)
  expect(stdout).toContain(`10^${recorded.evidence} to one`)
})

const METRIC: MetricReplay = {
  kind: 'metric',
  plan: { ...DEFAULT_LIMITS, name: 'conversion', intervalMs: 1_000, count: null },
  conditions: { successCondition: 'result[0] > 95' },
  before: {
    ...begin({ ...DEFAULT_LIMITS, name: 'conversion', intervalMs: 1_000, count: null }, 0),
    phase: 'measuring',
    sequence: 1,
  },
  read: {
    type: 'read',
    atMs: 9,
    sequence: 1,
    reading: { outcome: 'failure', reason: '[90] does not meet successCondition' },
  },
  result: [90],
}
const DEMANDED =
  'conversion fails: 1 of 1 measurement failed, 0 allowed; the last: [90] does not meet successCondition'

test.for([
  ['agrees', METRIC, 0, /^Verdict 2 agrees: recorded and computed again\nconversion fails/],
  [
    'agrees as far as it is kept',
    { ...METRIC, result: undefined },
    0,
    /^Verdict 2 agrees: recorded and counted again; the answer of the provider is not kept\n/,
  ],
  [
    'disagrees',
    { ...METRIC, result: [96] },
    1,
    /^Verdict 2 DISAGREES: recorded is "conversion fails: .*", computed again is "conversion is being/,
  ],
] as const)('what a metric demanded %s', async ([, replay, exitCode, says]) => {
  admin.events = [event({ seq: 2, type: 'alarm', reason: `${DEMANDED} (was at 5 %)` })]
  admin.replays.set(2, replay)
  const { code, stdout } = await sluice(['explain', '--verdict', '2'], { env })
  expect(code).toBe(exitCode)
  expect(stdout).toMatch(says)
})

describe('that a step had enough evidence', () => {
  const counts = { weightBp: 500, canaryBadCount: 0, canaryOkCount: 1_000, stableBadCount: 3 }
  const told = { margin: STANDARD_GUARD.promotion!, isSticky: false, counts: [counts] }
  const { log10 } = replayStep({ ...told, log10: 0 })
  const replay: StepReplay = { kind: 'step', ...told, log10 }

  test.for<[what: string, replay: StepReplay, exitCode: number, says: RegExp]>([
    [
      'agrees',
      replay,
      0,
      /^Verdict 2 agrees: evidence that the canary is good 10\^1\.\d to one of 10\^1\.3, recorded and computed again\n1000 requests of the canary went well, 0 failed, 3 of stable failed\n$/,
    ],
    [
      'disagrees where another was recorded',
      { ...replay, log10: log10 + 1e-6 },
      1,
      /^Verdict 2 DISAGREES: recorded is evidence of 10\^1\.\d+ to one/,
    ],
    [
      'disagrees where it was not enough',
      { ...replay, counts: [], log10: 0, isSticky: true },
      1,
      /computed again is 10\^0\n0 units of the canary went well/,
    ],
  ])('%s', async ([, kept, exitCode, says]) => {
    admin.events = [event({ seq: 2, type: 'verdict' })]
    admin.replays.set(2, kept)
    const { code, stdout } = await sluice(['explain', '--verdict', '2'], { env })
    expect(code).toBe(exitCode)
    expect(stdout).toMatch(says)
  })
})

interface Refused {
  readonly what: string
  readonly events?: readonly EventView[]
  readonly replay?: unknown
  readonly exitCode: number
  readonly says: string
}

test.for<Refused>([
  {
    what: 'is no verdict',
    events: [event({ seq: 2, type: 'pause' })],
    exitCode: 2,
    says: 'event 2 is no verdict of the guard but of type "pause"',
  },
  {
    what: 'is a judgement of criteria',
    events: [event({ seq: 2, type: 'verdict' })],
    exitCode: 2,
    says: 'event 2 judges success criteria',
  },
  {
    what: 'a metric demanded',
    events: [event({ seq: 2, type: 'alarm' })],
    exitCode: 2,
    says: 'event 2 was demanded by a metric, and what it saw is not kept',
  },
  {
    what: 'was decided before a restart',
    replay: null,
    exitCode: 1,
    says: 'cannot compute event 2 again: it was decided before a restart',
  },
  {
    what: 'does not fit',
    replay: { ...record, from: { version: 2, checks: [] } },
    exitCode: 1,
    says: 'cannot compute event 2 again: Cannot go on with evidence of version 2',
  },
  { what: 'is not there', events: [], exitCode: 1, says: '(404 notFound)' },
])('an event that $what is refused', async ({ events, replay, exitCode, says }) => {
  if (events !== undefined) admin.events = [...events]
  if (replay !== undefined) admin.replays.set(2, replay)
  const { code, stdout, stderr } = await sluice(['explain', '--verdict', '2'], { env })
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' })
  expect(stderr).toContain(says)
})

test.for(['', '-1', 'last', '1.5'])('SEQ must be a number, not "%s"', async (seq) => {
  const { code, stderr } = await sluice(['explain', `--verdict=${seq}`], { env })
  expect(code).toBe(2)
  expect(stderr).toContain('--verdict must be a whole number')
})
