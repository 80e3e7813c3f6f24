import { expect, test } from 'vitest'
import { RUNNING, rolloutBase, START_MS } from './fake-engine.ts'
import { serve, START } from './serve.ts'

test('a started rollout is answered 201 with its place and its tag', async () => {
  const { ask } = await serve()
  const { status, headers, json } = await ask('POST', '/v1/rollouts', { body: START })
  expect(status).toBe(201)
  expect(headers['location']).toBe('/v1/rollouts/shop-1')
  expect(headers['etag']).toBe('"1"')
  expect(headers['content-type']).toBe('application/json; charset=utf-8')
  expect(json).toMatchObject({
    id: 'shop-1',
    route: 'shop',
    to: 'shop-v2',
    phase: 'progressing',
    plan: {
      steps: [{ setWeight: 5 }, { pause: { duration: '2m' } }],
      guard: {
        coin: true,
        successCriteria: '',
        window: '1m',
        interval: '1s',
        consecutiveFailureLimit: 1,
        failureLimit: null,
      },
    },
  })
  const { warnings, ...started } = json
  expect(warnings).toEqual([])
  expect((await ask('GET', String(headers['location']))).json).toEqual(started)
})

test('a guard may do something else about a check than to abort', async () => {
  const { ask } = await serve()
  const guard = { actions: { latency: 'warn' } }
  const { json } = await ask('POST', '/v1/rollouts', { body: { ...START, guard } })
  expect(json.plan.guard).toMatchObject({ coin: true, ...guard })
})

test('empty criteria switch the guard off', async () => {
  const { ask } = await serve()
  const body = { ...START, guard: { successCriteria: '' } }
  const { json } = await ask('POST', '/v1/rollouts', { body })
  expect(json.plan.guard.successCriteria).toBe('')
})

test.for<[what: string, body: unknown, errors: { pointer: string; detail: RegExp }[]]>([
  ['a missing member', { ...START, to: undefined }, [{ pointer: '/to', detail: /^is missing$/ }]],
  [
    'a misspelt member',
    { ...START, strateegy: 1 },
    [{ pointer: '/strateegy', detail: /^unknown key "strateegy"; did you mean "strategy"\?$/ }],
  ],
  [
    'a member of another type',
    { ...START, route: 7 },
    [{ pointer: '/route', detail: /^must be a string, but is 7$/ }],
  ],
  [
    'an action of a check that there is not',
    { ...START, guard: { actions: { latencies: 'warn' } } },
    [
      {
        pointer: '/guard/actions/latencies',
        detail: /^unknown key "latencies"; did you mean "latency"\?$/,
      },
    ],
  ],
  [
    'an action that there is not',
    { ...START, guard: { actions: { latency: 'wran' } } },
    [{ pointer: '/guard/actions/latency', detail: /must be one of|did you mean "warn"/ }],
  ],
  [
    'a step with two keys',
    { ...START, strategy: { canary: { steps: [{ setWeight: 5, pause: {} }] } } },
    [{ pointer: '/strategy/canary/steps/0', detail: /one of setWeight, pause, bake, but has 2$/ }],
  ],
  [
    'a step with none',
    { ...START, strategy: { canary: { steps: [{ setWeight: 5 }, {}] } } },
    [{ pointer: '/strategy/canary/steps/1', detail: /but has none$/ }],
  ],
  [
    'a plan without end',
    { ...START, strategy: { canary: { steps: Array.from({ length: 101 }, () => ({})) } } },
    [{ pointer: '/strategy/canary/steps', detail: /at most 100 steps, this one has 101$/ }],
  ],
  [
    'a weight that falls',
    {
      ...START,
      strategy: { canary: { steps: [{ setWeight: 25 }, { pause: {} }, { setWeight: 10 }] } },
    },
    [{ pointer: '/strategy/canary/steps/2/setWeight', detail: /lowers the weight from 25 to 10/ }],
  ],
  [
    'two faults at once',
    {
      ...START,
      strategy: { canary: { steps: [{ setWeight: 101 }, { pause: { duration: '2' } }] } },
    },
    [
      { pointer: '/strategy/canary/steps/0/setWeight', detail: /0 to 100/ },
      { pointer: '/strategy/canary/steps/1/pause/duration', detail: /no unit/ },
    ],
  ],
  [
    'criteria that nobody understands',
    { ...START, guard: { successCriteria: 'happiness>3' } },
    [{ pointer: '/guard/successCriteria', detail: /./ }],
  ],
  ['an unknown route', { ...START, route: 'shpo' }, [{ pointer: '/route', detail: /"shop"/ }]],
  ['no body', undefined, [{ pointer: '', detail: /^must be an object, but is null$/ }]],
  ['a list', [], [{ pointer: '', detail: /^must be an object, but is an array$/ }]],
])('%s is refused with a pointer', async ([, body, errors]) => {
  const { ask, journal } = await serve()
  const { status, json } = await ask('POST', '/v1/rollouts', { body })
  expect(status).toBe(422)
  expect(json.code).toBe('invalidRequest')
  expect(json.errors).toEqual(
    errors.map(({ pointer, detail }) => ({ pointer, detail: expect.stringMatching(detail) })),
  )
  expect(journal).toEqual([])
})

