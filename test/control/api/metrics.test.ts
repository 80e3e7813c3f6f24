import fastify from 'fastify'
import { type ZodTypeProvider, serializerCompiler } from 'fastify-type-provider-zod'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { z } from 'zod'
import { check } from '../../../src/control/api/faults.ts'
import {
  PUSH_LIMIT,
  PushBody,
  metricRoutes,
  pushMetrics,
} from '../../../src/control/api/metrics.ts'
import { CodedError } from '../../../src/control/coded-error.ts'
import { PUSHED_NAME_LIMIT, PushedMetrics } from '../../../src/control/providers/pushed.ts'
import { bearer, serve, tokenOf } from './serve.ts'
import { RUNNING, START_MS, createFakeEngine, rolloutBase } from './fake-engine.ts'

const QUERY = { rollout: 'shop-1', name: 'conversion', sinceMs: START_MS } as const

function house() {
  const { engine, put } = createFakeEngine()
  put({ ...rolloutBase(), ...RUNNING, phase: 'progressing' })
  return { engine, put, pushed: new PushedMetrics(), clock: { nowMs: () => START_MS } }
}

function faultsOf(body: unknown): unknown {
  const checked = check(PushBody, body, 'body')
  return 'error' in checked ? checked.error.members['errors'] : null
}

function errorOf(push: () => unknown): CodedError {
  try {
    push()
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  throw new Error('the values were taken')
}

describe('values', () => {
  test('are kept for a rollout, named by its id or its route', () => {
    const deps = house()
    const canary = { name: 'conversion', variant: 'canary', value: 96.5 } as const
    const stable = { name: 'conversion', variant: 'stable', value: 97 } as const
    expect(pushMetrics(deps, 'shop-1', { metrics: [canary] })).toEqual({
      rollout: 'shop-1',
      accepted: 1,
    })
    expect(pushMetrics(deps, 'shop', { metrics: [stable, stable] }).accepted).toBe(2)
    const { pushed } = deps
    expect(pushed.newest({ ...QUERY, variant: 'canary' }, START_MS)).toEqual({ value: 96.5 })
    expect(pushed.values({ ...QUERY, variant: 'stable' })).toEqual([97, 97])
  })

  test('for nobody, or for a rollout that has ended, are refused', () => {
    const deps = house()
    const metrics = [{ name: 'x', variant: 'canary', value: 1 }] as const
    expect(errorOf(() => pushMetrics(deps, 'nobody', { metrics: [...metrics] })).code).toBe(
      'notFound',
    )
    const ended = { endedAtMs: START_MS, reason: 'r', stepIndex: 1, weightBp: 0 }
    deps.put({ ...rolloutBase(), ...ended, phase: 'aborted' })
    const error = errorOf(() => pushMetrics(deps, 'shop-1', { metrics: [...metrics] }))
    expect(error.code).toBe('invalidTransition')
    expect(error.message).toBe(
      'Cannot take metrics for rollout "shop-1" of route "shop": it is aborted; push to one that runs',
    )
  })

  test('of too many metrics are refused', () => {
    const deps = house()
    const metrics = Array.from({ length: PUSHED_NAME_LIMIT + 1 }, (_, i) => {
      return { name: `m${i}`, variant: 'canary', value: 1 } as const
    })
    const error = errorOf(() => pushMetrics(deps, 'shop-1', { metrics }))
    expect(error).toMatchObject({
      code: 'invalidRequest',
      members: {
        errors: [
          {
            pointer: '/metrics',
            detail: 'a rollout has at most 64 pushed metrics, with these it would have 65',
          },
        ],
      },
    })
  })
})

describe('a body', () => {
  const pattern =
    'must begin with a letter or "_", with up to 62 of letters, digits, "_", "." and "-" after it'

  test.for([
    [{ metrics: [{ name: 'x', value: 1 }] }, null],
    [{}, [{ pointer: '/metrics', detail: 'is missing' }]],
    [{ metrics: [] }, [{ pointer: '/metrics', detail: 'must have at least one value' }]],
    [
      { metrics: Array.from({ length: PUSH_LIMIT + 1 }, () => ({ name: 'x', value: 1 })) },
      [{ pointer: '/metrics', detail: 'must have at most 256 values' }],
    ],
    [
      { metrics: [{ name: 'x', value: '1' }] },
      [{ pointer: '/metrics/0/value', detail: 'must be a number, but is "1"' }],
    ],
    [
      { metrics: [{ name: 'x', value: null }] },
      [{ pointer: '/metrics/0/value', detail: 'must be a number, but is null' }],
    ],
    [
      JSON.parse('{"metrics":[{"name":"x","value":1e999}]}'),
      [{ pointer: '/metrics/0/value', detail: 'must be a number, but is Infinity' }],
    ],
    [{ metrics: [{ name: '../x', value: 1 }] }, [{ pointer: '/metrics/0/name', detail: pattern }]],
    [
      { metrics: [{ name: 'x', value: 1, variant: 'baseline' }] },
      [
        {
          pointer: '/metrics/0/variant',
          detail: 'is "baseline"; possible: stable, canary',
        },
      ],
    ],
    [
      { metrics: [{ name: 'x', valeu: 1 }] },
      [
        { pointer: '/metrics/0/value', detail: 'is missing' },
        { pointer: '/metrics/0/valeu', detail: 'unknown key "valeu"; did you mean "value"?' },
      ],
    ],
  ] as const)('%#', ([body, faults]) => {
    expect(faultsOf(body)).toEqual(faults)
  })
})

test('the route takes a push over HTTP', async () => {
  const deps = house()
  const app = fastify().withTypeProvider<ZodTypeProvider>()
  onTestFinished(() => app.close())
  app.setSerializerCompiler(serializerCompiler)
  app.setValidatorCompiler<z.ZodType>(
    ({ schema }) =>
      (value) =>
        check(schema, value, 'body'),
  )
  metricRoutes(app, deps)
  const answer = await app.inject({
    method: 'POST',
    url: '/v1/rollouts/shop/metrics',
    payload: { metrics: [{ name: 'conversion', value: 95 }] },
  })
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toEqual({ rollout: 'shop-1', accepted: 1 })
  expect(deps.pushed.newest({ ...QUERY, variant: 'canary' }, START_MS)).toEqual({ value: 95 })
})

test('a viewer may not push', async () => {
  const tokens = [tokenOf('vera', 'viewer'), tokenOf('ola', 'operator')]
  const { ask, put } = await serve({ tokens: () => tokens })
  put({ ...rolloutBase(), ...RUNNING, phase: 'progressing' })
  const body = { metrics: [{ name: 'conversion', value: 95 }] }
  const push = (name: string) =>
    ask('POST', '/v1/rollouts/shop-1/metrics', { body, headers: bearer(name) })
  expect((await push('vera')).status).toBe(403)
  expect((await push('ola')).json).toEqual({ rollout: 'shop-1', accepted: 1 })
})
