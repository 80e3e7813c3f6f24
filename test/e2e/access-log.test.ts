import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { startShopPair } from './shop-pair.ts'
import { type SluiceProcess, startSluice } from './sluice-process.ts'

/** With two threads, an access log of all requests, and every refusal told. */
async function startLogging() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-access-'))
  const shops = await startShopPair()
  const sluice = await startSluice({
    folder,
    shops,
    threads: 2,
    proxyEntries: ['accessLog: { mode: all, path: ./access.log }'],
    controlEntries: ['logLevel: debug'],
  })
  onTestFinished(async () => {
    await sluice.stop()
    await shops.close()
    rmSync(folder, { recursive: true })
  })
  const path = join(folder, 'access.log')
  return { sluice, path, linesOf }
}

function linesOf(path: string): Record<string, unknown>[] {
  try {
    const lines = readFileSync(path, 'latin1').split('\n').slice(0, -1)
    return lines.map((line): Record<string, unknown> => JSON.parse(line))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Sends bytes on a connection of their own and returns what comes back until it is closed. */
async function say({ proxyUrl }: SluiceProcess, text: string): Promise<string> {
  const { hostname, port } = new URL(proxyUrl)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk))
  socket.write(text, 'latin1')
  await once(socket, 'close')
  return answer
}

test('a request is a line in the file soon after its end, whichever thread served it', async () => {
  const { sluice, path } = await startLogging()
  const headers = { 'user-agent': 'tests', 'x-request-id': 'id-1' }
  const paths = Array.from({ length: 20 }, (_, i) => `/item/${i}`)
  for (const each of paths) {
    const response = await fetch(`${sluice.proxyUrl}${each}?token=secret`, { headers })
    expect(await response.text()).toBe('v1\n')
  }
  const written = (): ReadonlySet<unknown> => new Set(linesOf(path).map((line) => line['path']))
  await eventually(written).toEqual(new Set(paths))
  expect(linesOf(path)).toHaveLength(paths.length)
  expect(linesOf(path)[0]).toMatchObject({
    method: 'GET',
    protocol: 'HTTP/1.1',
    status: 200,
    flags: '-',
    route: 'shop',
    variant: 'stable',
    responseBytes: 3,
    client: '127.0.0.1',
    tls: false,
    userAgent: 'tests',
    requestId: 'id-1',
  })
  expect(readFileSync(path, 'latin1')).not.toContain('secret')
})

test('a refused request is a line in both logs, and a count', async () => {
  const { sluice, path } = await startLogging()
  expect(await say(sluice, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')).toContain(' 400 ')
  await eventually(() => linesOf(path)).toHaveLength(1)
  expect(linesOf(path)[0]).toMatchObject({ status: 400, flags: 'DPE', client: '127.0.0.1' })
  await eventually(() => sluice.stderr()).toMatch(
    / debug Refused a request of 127\.0\.0\.1 by the rule badHost/,
  )
  const metrics = await (await fetch(`${sluice.adminUrl}/metrics`)).text()
  expect(metrics).toContain('sluice_refused_requests_total{reason="badHost"} 1\n')
})

test('after SIGHUP a new file is written, and the renamed one is whole', async () => {
  const { sluice, path } = await startLogging()
  await fetch(`${sluice.proxyUrl}/before`)
  await eventually(() => linesOf(path)).toHaveLength(1)
  renameSync(path, `${path}.1`)
  process.kill(sluice.pid, 'SIGHUP')
  await eventually(() => sluice.stderr()).toContain('The configuration is unchanged')
  await fetch(`${sluice.proxyUrl}/after`)
  await eventually(() => linesOf(path)).toMatchObject([{ path: '/after' }])
  expect(linesOf(`${path}.1`)).toMatchObject([{ path: '/before' }])
})

test('what was served before SIGTERM is in the file when the process is gone', async () => {
  const { sluice, path } = await startLogging()
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => fetch(sluice.proxyUrl, { headers: { connection: 'close' } })),
  )
  expect(answers.every((answer) => answer.ok)).toBe(true)
  expect(await sluice.stop()).toBe(0)
  expect(linesOf(path)).toHaveLength(50)
})
