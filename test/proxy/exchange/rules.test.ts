/** Requests that rules send somewhere, over real sockets: where they go, and that they are no evidence. */

import { expect, test } from 'vitest'
import type { Condition, Rule } from '../../../src/proxy/cohort/rule.ts'
import type { Route } from '../../../src/proxy/snapshot.ts'
import { connectClient } from './client.ts'
import { CANARY, type Setup, STABLE, startProxy } from './proxy.ts'
import { answerOk, startUpstream } from './upstream.ts'

const AGE_MS = 20_000

function header(name: string): Condition {
  return { kind: 'header', name, isPresent: true, tests: [] }
}

const RULES: readonly Rule[] = [
  { when: header('x-out'), decision: { kind: 'to', variant: 'stable' } },
  { when: header('x-in'), decision: { kind: 'to', variant: 'canary' } },
]

/** Two upstreams that say who they are, and a canary with that weight; draws are in the middle. */
async function start(weightBp: number | null, route: Partial<Route> = {}) {
  const stable = await startUpstream(answerOk)
  const canary = await startUpstream(answerOk)
  const setup: Setup = {
    stable: [stable.port],
    ...(weightBp !== null && { canary: { endpoints: [canary.port], weightBp } }),
    route: { rules: RULES, settlement: { name: 'all/1', ageMs: AGE_MS, units: null }, ...route },
  }
  const proxy = await startProxy(setup, () => 0.5)
  const client = await connectClient(proxy.port)
  const counts = () => [proxy.counted(STABLE).started, proxy.counted(CANARY).started]
  const settled = async () => {
    await proxy.advance(AGE_MS)
    return [proxy.settled(STABLE), proxy.settled(CANARY)]
  }
  const forced = () => [proxy.forcedCount(STABLE), proxy.forcedCount(CANARY)]
  return { client, counts, forced, settled }
}

test('a rule sends to the canary at weight 0, and says nothing about it', async () => {
  const { client, counts, forced, settled } = await start(0)
  await client.get('/', 'X-In: 1\r\n')
  expect(counts()).toEqual([0, 1])
  expect(forced()).toEqual([0, 1])
  expect(await settled()).toEqual([{}, {}])
})

test('a rule keeps from the canary at weight 100, and says nothing about stable', async () => {
  const { client, counts, forced, settled } = await start(10_000)
  await client.get('/', 'X-Out: 1\r\nX-In: 1\r\n')
  expect(counts()).toEqual([1, 0])
  expect(forced()).toEqual([1, 0])
  expect(await settled()).toEqual([{}, {}])
})

test('what no rule takes is for the coin, and is evidence', async () => {
  const { client, counts, forced, settled } = await start(6_000)
  await client.get('/')
  expect(counts()).toEqual([0, 1])
  expect(forced()).toEqual([0, 0])
  expect(await settled()).toEqual([{}, { ok: 1, latency: 1 }])
})

test('while there is no canary a rule to it does nothing', async () => {
  const { client, counts } = await start(null)
  await client.get('/', 'X-In: 1\r\n')
  expect(counts()).toEqual([1, 0])
})

test('the client sees and sets the same unit, whatever a rule decides', async () => {
  const { client } = await start(0, { sticky: [{ kind: 'cookie', name: 'unit', mint: true }] })
  const answer = await client.get('/', 'X-In: 1\r\n')
  expect(answer.fields.map(([name]) => name)).toContain('set-cookie')
})

test('what waits for a connection while a rollout begins is not sent to the canary behind the back of a rule', async () => {
  const stable = await startUpstream(answerOk)
  const canary = await startUpstream(answerOk)
  const route = { rules: RULES }
  const proxy = await startProxy({ stable: [stable.port], route })
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.1\r\nHost: test\r\nX-Out: 1\r\n\r\n')
  await proxy.connecting()
  const begun = { endpoints: [canary.port], weightBp: 10_000 }
  proxy.use({ stable: [stable.port], canary: begun, route })
  expect((await client.answer()).status).toBe(200)
  expect(canary.requests).toEqual([])
})

test('what a rule sent to the canary goes to stable where the rollout ends before there is a connection', async () => {
  const stable = await startUpstream(answerOk)
  const canary = await startUpstream(answerOk)
  const route = { rules: RULES }
  const weights = { endpoints: [canary.port], weightBp: 0 }
  const proxy = await startProxy({ stable: [stable.port], canary: weights, route })
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.1\r\nHost: test\r\nX-In: 1\r\n\r\n')
  await proxy.connecting()
  proxy.use({ stable: [stable.port], route })
  expect((await client.answer()).status).toBe(200)
  expect(canary.requests).toEqual([])
})