test('a name of the prototype is an unknown key like any other', async () => {
  const { ask } = await serve()
  const text = `{"route":"shop","to":"v","strategy":{"canary":{"steps":[]}},"__proto__":{"a":1}}`
  const { status, json } = await ask('POST', '/v1/rollouts', { text })
  expect(status).toBe(422)
  expect(json.errors[0].pointer).toBe('/__proto__')
})

test('rollouts are listed newest first, by route and by phase', async () => {
  const { ask, put } = await serve()
  put({ ...rolloutBase(), phase: 'promoted', endedAtMs: START_MS, reason: 'done' })
  put({ ...rolloutBase({ id: 'pay-1', route: 'pay' }), ...RUNNING, phase: 'progressing' })
  put({ ...rolloutBase({ id: 'shop-2' }), ...RUNNING, phase: 'progressing' })
  const ids = async (query: string): Promise<string[]> => {
    const { json } = await ask('GET', `/v1/rollouts${query}`)
    return json.rollouts.map((rollout: { id: string }) => rollout.id)
  }
  expect(await ids('')).toEqual(['shop-2', 'pay-1', 'shop-1'])
  expect(await ids('?route=shop')).toEqual(['shop-2', 'shop-1'])
  expect(await ids('?phase=progressing')).toEqual(['shop-2', 'pay-1'])
  expect(await ids('?route=shop&phase=promoted')).toEqual(['shop-1'])
  expect(await ids('?route=none')).toEqual([])
  expect(await ids('?limit=1')).toEqual(['shop-2'])
})

test.for([
  ['?phase=paussed', '/phase', 'did you mean "paused"?'],
  ['?limit=0', '/limit', 'must be at least 1, but is 0'],
  ['?limit=1001', '/limit', 'must be at most 1000, but is 1001'],
  ['?rout=shop', '/rout', 'did you mean "route"?'],
])('the query %s is refused as a fault of the query', async ([query, pointer, detail]) => {
  const { ask } = await serve()
  const { status, json } = await ask('GET', `/v1/rollouts${query}`)
  expect(status).toBe(422)
  expect(json).toMatchObject({ in: 'query', errors: [{ pointer }] })
  expect(json.errors[0].detail).toContain(detail)
})

