import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { lacks } from '../clients/program.ts'
import { runBench, startBench } from './bench.ts'

const BRIEF = ['--seconds', '1', '--rounds', '1', '--warmup', '0']
const SHORT = ['--scenario', 'small', ...BRIEF]

test('a short run measures Sluice next to a peer', { timeout: 90_000 }, async () => {
  const { code, stdout, report } = await runBench([...SHORT, '--only', 'sluice,undici'])

  expect(report?.proxies).toMatchObject([
    { name: 'sluice', state: 'started', fault: null },
    { name: 'undici', state: 'started', fault: null },
  ])
  expect(code).toBe(0)
  expect(report?.results).toHaveLength(2)
  for (const { fault, rounds, figures } of report?.results ?? []) {
    expect(fault).toBeNull()
    expect(rounds[0]?.requests).toBeGreaterThan(100)
    expect(figures?.cpuUsPerRequest.median).toBeGreaterThan(1)
    expect(figures?.cpuUsPerRequest.median).toBeLessThan(10_000)
    expect(figures?.p99Ms.median).toBeGreaterThan(0)
  }
  expect(report?.ratios.map(({ name }) => name)).toEqual(['small: sluice/undici'])
  expect(stdout).toMatch(/^small: bodies of 90 bytes, 64 keep-alive connections\nproxy /)
})

test.skipIf(lacks('nginx', 'haproxy', 'wrk', 'h2load'))(
  'a short run measures TLS, HTTP/2, gRPC and WebSocket beside nginx and HAProxy',
  { timeout: 120_000 },
  async () => {
    const only = ['--only', 'sluice,haproxy,nginx']
    const scenarios = ['--scenario', 'tls,http2,grpc,websocket']
    const { code, report } = await runBench([...scenarios, ...BRIEF, ...only])

    expect(report?.proxies.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'sluice started',
      'haproxy started',
      'nginx started',
    ])
    expect(code).toBe(0)
    expect(report?.skipped).toEqual([])
    expect(report?.results).toHaveLength(3 * 4)
    expect(report?.results.filter(({ fault }) => fault !== null)).toEqual([])
    for (const { rounds, figures } of report?.results ?? []) {
      expect(rounds[0]?.requests).toBeGreaterThan(100)
      expect(figures?.cpuUsPerRequest.median).toBeGreaterThan(1)
      expect(figures?.cpuUsPerRequest.median).toBeLessThan(10_000)
      expect(figures?.p99Ms.median).toBeGreaterThan(0)
    }
  },
)

test(
  'without wrk, nginx, HAProxy and taskset it runs on Node alone',
  { timeout: 60_000 },
  async () => {
    const only = ['--only', 'undici,nginx,haproxy']
    const scenarios = ['--scenario', 'small,http2']
    const args = [...scenarios, ...BRIEF, ...only]
    const { code, stdout, stderr, report } = await runBench(args, '/nonexistent')

    expect(code).toBe(0)
    expect(report?.settings.load['small']).toMatch(/^autocannon \d/)
    expect(report?.settings.upstream).toMatch(/^node:net v\d/)
    expect(report?.settings.pinning).toEqual({ proxy: null, load: null, upstream: null })
    expect(report?.proxies.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'haproxy absent',
      'nginx absent',
      'undici started',
    ])
    expect(report?.results).toHaveLength(1)
    expect(report?.results[0]?.figures?.cpuUsPerRequest.median).toBeGreaterThan(1)
    expect(report?.skipped).toMatchObject([{ scenario: 'http2' }])
    const words = 'http2: SKIPPED, h2load is not installed (Debian: apt-get install nghttp2-client)'
    expect(stdout).toContain(words)
    expect(stderr).toContain(words)
  },
)

test.runIf(process.platform === 'linux')(
  'a run ended by SIGTERM leaves no process behind',
  { timeout: 60_000 },
  async () => {
    const bench = startBench([...SHORT, '--only', 'undici', '--warmup', '20'])
    const pid = bench.pid ?? 0
    await new Promise<void>((resolve, reject) => {
      bench.once('close', () => reject(new Error('the run ended early')))
      bench.stderr?.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('undici')) resolve()
      })
    })
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    expect(children.length).toBeGreaterThanOrEqual(2)

    bench.kill('SIGTERM')
    const code = await new Promise((resolve) => void bench.once('close', resolve))

    expect(code).toBe(143)
    await expect.poll(() => children.filter(isAlive)).toEqual([])
  },
)

test('an unknown proxy is refused with the names there are', async () => {
  const { code, stderr } = await runBench(['--only', 'squid'])
  expect(code).toBe(2)
  expect(stderr).toContain('--only: unknown proxy "squid"; there are sluice, haproxy,')
})

function isAlive(pid: string): boolean {
  try {
    // A zombie, ended but not yet collected, is dead enough.
    return !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
