import { expect, test } from 'vitest'
import type { Rollout } from '../../../src/control/rollout/state.ts'
import { RUNNING, rolloutBase, START_MS } from './fake-engine.ts'
import { serve } from './serve.ts'

const LIVE: Rollout = { ...rolloutBase({ generation: 4 }), ...RUNNING, phase: 'progressing' }
const ENDED: Rollout = {
  ...rolloutBase({ generation: 4 }),
  phase: 'promoted',
  endedAtMs: START_MS,
  reason: 'every step is done',
}
const ABORTED: Rollout = {
  ...rolloutBase({ generation: 4 }),
  phase: 'aborted',
  endedAtMs: START_MS,
  reason: 'ada aborted it',
  stepIndex: 1,
  weightBp: 500,
}

test.for<[verb: string, body: unknown, from: Rollout, action: unknown, phase: string]>([
  ['promote', undefined, LIVE, { type: 'promote', full: false }, 'baking'],
  ['promote', { full: true }, LIVE, { type: 'promote', full: true }, 'promoted'],
  ['pause', { reason: 'lunch' }, LIVE, { type: 'pause', reason: 'lunch' }, 'paused'],
  ['pause', {}, LIVE, { type: 'pause', reason: '' }, 'paused'],
  ['resume', undefined, LIVE, { type: 'resume' }, 'progressing'],
  ['abort', { reason: 'it burns' }, LIVE, { type: 'abort', reason: 'it burns' }, 'aborted'],
  ['abort', undefined, LIVE, { type: 'abort', reason: '' }, 'aborted'],
  ['retry', undefined, ABORTED, { type: 'retry' }, 'progressing'],
])(
  '%s with %o is done and answered with the new tag',
  async ([verb, body, from, action, phase]) => {
    const { ask, put, acts } = await serve()
    put(from)
    const { status, headers, json } = await ask('POST', `/v1/rollouts/shop-1/${verb}`, { body })
    expect([status, json.phase, json.generation, headers['etag']]).toEqual([200, phase, 5, '"5"'])
    expect(acts).toEqual([{ id: 'shop-1', action, actor: 'anonymous' }])
  },
)

test('a weight is set in percent with two decimals', async () => {
  const { ask, put, acts } = await serve()
  put(LIVE)
  const body = { weight: 12.34 }
  const { status, json } = await ask('PUT', '/v1/rollouts/shop/weight', { body })
  expect([status, json.weight]).toEqual([200, 12.34])
  expect(acts[0]?.action).toEqual({ type: 'setWeight', weightBp: 1234 })
})

test.for([
  [{ weight: 12.345 }, 'must be a multiple of 0.01, but is 12.345'],
  [{ weight: 101 }, 'must be at most 100, but is 101'],
  [{ weight: -1 }, 'must be at least 0, but is -1'],
  [{ weight: '5' }, 'must be a number, but is "5"'],
  [{}, 'is missing'],
] as const)('the weight %o is refused', async ([body, detail]) => {
  const { ask, put } = await serve()
  put(LIVE)
  const { status, json } = await ask('PUT', '/v1/rollouts/shop/weight', { body })
  expect(status).toBe(422)
  expect(json.errors).toEqual([{ pointer: '/weight', detail }])
})

test('every two-decimal weight comes out as its basis points', async () => {
  const { ask, put, acts } = await serve()
  put(LIVE)
  const weights = [0, 0.01, 0.07, 0.29, 1.1, 4.35, 33.33, 64.07, 99.99, 100]
  for (const weight of weights) {
    await ask('PUT', '/v1/rollouts/shop/weight', { body: { weight } })
  }
  expect(acts.map(({ action }) => action)).toEqual(
    [0, 1, 7, 29, 110, 435, 3333, 6407, 9999, 10_000].map((weightBp) => {
      return { type: 'setWeight', weightBp }
    }),
  )
})

