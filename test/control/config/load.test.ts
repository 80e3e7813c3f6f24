import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { CodedError } from '../../../src/control/coded-error.ts'
import { checkConfig, loadConfig, sourceOf } from '../../../src/control/config/load.ts'
import { ERRORS } from '../../proxy/routes.ts'
import { BEARER_TOKEN } from '../../../src/proxy/cohort/token/settings.ts'
import { configOf, sample } from './sample.ts'

/** What a route has that says nothing of failures. */
const TRIES = {
  settleMs: null,
  retry: { attempts: 1, statuses: [502, 503, 504], methods: null, perTryMs: null },
  fallback: true,
  hedgeMs: null,
  mirror: null,
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const CLEARTEXT = { protocols: { http1: true, http2: false }, tls: null, proxyProtocol: false }

/** Of an upstream that says nothing. */
const UPSTREAM_SETTINGS = {
  balance: 'leastRequest',
  preferZone: null,
  outlier: {
    consecutiveErrors: 5,
    consecutiveConnectFailures: 3,
    successRateGap: 0.2,
    latencyFactor: 5,
    silenceMs: 1_000,
    minRequests: 10,
    intervalMs: 10_000,
    baseEjectionMs: 10_000,
    maxEjectionMs: 300_000,
    maxEjectedRatio: 0.5,
  },
  panic: 'serveAll',
  slowStartMs: 0,
  limits: { connections: Infinity, pendingRequests: 1_024, requests: Infinity, retries: Infinity },
}

function endpoint(host: string, port: number, protocol = 'http1') {
  return { host, port, protocol, tls: null, weight: 1, zone: null, metadata: {} }
}

function fileWith(name: string, content: string | Buffer): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

function refusal(file: string): CodedError {
  try {
    loadConfig(file, {})
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  throw new Error('was taken')
}

test('what a file leaves out has the documented default', () => {
  const { threads } = configOf(sample()).proxy
  expect(threads).toBeGreaterThanOrEqual(1)
  expect(configOf(sample())).toEqual({
    proxy: {
      listeners: [{ name: 'public', host: '127.0.0.1', port: 8080, ...CLEARTEXT }],
      threads,
      trustedProxies: [],
      limits: {
        headBytes: 16_384,
        headerCount: 100,
        fieldBytes: 8_192,
        bodyBytes: 0,
        bodyBytesPerSecond: 100,
        connections: 10_000,
        connectionsPerAddress: 10_000,
        streams: 100,
        upstreamConnections: 1_024,
        responseHeadBytes: 65_536,
        bufferBytes: 262_144,
      },
      timeouts: {
        headMs: 10_000,
        idleMs: 75_000,
        connectMs: 3_000,
        responseHeadMs: 60_000,
        bodyStallMs: 30_000,
        upstreamIdleMs: 30_000,
        handshakeMs: 10_000,
        tunnelIdleMs: 3_600_000,
        tunnelDrainMs: 60_000,
      },
      drainTimeoutMs: 30_000,
      accessLog: { mode: 'off', ratio: 0.01, path: '-' },
    },
    upstreams: new Map([
      [
        'a',
        {
          name: 'a',
          endpoints: [endpoint('127.0.0.1', 9001)],
          settings: UPSTREAM_SETTINGS,
          healthCheck: null,
        },
      ],
    ]),
    routes: [
      {
        name: 'shop',
        hosts: [],
        path: { kind: 'prefix', value: '/' },
        stable: 'a',
        sticky: null,
        forceHeader: null,
        rules: [],
        token: BEARER_TOKEN,
        errors: ERRORS,
        ...TRIES,
      },
    ],
    control: { host: '127.0.0.1', port: 9090, logLevel: 'info', tokens: [] },
    store: { path: '/etc/sluice/sluice.db' },
    flags: { approval: 'none', attributes: {}, providers: [] },
    analysis: { servers: new Map(), metrics: [], judge: null },
    warnings: [],
  })
})

test('what a file says arrives in the units of the code', () => {
  const text = `
version: 1
proxy:
  listeners:
    - { name: public, host: 0.0.0.0, port: 80 }
    - { name: six, host: "fd00::1", port: 0, protocols: [http2], proxyProtocol: true }
  threads: 2
  trustedProxies: [10.0.0.0/8, "fd00::/8"]
  limits:
    head: 1MiB
    headerCount: 5
    body: 1GiB
    bodyRate: 1KiB
    connections: "7"
    connectionsPerAddress: 6
    streams: 9
    upstreamConnections: 8
    responseHead: 4096
    buffer: 1MiB
  timeouts: { head: 1s, idle: 1m, connect: 250ms, responseHead: 1h30m, bodyStall: 2s, upstreamIdle: 3s, handshake: 4s, tunnelIdle: 5m, tunnelDrain: 6s }
  accessLog: { mode: sampled, ratio: "0.5", path: log/access.json }
  drainTimeout: 0s
upstreams:
  shop.v_1-a:
    endpoints: [http://10.0.0.1, "http://[FD00::2]:8080", "HTTP://Shop_1.internal:65535", { url: "http://10.0.0.2", protocol: http1 }]
    protocol: http2
routes:
  - name: one
    match: { host: Shop.Example.com, path: { exact: /a%20b } }
    stable: shop.v_1-a
    sticky: { cookie: Session, mint: true }
    forceHeader: X-Variant
  - name: two
    match: { host: ["*.example.com", "[::1]", 127.0.0.1], path: { prefix: /api/ } }
    stable: shop.v_1-a
    sticky: { header: X-User-Id }
    errors: { statuses: [503, 429, "503"], grpcStatuses: [14, unavailable, UNKNOWN] }
  - name: three
    match: { host: h }
    stable: shop.v_1-a
    sticky: { cookie: c }
control:
  host: 0.0.0.0
  port: 9191
  logLevel: debug
  tokens:
    - { name: ci@example.com, role: operator, sha256: ${'AB'.repeat(32)} }
store: { path: ":memory:" }
`
  const config = configOf(text)
  expect(config.proxy).toEqual({
    listeners: [
      { name: 'public', host: '0.0.0.0', port: 80, ...CLEARTEXT },
      {
        name: 'six',
        host: 'fd00::1',
        port: 0,
        protocols: { http1: false, http2: true },
        tls: null,
        proxyProtocol: true,
      },
    ],
    threads: 2,
    trustedProxies: ['10.0.0.0/8', 'fd00::/8'],
    limits: {
      headBytes: 1_048_576,
      headerCount: 5,
      fieldBytes: 8_192,
      bodyBytes: 1_073_741_824,
      bodyBytesPerSecond: 1_024,
      connections: 7,
      connectionsPerAddress: 6,
      streams: 9,
      upstreamConnections: 8,
      responseHeadBytes: 4_096,
      bufferBytes: 1_048_576,
    },
    timeouts: {
      headMs: 1_000,
      idleMs: 60_000,
      connectMs: 250,
      responseHeadMs: 5_400_000,
      bodyStallMs: 2_000,
      upstreamIdleMs: 3_000,
      handshakeMs: 4_000,
      tunnelIdleMs: 300_000,
      tunnelDrainMs: 6_000,
    },
    drainTimeoutMs: 0,
    accessLog: { mode: 'sampled', ratio: 0.5, path: '/etc/sluice/log/access.json' },
  })
  expect(config.upstreams.get('shop.v_1-a')?.endpoints).toEqual([
    endpoint('10.0.0.1', 80, 'http2'),
    endpoint('fd00::2', 8080, 'http2'),
    endpoint('shop_1.internal', 65_535, 'http2'),
    endpoint('10.0.0.2', 80),
  ])
  expect(config.routes).toEqual([
    {
      name: 'one',
      hosts: ['shop.example.com'],
      path: { kind: 'exact', value: '/a%20b' },
      stable: 'shop.v_1-a',
      sticky: [{ kind: 'cookie', name: 'Session', mint: true }],
      rules: [],
      token: BEARER_TOKEN,
      forceHeader: 'x-variant',
      errors: ERRORS,
      ...TRIES,
    },
    {
      name: 'two',
      hosts: ['*.example.com', '[::1]', '127.0.0.1'],
      path: { kind: 'prefix', value: '/api/' },
      stable: 'shop.v_1-a',
      sticky: [{ kind: 'header', name: 'x-user-id' }],
      rules: [],
      token: BEARER_TOKEN,
      forceHeader: null,
      errors: { statuses: [429, 503], grpcStatuses: [2, 14] },
      ...TRIES,
    },
    {
      name: 'three',
      hosts: ['h'],
      path: { kind: 'prefix', value: '/' },
      stable: 'shop.v_1-a',
      sticky: [{ kind: 'cookie', name: 'c', mint: false }],
      rules: [],
      token: BEARER_TOKEN,
      forceHeader: null,
      errors: ERRORS,
      ...TRIES,
    },
  ])
  expect(config.control).toEqual({
    host: '0.0.0.0',
    port: 9191,
    logLevel: 'debug',
    tokens: [{ name: 'ci@example.com', role: 'operator', sha256: 'ab'.repeat(32) }],
  })
  expect(config.store.path).toBe(':memory:')
})

test('the store stands beside the file unless its path says otherwise', () => {
  const file = fileWith('store.yaml', sample({ rest: 'store: { path: state/s.db }' }))
  expect(loadConfig(file, {}).store.path).toBe(join(folder, 'state/s.db'))
  expect(configOf(sample({ rest: 'store: { path: /var/s.db }' })).store.path).toBe('/var/s.db')
})

test('all faults travel with the error, as text and as objects', () => {
  const file = fileWith('faulty.yaml', sample({ version: 'version: 2', routes: 'routes: []' }))
  const error = refusal(file)
  expect(error.code).toBe('invalidConfig')
  expect(error.message).toBe(
    `${file}:1:10 version: must be 1, but is 2\n${file}:4:9 routes: needs at least 1 entry`,
  )
  expect(error.members['faults']).toEqual([
    { file, line: 1, column: 10, path: 'version', message: 'must be 1, but is 2' },
    { file, line: 4, column: 9, path: 'routes', message: 'needs at least 1 entry' },
  ])
})

test.for([
  { name: 'a missing file', file: () => join(folder, 'none'), message: 'there is no such file' },
  { name: 'a folder', file: () => folder, message: 'is a folder' },
  {
    name: 'bytes that are no text',
    file: () => fileWith('bytes.yaml', Buffer.from([0x61, 0xff, 0xfe])),
    message: 'is not UTF-8',
  },
  {
    name: 'a file that is too large',
    file: () => fileWith('large.yaml', '#'.repeat(1024 * 1024 + 1)),
    message: 'is larger than 1 MiB',
  },
])('$name is a fault of the file', ({ file, message }) => {
  const path = file()
  expect(refusal(path).message).toBe(`${path}:1:1 ${message}`)
})

test('a byte order mark and Windows line ends move no place', () => {
  const text = `\uFEFF${sample({ routes: 'routes: 1' }).replaceAll('\n', '\r\n')}`
  expect(checkConfig(text, sourceOf('f', {})).faults).toMatchObject([
    { line: 4, column: 9, path: 'routes' },
  ])
})