test("a route's name stands for its running rollout, else for its newest", async () => {
  const { ask, put } = await serve()
  put({ ...rolloutBase(), ...RUNNING, phase: 'progressing' })
  put({ ...rolloutBase({ id: 'shop-2' }), phase: 'promoted', endedAtMs: START_MS, reason: 'x' })
  expect((await ask('GET', '/v1/rollouts/shop')).json.id).toBe('shop-1')
  await ask('POST', '/v1/rollouts/shop/abort')
  expect((await ask('GET', '/v1/rollouts/shop')).json.id).toBe('shop-2')
})

test('a rollout that is not there is a problem, also in its analysis', async () => {
  const { ask } = await serve()
  for (const path of ['/v1/rollouts/none', '/v1/rollouts/none/analysis']) {
    expect((await ask('GET', path)).json).toMatchObject({ status: 404, code: 'notFound' })
  }
})

const METRIC = {
  name: 'success-rate',
  state: 'running',
  sentence: 'success-rate is being measured: 1 succeeded, 0 failed',
  isDryRun: false,
  isStarved: false,
  last: { outcome: 'success', value: '[0.99]', reason: 'fine', atMs: START_MS },
} as const

test('an analysis speaks in seconds and ratios', async () => {
  const served = await serve()
  served.put({ ...rolloutBase(), ...RUNNING, phase: 'progressing' })
  served.analysis = {
    rollout: 'shop-1',
    attempt: 1,
    stepIndex: 1,
    verdict: 'pass',
    sentence: 'all is well',
    checks: [
      { criterion: 'error_rate<1%', verdict: 'pass', sentence: 'a', value: 0.002, limit: 0.01 },
      {
        criterion: 'latency_p95<2s',
        verdict: 'noData',
        sentence: 'b',
        value: null,
        limit: 2_000_000,
      },
    ],
    window: { ms: 60_000, requestCount: 500, errorCount: 1 },
    consecutiveFailureCount: 0,
    failureCount: 2,
    opinion: null,
    metrics: [METRIC],
  }
  const { json } = await served.ask('GET', '/v1/rollouts/shop/analysis')
  expect(json).toEqual({
    rollout: 'shop-1',
    attempt: 1,
    phase: 'progressing',
    step: 1,
    verdict: 'pass',
    sentence: 'all is well',
    checks: [
      { criterion: 'error_rate<1%', verdict: 'pass', sentence: 'a', value: 0.002, limit: 0.01 },
      { criterion: 'latency_p95<2s', verdict: 'noData', sentence: 'b', value: null, limit: 2 },
    ],
    window: { seconds: 60, requests: 500, errors: 1 },
    consecutiveFailures: 0,
    failures: 2,
    evidence: null,
    metrics: [
      {
        ...METRIC,
        last: {
          at: new Date(START_MS).toISOString(),
          verdict: 'success',
          value: '[0.99]',
          reason: 'fine',
        },
      },
    ],
  })
})

test('the analysis of an ended rollout says why it ended', async () => {
  const { ask, put } = await serve()
  put({
    ...rolloutBase(),
    phase: 'aborted',
    endedAtMs: START_MS,
    reason: '2 judgements failed',
    stepIndex: 1,
    weightBp: 500,
  })
  const { status, json } = await ask('GET', '/v1/rollouts/shop-1/analysis')
  expect(status).toBe(200)
  expect(json).toMatchObject({ verdict: null, sentence: '2 judgements failed', step: 1 })
})

test('a start tells of criteria that the traffic can never decide, in the answer and the log', async () => {
  const { ask, logged } = await serve({ requestsPerSecond: () => 0.1 })
  const guard = { successCriteria: 'error_rate<1%' }
  const { status, json } = await ask('POST', '/v1/rollouts', { body: { ...START, guard } })
  expect(status).toBe(201)
  expect(json.warnings).toEqual([
    expect.stringContaining('step 2 of 2 at 5 %: error_rate<1% can never be decided'),
  ])
  expect(logged).toEqual([[`${json.id}: ${json.warnings[0]}`]])
  const other = await ask('POST', '/v1/rollouts', { body: START })
  expect(other.json.warnings).toEqual([])
})