test('an action that the phase refuses says the phase and what is allowed', async () => {
  const { ask, put } = await serve()
  put(ENDED)
  const { status, headers, json } = await ask('POST', '/v1/rollouts/shop-1/promote')
  expect(status).toBe(409)
  expect(headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(json).toEqual({
    type: 'https://sluice.dev/problems/invalid-transition',
    title: 'The rollout cannot do this now',
    status: 409,
    detail: 'Cannot promote shop-1: it is promoted',
    instance: '/v1/rollouts/shop-1/promote',
    code: 'invalidTransition',
    phase: 'promoted',
    allowed: ['retry'],
  })
})

test.for<[what: string, headers: Record<string, string>, body: object, status: number]>([
  ['the current tag', { 'if-match': '"4"' }, {}, 200],
  ['any tag', { 'if-match': '*' }, {}, 200],
  ['a list with the current tag', { 'if-match': '"3", "4"' }, {}, 200],
  ['an old tag', { 'if-match': '"3"' }, {}, 412],
  ['a list without it', { 'if-match': '"2", "3"' }, {}, 412],
  ['a weak tag', { 'if-match': 'W/"4"' }, {}, 412],
  ['a tag of somebody else', { 'if-match': '"abc"' }, {}, 412],
  ['a tag without quotes', { 'if-match': '4' }, {}, 400],
  ['an empty field', { 'if-match': '' }, {}, 400],
  ['half a list', { 'if-match': '"4",' }, {}, 400],
  ['the current generation', {}, { expectedGeneration: 4 }, 200],
  ['an old generation', {}, { expectedGeneration: 3 }, 412],
  ['two beliefs that differ', { 'if-match': '"4"' }, { expectedGeneration: 3 }, 400],
  ['the current step', {}, { expectedStep: 1 }, 200],
  ['another step', {}, { expectedStep: 3 }, 412],
  ['a step that is no number', {}, { expectedStep: 1.5 }, 422],
])('%s is answered as it should be', async ([, headers, body, status]) => {
  const { ask, put, acts } = await serve()
  put(LIVE)
  const promoted = await ask('POST', '/v1/rollouts/shop-1/promote', { headers, body })
  expect(promoted.status).toBe(status)
  expect(acts).toHaveLength(status === 200 ? 1 : 0)
  const weighed = await ask('PUT', '/v1/rollouts/shop-1/weight', {
    headers: status === 200 ? {} : headers,
    body: status === 200 ? { weight: 7 } : { weight: 7, ...body },
  })
  expect(weighed.status).toBe(status)
})

test.for<[what: string, headers: Record<string, string>, body: unknown]>([
  ['a stale tag', { 'if-match': '"1"' }, undefined],
  ['a malformed tag', { 'if-match': 'nonsense' }, undefined],
  ['a stale generation', {}, { expectedGeneration: 1 }],
  ['another step', {}, { expectedStep: 9 }],
  ['a malformed key', { 'idempotency-key': 'with spaces' }, undefined],
])('abort does not heed %s', async ([, headers, body]) => {
  const { ask, put } = await serve()
  put(LIVE)
  const { status, json } = await ask('POST', '/v1/rollouts/shop-1/abort', { headers, body })
  expect([status, json.phase]).toEqual([200, 'aborted'])
})

test.for([ENDED, ABORTED])('abort leaves a rollout that is $phase as it is', async (rollout) => {
  const { ask, put, journal } = await serve()
  put(rollout)
  const { status, headers, json } = await ask('POST', '/v1/rollouts/shop/abort')
  expect([status, headers['etag'], json.phase]).toEqual([200, '"4"', rollout.phase])
  expect(journal).toEqual([])
})

test('a verb with a JSON content type and no body is a verb without a body', async () => {
  const { ask, put } = await serve()
  put(LIVE)
  const headers = { 'content-type': 'application/json' }
  const { status } = await ask('POST', '/v1/rollouts/shop-1/abort', { headers, text: '' })
  expect(status).toBe(200)
})
