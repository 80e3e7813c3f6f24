import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { NamedFiles } from '../../../src/control/config/named-files.ts'
import { Analysis } from '../../../src/control/config/schema-analysis.ts'
import { readServerAddress } from '../../../src/control/config/schema-server.ts'
import { toServer } from '../../../src/control/config/servers.ts'
import { configOf, faultLines, sample } from './sample.ts'

const SERVERS = {
  prom: { prometheus: 'http://prometheus:9090/base/' },
  shop: { http: 'https://shop.example.com' },
}

const METRIC = {
  name: 'success-rate',
  provider: { prometheus: { server: 'prom', query: 'up' } },
  successCondition: 'result[0] >= 0.95',
}

/** Each fault as `path: message`. */
function faultsOf(analysis: unknown): readonly string[] {
  const parsed = Analysis.safeParse(analysis)
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

function metricFaults(over: object, provider: object = METRIC.provider): readonly string[] {
  return faultsOf({ servers: SERVERS, metrics: [{ ...METRIC, provider, ...over }] })
}

function http(over: object): object {
  return { http: { server: 'shop', path: '/x', ...over } }
}

function prometheus(over: object): object {
  return { prometheus: { server: 'prom', query: 'up', ...over } }
}

function serverFaults(over: object): readonly string[] {
  return faultsOf({ servers: { s: { prometheus: 'http://p:1', ...over } } })
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

function read(auth: object | undefined, files: NamedFiles, tls?: object) {
  const entry = { prometheus: 'http://p:1', headers: { 'X-A': 'b' }, auth, tls }
  const { servers } = Analysis.parse({ servers: { s: entry } })
  return toServer(servers.get('s')!, files)
}

test('nothing is nothing', () => {
  expect(Analysis.parse({})).toEqual({ servers: new Map(), metrics: [], judge: null })
})

describe('a metric', () => {
  test('has the defaults of Argo Rollouts', () => {
    const { metrics, servers } = Analysis.parse({ servers: SERVERS, metrics: [METRIC] })
    expect(metrics).toEqual([
      {
        plan: {
          name: 'success-rate',
          intervalMs: null,
          count: 1,
          initialDelayMs: 0,
          failureLimit: 0,
          inconclusiveLimit: 0,
          consecutiveErrorLimit: 4,
          isDryRun: false,
        },
        provider: { kind: 'prometheus', server: 'prom', query: 'up', range: null },
        conditions: { successCondition: 'result[0] >= 0.95', failureCondition: undefined },
        actions: { failure: 'abort', inconclusive: 'pause', providerError: 'pause' },
      },
    ])
    expect(servers.get('prom')).toEqual({
      kind: 'prometheus',
      address: 'http://prometheus:9090/base',
      timeout: 30_000,
      headers: {},
    })
    expect(servers.get('shop')?.address).toBe('https://shop.example.com:443')
  })

  test('has all that can be said', () => {
    const { metrics } = Analysis.parse({
      servers: SERVERS,
      metrics: [
        {
          name: 'latency',
          provider: { prometheus: { server: 'prom', query: 'x', range: '5m', step: '15s' } },
          failureCondition: 'any(result, # > 2)',
          interval: '1m',
          count: '10',
          initialDelay: '30s',
          failureLimit: -1,
          inconclusiveLimit: 3,
          consecutiveErrorLimit: 0,
          dryRun: true,
          onFailure: 'warn',
          onInconclusive: 'abort',
          onProviderError: 'warn',
        },
        {
          name: 'orders',
          provider: {
            http: {
              server: 'shop',
              path: '/stats?w=5m',
              method: 'POST',
              body: '{}',
              jsonPath: '{$.rate}',
            },
          },
          successCondition: 'result > 1',
          interval: '10s',
        },
        {
          name: 'conversion',
          provider: { pushed: { name: 'conversion', variant: 'stable', maxAge: '1m' } },
          successCondition: 'result[-1] > 95',
        },
      ],
    })
    expect(metrics[0]).toMatchObject({
      plan: {
        intervalMs: 60_000,
        count: 10,
        initialDelayMs: 30_000,
        failureLimit: null,
        inconclusiveLimit: 3,
        consecutiveErrorLimit: 0,
        isDryRun: true,
      },
      provider: { range: { lengthMs: 300_000, stepMs: 15_000 } },
      actions: { failure: 'warn', inconclusive: 'abort', providerError: 'warn' },
    })
    expect(metrics[1]).toMatchObject({
      plan: { intervalMs: 10_000, count: null },
      provider: {
        kind: 'http',
        path: '/stats?w=5m',
        method: 'POST',
        jsonPath: { text: '$.rate', isSingular: true },
      },
    })
    expect(metrics[2]?.provider).toEqual({
      kind: 'pushed',
      name: 'conversion',
      variant: 'stable',
      maxAgeMs: 60_000,
    })
  })

  test.for([
    [
      { successCondition: undefined },
      undefined,
      'metrics.0: needs "successCondition" or "failureCondition": without them any answer would pass',
    ],
    [
      { successCondition: 'result[0 >= 1' },
      undefined,
      'metrics.0.successCondition: "result[0 >= 1" character 14: unclosed [',
    ],
    [
      { failureCondition: 'rsult > 1' },
      undefined,
      'metrics.0.failureCondition: "rsult > 1" character 1: unknown name "rsult"; only result is known',
    ],
    [{ count: 2 }, undefined, 'metrics.0.count: needs an "interval" for more than 1 measurement'],
    [
      { interval: '10' },
      undefined,
      'metrics.0.interval: "10" has no unit; write 10s for seconds, 10m for minutes',
    ],
    [{ interval: '10ms' }, undefined, 'metrics.0.interval: 10ms is outside 1s to 1d'],
    [{ failureLimit: -2 }, undefined, 'metrics.0.failureLimit: -2 is outside -1 to 100000'],
    [
      { onFailure: 'stop' },
      undefined,
      'metrics.0.onFailure: "stop" is not possible; possible: abort, pause, warn',
    ],
    [
      { sucessCondition: 'true' },
      undefined,
      'metrics.0: unknown key "sucessCondition"; did you mean "successCondition"?',
    ],
    [{}, {}, 'metrics.0.provider: needs one of "prometheus", "http" and "pushed"'],
    [
      {},
      { ...prometheus({}), ...http({}) },
      'metrics.0.provider: needs one of "prometheus", "http" and "pushed"',
    ],
    [
      {},
      prometheus({ range: '5m' }),
      'metrics.0.provider.prometheus: needs "range" and "step", or neither',
    ],
    [
      {},
      prometheus({ range: '7d', step: '1s' }),
      'metrics.0.provider.prometheus.step: is too short for the range: at most 11000 points of each series are given',
    ],
    [{}, prometheus({ query: ' ' }), 'metrics.0.provider.prometheus.query: must not be empty'],
    [
      {},
      prometheus({ server: 'pram' }),
      'metrics.0: there is no server "pram" in analysis.servers; did you mean "prom"?',
    ],
    [{}, http({ server: 'prom' }), 'metrics.0: asks "prom" as http, but it is prometheus'],
    [{}, http({ path: 'x' }), 'metrics.0.provider.http.path: "x" does not begin with "/"'],
    [
      {},
      http({ path: '/a/../b?x' }),
      'metrics.0.provider.http.path: "/a/../b" has a ".." segment; write the path that it leads to',
    ],
    [
      {},
      http({ body: '{}' }),
      'metrics.0.provider.http.body: is only possible with "method: POST"',
    ],
    [
      {},
      http({ jsonPath: '$[?match(@.a,"b")]' }),
      'metrics.0.provider.http.jsonPath: "$[?match(@.a,"b")]" match() is not possible, since patterns can take without end',
    ],
    [
      {},
      { pushed: { name: 'a b' } },
      'metrics.0.provider.pushed.name: "a b" is not the name of a metric; use letters, digits, "_", "." and "-"',
    ],
  ] as const)('%j %j is refused', ([over, provider, fault]) => {
    expect(metricFaults(over, provider)).toEqual([fault])
  })

  test('has a name of its own', () => {
    expect(faultsOf({ servers: SERVERS, metrics: [METRIC, METRIC] })).toEqual([
      'metrics.1: the name "success-rate" is there already',
    ])
  })
})

describe('a server', () => {
  test.for([
    [{ http: 'http://x' }, 'servers.s: needs "prometheus" or "http", and not both'],
    [{ prometheus: undefined }, 'servers.s: needs "prometheus" or "http", and not both'],
    [
      { prometheus: 'ftp://x' },
      'servers.s.prometheus: "ftp://x" begins with ftp://, but only http:// and https:// are possible',
    ],
    [
      { prometheus: 'http://u:secret@x' },
      'servers.s.prometheus: an endpoint has no user name or password',
    ],
    [{ timeout: '1h' }, 'servers.s.timeout: 1h is outside 100ms to 5m'],
    [
      { auth: {} },
      'servers.s.auth: needs one of "bearer", "bearerFile", or "username" with "password" or "passwordFile"',
    ],
    [
      { auth: { bearer: 'x', username: 'u' } },
      'servers.s.auth: needs one of "bearer", "bearerFile", or "username" with "password" or "passwordFile"',
    ],
    [
      { auth: { bearer: 'top secret' } },
      'servers.s.auth.bearer: must be visible ASCII characters without spaces',
    ],
    [
      { auth: { bearer: '' } },
      'servers.s.auth.bearer: is empty; the variable that it comes from may not be set',
    ],
    [
      { headers: { 'X-A': 'a\nb' } },
      'servers.s.headers.X-A: must be ASCII characters on one line, without spaces around them',
    ],
    [
      { headers: { 'x y': 'a' } },
      'servers.s.headers.x y: "x y" is not the name of a header, such as x-user-id',
    ],
    [
      { headers: { Te: 'a' } },
      'servers.s.headers.Te: "Te" belongs to the connection, not to the request; choose another header',
    ],
  ] as const)('%j is refused, without telling a secret', ([over, fault]) => {
    const faults = serverFaults(over)
    expect(faults).toEqual([fault])
    expect(JSON.stringify(faults)).not.toContain('secret"')
  })

  test.for([
    ['http://prometheus:9090', 'http://prometheus:9090'],
    ['https://h/a/b/', 'https://h:443/a/b'],
    ['http://[::1]:5/', 'http://[::1]:5'],
  ] as const)('%s is asked as %s', ([written, address]) => {
    expect(readServerAddress(written)).toBe(address)
  })

  test.for([
    ['http://h/a?x=1', 'has a "?"'],
    ['http://h/../x', 'has a ".." segment'],
    ['h:9090', 'has no scheme'],
  ] as const)('%s is no address: it %s', ([written, fault]) => {
    expect(() => readServerAddress(written)).toThrow(fault)
  })
})

describe('secrets', () => {
  test('come from the environment or from files, and become one header', async () => {
    const path = await folder()
    writeFileSync(join(path, 'token'), 'abc123\n')
    writeFileSync(join(path, 'ca.pem'), 'PEM')
    const files = new NamedFiles(path)
    expect(read(undefined, files)).toEqual({
      kind: 'prometheus',
      address: 'http://p:1',
      headers: { 'X-A': 'b' },
      timeoutMs: 30_000,
      ca: null,
    })
    expect(read({ bearer: 't' }, files).headers).toEqual({ 'X-A': 'b', authorization: 'Bearer t' })
    expect(read({ bearerFile: 'token' }, files).headers['authorization']).toBe('Bearer abc123')
    expect(read({ username: 'u', password: 'p' }, files).headers['authorization']).toBe(
      `Basic ${btoa('u:p')}`,
    )
    expect(read({ username: 'u', passwordFile: 'token' }, files).headers['authorization']).toBe(
      `Basic ${btoa('u:abc123')}`,
    )
    expect(read(undefined, files, { ca: 'ca.pem' }).ca).toBe('PEM')
    expect(files.names).toEqual(['token', 'ca.pem'])
  })

  test('that cannot be used are told by the name of their file alone', async () => {
    const path = await folder()
    writeFileSync(join(path, 'two'), 'sec ret\n')
    const files = new NamedFiles(path)
    expect(() => read({ bearerFile: 'none' }, files)).toThrow(
      'Cannot use the file none: there is no such file',
    )
    expect(() => read({ bearerFile: 'two' }, files)).toThrow(
      'Cannot use the file two: must be visible ASCII characters without spaces',
    )
  })
})

describe("Kayenta's judge", () => {
  test('has its words', () => {
    const { judge } = Analysis.parse({ judge: 'kayenta' })
    expect(judge).toMatchObject({
      rootTolerance: 'relative',
      intervalMs: 60_000,
      thresholds: { pass: 95, marginal: 75 },
      groupWeights: {},
    })
    expect(judge?.metrics.map(({ name }) => name)).toEqual([
      'error_rate',
      'latency_p50',
      'latency_p95',
      'latency_p99',
    ])
    expect(judge?.metrics[0]?.rules).toEqual({
      direction: 'increase',
      nanStrategy: 'remove',
      outliers: 'keep',
      outlierFactor: 3,
      effect: {
        measure: 'meanRatio',
        allowedIncrease: 1,
        allowedDecrease: 1,
        criticalIncrease: 1,
        criticalDecrease: 1,
      },
      isCritical: false,
      mustHaveData: false,
    })
  })

  test('says all that Kayenta can be told', () => {
    const { judge } = Analysis.parse({
      judge: 'kayenta-exact',
      kayenta: {
        interval: '30s',
        points: 20,
        onFailure: 'abort',
        thresholds: { pass: 90, marginal: 50 },
        groupWeights: { errors: 70 },
        metrics: [
          {
            name: 'error_rate',
            groups: ['errors'],
            direction: 'either',
            nanStrategy: 'replace',
            outliers: { strategy: 'remove', outlierFactor: 2 },
            effectSize: { measure: 'cles', allowedIncrease: 0.7 },
            critical: true,
            mustHaveData: true,
            muted: true,
          },
        ],
      },
    })
    expect(judge).toEqual({
      rootTolerance: 'exact',
      intervalMs: 30_000,
      minPointCount: 20,
      onFailure: 'abort',
      thresholds: { pass: 90, marginal: 50 },
      groupWeights: { errors: 70 },
      metrics: [
        {
          name: 'error_rate',
          groups: ['errors'],
          isMuted: true,
          rules: {
            direction: 'either',
            nanStrategy: 'replace',
            outliers: 'remove',
            outlierFactor: 2,
            effect: {
              measure: 'cles',
              allowedIncrease: 0.7,
              allowedDecrease: 0.5,
              criticalIncrease: 0.5,
              criticalDecrease: 0.5,
            },
            isCritical: true,
            mustHaveData: true,
          },
        },
      ],
    })
  })

  test.for([
    [{ thresholds: { pass: 50, marginal: 75 } }, 'kayenta.thresholds.marginal: is above "pass"'],
    [
      { groupWeights: { errors: 50 } },
      'kayenta.groupWeights.errors: no metric is in the group "errors"',
    ],
    [
      { groupWeights: { metrics: 101 } },
      'kayenta.groupWeights.metrics: "101" is not a number from 0 to 100',
    ],
    [
      { metrics: [{ name: 'error_rate' }, { name: 'error_rate' }] },
      'kayenta.metrics.1: error_rate is there already',
    ],
    [
      { metrics: [{ name: 'errors' }] },
      'kayenta.metrics.0.name: "errors" is not possible; possible: error_rate, latency_p50, latency_p95, latency_p99',
    ],
    [
      { metrics: [{ name: 'error_rate', effectSize: { allowedIncrease: -1 } }] },
      'kayenta.metrics.0.effectSize.allowedIncrease: "-1" is not a number from 0 to 1000',
    ],
  ] as const)('%j is refused', ([kayenta, fault]) => {
    expect(faultsOf({ judge: 'kayenta', kayenta })).toEqual([fault])
  })

  test('is one of two', () => {
    expect(faultsOf({ judge: 'kayena' })).toEqual([
      'judge: "kayena" is not possible; did you mean "kayenta"?',
    ])
  })
})

test('editors get a JSON Schema of it', () => {
  const schema = z.toJSONSchema(Analysis, { target: 'draft-7', io: 'input' })
  expect(Object.keys(schema.properties ?? {})).toEqual(['servers', 'metrics', 'judge', 'kayenta'])
  expect(JSON.stringify(schema)).toContain('successCondition')
})

const rest = (bearer: string) => `analysis:
  servers: { prom: { prometheus: 'http://prometheus:9090', auth: ${bearer} } }
  metrics:
    - name: up
      provider: { prometheus: { server: prom, query: up } }
      successCondition: result[0] == 1`

describe('in the file', () => {
  test('it has its secrets read', () => {
    const { analysis } = configOf(sample({ rest: rest("{ bearer: '${TOKEN}' }") }), {
      TOKEN: 'abc',
    })
    expect(analysis.servers.get('prom')?.headers).toEqual({ authorization: 'Bearer abc' })
    expect(analysis.metrics).toHaveLength(1)
  })

  test('a file that cannot be used is named with its server, and other faults with their places', () => {
    expect(faultLines(sample({ rest: rest('{ bearerFile: nowhere }') }))).toEqual([
      'f:6:20 analysis.servers.prom: Cannot use the file nowhere: there is no such file',
    ])
    expect(faultLines(sample({ rest: 'analysis: { metrics: [{ name: up }] }' }))).toEqual([
      'f:5:23 analysis.metrics[0]: the key "provider" is missing',
    ])
  })
})
