import { describe, expect, test } from 'vitest'
import { STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import type { TickCounts } from '../../../src/analyzer/guard/counts.ts'
import { type DecisionRecord, replay } from '../../../src/analyzer/guard/guard.ts'
import type { Rollout } from '../../../src/control/rollout/state.ts'
import type { JournalEntry } from '../../../src/control/store/contract.ts'
import { RUNNING, rolloutBase, START_MS } from './fake-engine.ts'
import { serve } from './serve.ts'

const LIVE: Rollout = { ...rolloutBase(), ...RUNNING, phase: 'progressing' }

test('an event shows what happened without the whole state', async () => {
  const { ask, emit } = await serve()
  emit(LIVE)
  expect((await ask('GET', '/v1/events')).json).toEqual({
    events: [
      {
        seq: 1,
        at: new Date(START_MS).toISOString(),
        route: 'shop',
        rollout: 'shop-1',
        type: 'start',
        fromPhase: null,
        phase: 'progressing',
        step: 1,
        weight: 5,
        trigger: 'person',
        actor: 'ada',
        reason: 'ada started it',
      },
    ],
    last: 1,
  })
})

test('a verdict carries its evidence', async () => {
  const { ask, emit } = await serve()
  const found = { verdict: 'fail', sentence: 'error rate 12 % is above 1 %' } as const
  emit(LIVE, {
    body: {
      kind: 'rollout',
      event: { type: 'verdict', atMs: START_MS, attempt: 1, stepIndex: 1, ...found },
      fromPhase: 'progressing',
      trigger: 'analyzer',
      actor: 'sluice',
      reason: '2 judgements failed in a row',
      state: {
        ...rolloutBase(),
        phase: 'aborted',
        endedAtMs: START_MS,
        reason: 'r',
        stepIndex: 1,
        weightBp: 500,
      },
    },
  })
  const { json } = await ask('GET', '/v1/events')
  expect(json.events[0]).toMatchObject({
    type: 'verdict',
    fromPhase: 'progressing',
    phase: 'aborted',
    weight: 0,
    trigger: 'analyzer',
    evidence: found,
  })
})

test('a stable upstream that changed is an event of no rollout', async () => {
  const { ask, emit } = await serve()
  const change = { route: 'shop', upstream: 'shop-v2', fileStable: 'shop-v1', actor: 'sluice' }
  emit(LIVE, { rollout: null, body: { kind: 'stable', ...change, reason: 'shop-1 was promoted' } })
  const { json } = await ask('GET', '/v1/events')
  expect(json.events[0]).toMatchObject({
    type: 'stable',
    rollout: null,
    fromPhase: null,
    phase: null,
    step: null,
    weight: null,
    trigger: null,
    reason: 'shop-1 was promoted',
  })
})

describe('an alarm', () => {
  const ALARM_PLAN = { tickMs: 100, horizonMs: 1_000, stepCount: 0 }
  const side = { clientErrorCount: 0, timedCount: 0, slowCounts: [0, 0, 0] }
  const ticks: readonly TickCounts[] = [
    {
      epochs: [
        {
          weightBp: 500,
          canary: { ...side, requestCount: 40, failedCount: 40 },
          stable: { ...side, requestCount: 760, failedCount: 0 },
        },
      ],
    },
  ]
  const evidence = replay(STANDARD_GUARD, ALARM_PLAN, { ticks })

  function alarm(record: DecisionRecord | null): Partial<JournalEntry> {
    const found = { action: 'abort', sentence: 'it fails', evidence, replay: record } as const
    return {
      body: {
        kind: 'rollout',
        event: { type: 'alarm', atMs: START_MS, attempt: 1, ...found },
        fromPhase: 'progressing',
        trigger: 'analyzer',
        actor: 'sluice',
        reason: 'it fails',
        state: LIVE,
      },
    }
  }

  const record = { config: STANDARD_GUARD, plan: ALARM_PLAN, ticks }
  const { action, by, log10, limitLog10 } = evidence.decision!
  const decision = { action, by, evidence: log10, limit: limitLog10, sentence: 'it fails' }

  test('tells what was decided; by itself also what that can be computed from', async () => {
    const { ask, emit } = await serve()
    emit(LIVE, alarm(record))
    const [listed] = (await ask('GET', '/v1/events')).json.events
    expect(listed).toMatchObject({ type: 'alarm', decision })
    expect(listed).not.toHaveProperty('replay')
    const { json } = await ask('GET', '/v1/events/1')
    expect(json).toEqual({ ...listed, replay: record })
    const { config, plan, ...story }: DecisionRecord = json.replay
    expect(replay(config, plan, story).decision).toEqual(evidence.decision)
  })

  test('that was reached before a restart says that there is nothing to compute from', async () => {
    const { ask, emit } = await serve()
    emit(LIVE, alarm(null))
    expect((await ask('GET', '/v1/events/1')).json).toMatchObject({ decision, replay: null })
  })
})

test('an event comes by its number', async () => {
  const { ask, emit } = await serve()
  emit(LIVE)
  emit({ ...LIVE, id: 'shop-2' })
  const { events } = (await ask('GET', '/v1/events')).json
  expect((await ask('GET', '/v1/events/2')).json).toEqual(events[1])
  expect((await ask('GET', '/v1/events/3')).json).toMatchObject({
    status: 404,
    code: 'notFound',
    detail: 'There is no event 3; the newest is 2',
  })
})

test.for(['0', '-1', '1.5', 'first'])('there is no event number %s', async (seq) => {
  const { ask } = await serve()
  const { status, json } = await ask('GET', `/v1/events/${seq}`)
  expect([status, json.in, json.errors[0].pointer]).toEqual([422, 'path', '/seq'])
})

test('events come in pages by cursor, and by rollout', async () => {
  const { ask, emit } = await serve()
  for (let i = 1; i <= 250; i++) {
    emit({ ...LIVE, id: i % 2 === 0 ? 'shop-2' : 'shop-1' })
  }
  const seqs = async (query: string): Promise<readonly number[]> => {
    const { json } = await ask('GET', `/v1/events${query}`)
    expect(json.last).toBe(250)
    return json.events.map(({ seq }: { seq: number }) => seq)
  }
  expect(await seqs('')).toHaveLength(100)
  expect(await seqs('?after=248')).toEqual([249, 250])
  expect(await seqs('?after=250')).toEqual([])
  expect(await seqs('?limit=2')).toEqual([1, 2])
  expect(await seqs('?limit=1000')).toHaveLength(250)
  expect(await seqs('?rollout=shop-2&after=4&limit=2')).toEqual([6, 8])
  expect(await seqs('?rollout=none')).toEqual([])
})

test.for([
  ['?limit=0', '/limit'],
  ['?limit=1001', '/limit'],
  ['?limit=1.5', '/limit'],
  ['?after=-1', '/after'],
  ['?after=x', '/after'],
  ['?since=1', '/since'],
])('%s is refused', async ([query, pointer]) => {
  const { ask } = await serve()
  const { status, json } = await ask('GET', `/v1/events${query}`)
  expect([status, json.in, json.errors[0].pointer]).toEqual([422, 'query', pointer])
})
