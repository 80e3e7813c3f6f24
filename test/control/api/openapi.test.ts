import { expect, test } from 'vitest'
import { serve } from './serve.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly parameters?: readonly { name: string; in: string; required?: boolean }[]
  readonly requestBody?: { required: boolean; content: Record<string, { schema: unknown }> }
  readonly responses: Record<
    string,
    { description: string; content: Record<string, { schema: unknown }> }
  >
}

interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, unknown> }
}

async function read(): Promise<Document> {
  const { ask } = await serve()
  return (await ask('GET', '/openapi.json')).json as Document
}

function operationsOf({ paths }: Document): readonly (readonly [name: string, op: Operation])[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, op]) => [`${method} ${path}`, op] as const),
  )
}

function everyMember(value: unknown, visit: (key: string, child: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, child] of Object.entries(value)) {
    visit(key, child)
    everyMember(child, visit)
  }
}

test('the document is OpenAPI 3.1 and names every operation', async () => {
  const document = await read()
  expect(document.openapi).toBe('3.1.0')
  expect(
    operationsOf(document)
      .map(([name]) => name)
      .toSorted(),
  ).toEqual(
    [
      'get /livez',
      'get /metrics',
      'get /openapi.json',
      'get /readyz',
      'get /v1/events',
      'get /v1/events/stream',
      'get /v1/events/{seq}',
      'get /v1/flags',
      'get /v1/flags/{key}',
      'delete /v1/flags/{key}',
      'post /v1/flags',
      'post /v1/flags/{key}/approve',
      'post /v1/flags/{key}/audience',
      'post /v1/flags/{key}/off',
      'post /v1/flags/{key}/ramp',
      'post /ofrep/v1/evaluate/flags',
      'post /ofrep/v1/evaluate/flags/{key}',
      'get /v1/upstreams',
      'get /v1/upstreams/{name}',
      'get /v1/rollouts',
      'get /v1/rollouts/{id}',
      'get /v1/rollouts/{id}/analysis',
      'post /v1/rollouts/{id}/metrics',
      'get /v1/routes',
      'get /v1/routes/{name}',
      'post /v1/rollouts',
      'post /v1/rollouts/{id}/abort',
      'post /v1/rollouts/{id}/pause',
      'post /v1/rollouts/{id}/promote',
      'post /v1/rollouts/{id}/resume',
      'post /v1/rollouts/{id}/retry',
      'put /v1/rollouts/{id}/weight',
    ].toSorted(),
  )
})

test('every reference resolves, and every component is referred to', async () => {
  const document = await read()
  const referred = new Set<string>()
  everyMember(document, (key, child) => {
    if (key === '$ref') referred.add(String(child))
  })
  const named = Object.keys(document.components.schemas).map(
    (name) => `#/components/schemas/${name}`,
  )
  expect([...referred].toSorted()).toEqual(named.toSorted())
})

test('no component is there twice, as input and as output', async () => {
  const { components } = await read()
  expect(Object.keys(components.schemas).toSorted()).toEqual([
    'Analysis',
    'Decision',
    'Endpoint',
    'Event',
    'EventDetail',
    'EventList',
    'Evidence',
    'EvidenceSummary',
    'Flag',
    'FlagList',
    'FlagProvider',
    'FlagWithHistory',
    'Liveness',
    'OfrepFailure',
    'OfrepFlags',
    'OfrepSuccess',
    'Problem',
    'PushedMetrics',
    'Readiness',
    'Rollout',
    'RolloutList',
    'Route',
    'RouteList',
    'StartedRollout',
    'Step',
    'Upstream',
    'UpstreamList',
    'Variant',
    'Window',
  ])
})

test('every operation has an id of its own, a summary, a success with a schema, and problems', async () => {
  const operations = operationsOf(await read())
  const ids = operations.map(([, { operationId }]) => operationId)
  expect(new Set(ids).size).toBe(ids.length)
  for (const [name, { summary, tags, responses }] of operations) {
    const successes = Object.keys(responses).filter((status) => status.startsWith('2'))
    const problems = Object.entries(responses)
      .filter(([, { content }]) => Object.hasOwn(content, 'application/problem+json'))
      .map(([status]) => status)
    expect({ name, summary, tags, successes, problems }).toEqual({
      name,
      summary: expect.stringMatching(/./),
      tags: [expect.stringMatching(/./)],
      successes: [expect.stringMatching(/^20[01]$/)],
      problems: expect.arrayContaining(['400', '401', '403', '500', '503']),
    })
  }
})

test('every answer is described, has a schema, and is a problem from 400 up', async () => {
  const answers = operationsOf(await read()).flatMap(([name, { responses }]) =>
    Object.entries(responses).map(([status, answer]) => [`${status} ${name}`, answer] as const),
  )
  const problem = { schema: { $ref: '#/components/schemas/Problem' } }
  for (const [place, { description, content }] of answers) {
    expect([place, description]).toEqual([place, expect.stringMatching(/./)])
    const isError = !/^[23]/.test(place)
    expect([place, content['application/problem+json']]).toEqual([
      place,
      isError ? problem : undefined,
    ])
    for (const { schema } of Object.values(content)) expect(schema).toBeTypeOf('object')
  }
})

test('what abort ignores is not among its parameters, and verbs need no body', async () => {
  const { paths } = await read()
  const abort = paths['/v1/rollouts/{id}/abort']?.['post']
  expect(abort?.parameters?.map(({ name }) => name)).toEqual(['id'])
  expect(abort?.requestBody?.required).toBe(false)
  const promote = paths['/v1/rollouts/{id}/promote']?.['post']
  expect(promote?.parameters?.map(({ name }) => name).toSorted()).toEqual([
    'id',
    'idempotency-key',
    'if-match',
  ])
  expect(promote?.requestBody?.required).toBe(false)
  expect(paths['/v1/rollouts/{id}/weight']?.['put']?.requestBody?.required).toBe(true)
})

test('numbers have no bounds that only doubles have, and extensions of ours stay inside', async () => {
  const document = await read()
  everyMember(document, (key, child) => {
    expect(Math.abs(Number(child))).not.toBe(Number.MAX_SAFE_INTEGER)
    expect(key).not.toMatch(/^x-/)
  })
})

test('inputs refuse unknown members, outputs may grow', async () => {
  const { paths, components } = await read()
  const start = paths['/v1/rollouts']?.['post']?.requestBody?.content['application/json']?.schema
  expect(start).toMatchObject({
    type: 'object',
    required: ['route', 'to', 'strategy'],
    additionalProperties: false,
  })
  expect(components.schemas['Rollout']).not.toHaveProperty('additionalProperties')
})
