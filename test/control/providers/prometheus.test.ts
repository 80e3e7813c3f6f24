import { describe, expect, onTestFinished, test } from 'vitest'
import { HttpClient } from '../../../src/control/providers/http.ts'
import {
  POINT_LIMIT,
  type PrometheusQuery,
  prometheusSource,
  readAnswer,
} from '../../../src/control/providers/prometheus.ts'
import { type Answer, answering, json, prometheus } from './answering.ts'

const NOW_MS = 1_700_000_000_500

async function ask(answer: Answer, query: Partial<PrometheusQuery> = {}) {
  const server = await answering(answer)
  const client = new HttpClient()
  onTestFinished(() => client.close())
  const source = prometheusSource(
    client,
    { address: `${server.address}/prom`, headers: { 'X-Scope-OrgID': 'a' }, timeoutMs: 5_000 },
    { query: 'up{a="b c"}', range: null, ...query },
  )
  const answered = source(NOW_MS, new AbortController().signal)
  return { asked: server.asked, answered }
}

describe('an instant query', () => {
  test('is posted as a form, with the headers', async () => {
    const { asked, answered } = await ask(prometheus('vector', []))
    expect(await answered).toEqual([])
    const [one] = asked
    expect(one).toMatchObject({ method: 'POST' })
    expect(one?.url.pathname).toBe('/prom/api/v1/query')
    expect(Object.fromEntries(new URLSearchParams(one?.body))).toEqual({
      query: 'up{a="b c"}',
      timeout: '5000ms',
    })
    expect(one?.headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      'x-scope-orgid': 'a',
    })
  })

  test.for([
    ['vector', [{ metric: {}, value: [1_700_000_000.781, '0.97'] }], [0.97]],
    [
      'vector',
      [
        { metric: { a: '1' }, value: [1, 'NaN'] },
        { metric: { a: '2' }, value: [1, '+Inf'] },
        { metric: { a: '3' }, value: [1, '-Inf'] },
        { metric: { a: '4' }, value: [1, '1e-3'] },
      ],
      [Number.NaN, Infinity, -Infinity, 0.001],
    ],
    ['scalar', [1, '42'], 42],
    ['scalar', [1, 'NaN'], Number.NaN],
  ] as const)('gives of a %s its numbers: %#', async ([type, result, value]) => {
    const { answered } = await ask(prometheus(type, result))
    expect(await answered).toEqual(value)
  })

  test('is asked with GET where posting is not allowed', async () => {
    const { asked, answered } = await ask((one, response) => {
      if (one.method === 'POST') response.writeHead(405).end()
      else prometheus('scalar', [1, '5'])(one, response)
    })
    expect(await answered).toBe(5)
    expect(asked.map(({ method }) => method)).toEqual(['POST', 'GET'])
    expect(asked[1]?.url.searchParams.get('query')).toBe('up{a="b c"}')
  })
})

test('a range query asks for its window and gives all points of all series', async () => {
  const result = [
    {
      metric: { a: '1' },
      values: [
        [1, '1'],
        [2, '2'],
      ],
    },
    { metric: { a: '2' }, values: [[1, '3']] },
  ]
  const { asked, answered } = await ask(prometheus('matrix', result), {
    range: { lengthMs: 300_000, stepMs: 15_000 },
  })
  expect(await answered).toEqual([1, 2, 3])
  expect(asked[0]?.url.pathname).toBe('/prom/api/v1/query_range')
  expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toMatchObject({
    start: '1699999700.5',
    end: '1700000000.5',
    step: '15',
  })
})

function success(data: unknown): string {
  return JSON.stringify({ status: 'success', data })
}

function vector(result: unknown): string {
  return success({ resultType: 'vector', result })
}

describe('a failure is the provider’s', () => {
  test('with Prometheus’ own words', async () => {
    const error = { status: 'error', errorType: 'bad_data', error: 'parse error:\n  unclosed' }
    const { answered } = await ask(json(error, 400))
    await expect(answered).rejects.toThrow('Prometheus says bad_data: parse error: unclosed')
  })

  test.for([
    [
      502,
      '<html>bad gateway</html>',
      'Prometheus answered 502 and no JSON: <html>bad gateway</html>',
    ],
    [200, '[]', "Prometheus' answer is not as documented: the answer has another form"],
    [500, '{}', 'Prometheus says status 500: no reason given'],
    [200, success(5), 'not as documented: data'],
    [
      200,
      success({ resultType: 'string', result: [1, 'x'] }),
      'the query gives string, and a number',
    ],
    [200, vector({}), 'not as documented: a list'],
    [200, vector([5]), 'not as documented: a series'],
    [200, vector([{ metric: {} }]), 'not as documented: a point'],
    [200, vector([{ value: [1, 5] }]), 'not as documented: a point'],
    [200, vector([{ value: [1, 'five'] }]), 'not as documented: a value'],
    [200, vector([{ value: [1, ''] }]), 'not as documented: a value'],
    [200, vector([{ value: [1, 'constructor'] }]), 'not as documented: a value'],
    [200, vector([{ value: [1, '__proto__'] }]), 'not as documented: a value'],
    [200, vector([{ histogram: [1, {}] }]), 'the query gives native histograms'],
    [
      200,
      success({ resultType: 'matrix', result: [{ histograms: [] }] }),
      'the query gives native histograms',
    ],
    [
      200,
      vector(Array.from({ length: POINT_LIMIT + 1 }, () => ({ value: [1, '1'] }))),
      'the query gives 11001 points, at most 11000 are read',
    ],
  ] as const)('%d %.40s', ([status, text, message]) => {
    expect(() => readAnswer({ status, text })).toThrow(message)
  })
})
