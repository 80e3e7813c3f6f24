/**
 * The three attacks of slowhttptest (Debian package of that name) on the real process: each ends because Sluice has
 * closed all its connections, and whoever asks meanwhile is answered.
 */

import { expect, test } from 'vitest'
import { lacks, run } from '../clients/program.ts'
import { serve } from '../clients/servers.ts'
import { type House, startHouse } from './house.ts'

const MIB = 1024 * 1024
const CONNECTION_COUNT = 200
/** Asked all the time, as a person or a check of health would. */
const PROBE_EVERY_MS = 200
const PROBE_LIMIT_MS = 1_000
/** Of the probes, those that a busy machine may hold up. */
const LATE_RATIO = 0.1

interface Attack {
  readonly name: string
  readonly args: readonly string[]
  /** What Sluice counts, by which label, at least how often. */
  readonly counted: readonly [metric: string, label: string, count: number]
}

const REQUEST_TIMEOUT = ['sluice_refused_requests_total', 'reason="timeout"'] as const

const ATTACKS: readonly Attack[] = [
  {
    name: 'a head, a line each second (slow loris)',
    args: ['-H', '-i', '1'],
    counted: [...REQUEST_TIMEOUT, CONNECTION_COUNT],
  },
  {
    name: 'a body, ten bytes each second',
    args: ['-B', '-i', '1', '-x', '10', '-s', '100000'],
    counted: [...REQUEST_TIMEOUT, CONNECTION_COUNT],
  },
  {
    // It finds out that it was cut only when it has read what the kernel keeps for it, some 1200 bytes.
    name: 'an answer, 90 bytes each second, asked for three times in a row',
    args: ['-X', '-n', '1', '-z', '90', '-w', '10', '-y', '20', '-k', '3'],
    counted: ['sluice_client_aborts_total', '', 1],
  },
]

test.skipIf(lacks('slowhttptest')).for(ATTACKS)(
  '$name',
  { timeout: 90_000 },
  async ({ args, counted: [metric, label, count] }) => {
    const big = Buffer.alloc(2 * MIB, 'x')
    const upstream = await serve((request, response) => {
      request.resume().on('end', () => response.end(request.url === '/probe' ? 'ok' : big))
    })
    const house = await startHouse(upstream, {
      proxyEntries: ['timeouts: { head: 3s, bodyStall: 3s, idle: 5s }'],
    })
    const probes = probe(house)
    const common = ['-c', CONNECTION_COUNT, '-r', CONNECTION_COUNT, '-l', 40, '-p', 3].map(String)
    const url = `http://127.0.0.1:${house.port}/`
    const { stdout } = await run('slowhttptest', [...args, ...common, '-u', url, '-v', '1'])
    const latenciesMs = await probes.end()

    expect(plain(stdout)).toContain('No open connections left')
    expect(latenciesMs.length).toBeGreaterThan(5)
    const late = latenciesMs.filter((ms) => ms > PROBE_LIMIT_MS)
    expect(late.length / latenciesMs.length).toBeLessThan(LATE_RATIO)
    expect(await house.metric(metric, label)).toBeGreaterThanOrEqual(count)
    await expect.poll(() => house.metric('sluice_requests_active')).toBe(0)
  },
)

/** Asks for a small answer until it is ended; then resolves with how long each took. Each has to be a 200. */
function probe({ port }: House): { end(): Promise<readonly number[]> } {
  const asked: Promise<number>[] = []
  const timer = setInterval(() => asked.push(ask(port)), PROBE_EVERY_MS)
  return {
    end() {
      clearInterval(timer)
      return Promise.all(asked)
    },
  }
}

async function ask(port: number): Promise<number> {
  const startMs = performance.now()
  const response = await fetch(`http://127.0.0.1:${port}/probe`)
  expect([response.status, await response.text()]).toEqual([200, 'ok'])
  return performance.now() - startMs
}

/** Without the codes that colour a terminal. */
function plain(text: Buffer): string {
  // oxlint-disable-next-line no-control-regex -- what begins such a code
  return text.toString().replaceAll(/\u001b\[[\d;]*m/g, '')
}
