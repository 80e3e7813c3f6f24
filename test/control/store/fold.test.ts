import { expect, test } from 'vitest'
import { begin, transition } from '../../../src/control/rollout/transition.ts'
import type { Rollout, RolloutEvent } from '../../../src/control/rollout/state.ts'
import type { JournalEntry } from '../../../src/control/store/contract.ts'
import { canonical, GENESIS, link } from '../../../src/control/store/chain.ts'
import { fold, NOTHING } from '../../../src/control/store/fold.ts'
import { verdictOn } from '../rollout/fixtures.ts'
import { entriesOf, NOW_MS, stableEntry } from './entries.ts'
import { opened, temporaryPath } from './fixtures.ts'

const actor = 'alice'
const at = (ms: number) => NOW_MS + ms
const first = entriesOf()[0]!.body
const state = first.kind === 'rollout' ? first.state : expect.unreachable()

/** A life with every kind of event in it. */
const EVENTS: readonly RolloutEvent[] = [
  verdictOn(state, 'noData', at(1_000)),
  verdictOn(state, 'fail', at(2_000)),
  { type: 'restart', atMs: at(3_000) },
  verdictOn(state, 'pass', at(4_000)),
  { type: 'deadline', atMs: at(120_000) },
  { type: 'pause', atMs: at(130_000), actor, reason: 'lunch' },
  { type: 'setWeight', atMs: at(140_000), actor, weightBp: 3_000 },
  { type: 'block', atMs: at(150_000), reason: 'gone' },
  { type: 'resume', atMs: at(160_000), actor },
  { type: 'promote', atMs: at(170_000), actor, full: false },
  { type: 'abort', atMs: at(180_000), actor, reason: 'it smells' },
  { type: 'retry', atMs: at(190_000), actor },
  { type: 'supersede', atMs: at(200_000), actor, by: 'shop-2' },
]

function replay(entries: readonly JournalEntry[]): Map<string, Rollout> {
  const rollouts = new Map<string, Rollout>()
  for (const { body } of entries) {
    if (body.kind !== 'rollout') continue
    const { event } = body
    const before = rollouts.get(body.state.id)
    const next =
      before === undefined && event.type === 'start'
        ? begin(body.state, event)
        : transition(before ?? body.state, event)
    rollouts.set(body.state.id, next.state)
  }
  return rollouts
}

test('the events of a stored journal, replayed through the machine, give the stored states', async () => {
  const store = await opened(temporaryPath())
  await store.append(entriesOf(EVENTS))
  const entries = await store.journal({ after: 0, limit: 100 })
  expect(entries).toHaveLength(EVENTS.length + 1)
  for (const count of entries.keys()) {
    const part = entries.slice(0, count + 1)
    expect(replay(part)).toEqual(fold(part).rollouts)
  }
})

test('a fold in two parts is the fold of the whole', () => {
  const entries = [...entriesOf(EVENTS), stableEntry('shop-v2', 'shop-v1')].map((entry, i) =>
    Object.assign(entry, { seq: i + 1 }),
  )
  for (const count of entries.keys()) {
    expect(fold(entries.slice(count), fold(entries.slice(0, count)))).toEqual(fold(entries))
  }
})

test('a fold leaves what came before as it was', () => {
  const entries = entriesOf(EVENTS).map((entry, i) => Object.assign(entry, { seq: i + 1 }))
  fold(entries, NOTHING)
  expect(NOTHING.rollouts.size).toBe(0)
})

test('canonical JSON does not depend on the order in which keys were set', () => {
  expect(canonical({ b: [{ d: 1, c: null }], a: 'x' })).toBe('{"a":"x","b":[{"c":null,"d":1}]}')
  expect(canonical({ a: 'x', b: [{ c: null, d: 1 }] })).toBe('{"a":"x","b":[{"c":null,"d":1}]}')
})

test('a link depends on everything that it covers', () => {
  const head = { seq: 1, atMs: 2, route: 'shop', rollout: null }
  const links = [
    link(GENESIS, head, '{}'),
    link('1'.repeat(64), head, '{}'),
    link(GENESIS, { ...head, seq: 2 }, '{}'),
    link(GENESIS, { ...head, atMs: 3 }, '{}'),
    link(GENESIS, { ...head, route: 'cart' }, '{}'),
    link(GENESIS, { ...head, rollout: 'shop-1' }, '{}'),
    link(GENESIS, head, '{"a":1}'),
  ]
  expect(new Set(links).size).toBe(links.length)
})
