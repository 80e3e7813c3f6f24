/** Health checks, names and draining in a real process: what clients get, and what `GET /v1/upstreams` says meanwhile. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { UpstreamList } from '../../src/control/api/upstream-view.ts'
import { listen } from '../proxy/upstream/servers.ts'
import { configText, startSluice } from './sluice-process.ts'

interface Shop {
  readonly port: number
  isHealthy: boolean
  /** Answers to `/slow`, which wait for the test. */
  readonly waiting: ServerResponse[]
}

async function startShop(name: string): Promise<Shop> {
  const shop = { port: 0, isHealthy: true, waiting: [] as ServerResponse[] }
  const server = createServer((request, response) => {
    if (request.url === '/healthz') return response.writeHead(shop.isHealthy ? 200 : 503).end()
    if (request.url === '/slow') return shop.waiting.push(response)
    return response.end(name)
  })
  shop.port = await listen(server)
  return shop
}

/** Two threads before the endpoints; `configure` gives them others. */
async function start(endpoints: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-upstreams-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const shops = { stable: { port: 9 }, canary: { port: 9 } }
  const sluice = await startSluice({ folder, shops, threads: 2 })
  onTestFinished(() => sluice.kill())
  const configure = (
    urls: readonly string[],
    check = '{ path: /healthz, interval: 250ms, timeout: 250ms }',
  ) => {
    const own = `shop-v1: { endpoints: [${urls.map((each) => `'${each}'`).join(', ')}], healthCheck: ${check} }`
    const text = configText({ shops, threads: 2 }).replace(/shop-v1: \{.*\}/, own)
    writeFileSync(join(folder, 'sluice.yaml'), text)
    process.kill(sluice.pid, 'SIGHUP')
  }
  configure(endpoints)
  const list = async (): Promise<UpstreamList> => {
    const response = await fetch(`${sluice.adminUrl}/v1/upstreams`)
    return (await response.json()) as UpstreamList
  }
  const healths = async () => {
    const [shop] = (await list()).upstreams
    return shop!.endpoints.map(({ health }) => health.status)
  }
  /** Who answers so many requests, each of them over a connection of its own. */
  const served = async (count: number): Promise<ReadonlySet<string>> => {
    const names = new Set<string>()
    for (let i = 0; i < count; i++) {
      const response = await fetch(sluice.proxyUrl, { headers: { connection: 'close' } })
      names.add(await response.text())
    }
    return names
  }
  return { sluice, configure, list, healths, served }
}

function url({ port }: Shop, host = '127.0.0.1'): string {
  return `http://${host}:${port}`
}

test('an endpoint that is not healthy gets no request from any thread, until it is again', async () => {
  const [a, b] = [await startShop('a'), await startShop('b')]
  b.isHealthy = false
  const { sluice, healths, served } = await start([url(a), url(b)])
  await expect.poll(healths).toEqual(['healthy', 'unhealthy'])
  expect(await served(40)).toEqual(new Set(['a']))
  b.isHealthy = true
  await expect.poll(healths).toEqual(['healthy', 'healthy'])
  await expect.poll(() => served(10)).toContain('b')
  const lines = sluice
    .stderr()
    .split('\n')
    .filter((line) => line.includes(`:${b.port} of upstream`))
  expect(lines.map((line) => line.replace(/^.*? of /, ''))).toEqual([
    'upstream "shop-v1" is unhealthy: it answered 503',
    'upstream "shop-v1" is healthy again',
  ])
})

test('an endpoint that is taken away finishes what it has, and is shown until then', async () => {
  const [a, b] = [await startShop('a'), await startShop('b')]
  const { sluice, configure, list } = await start([url(b)])
  const names = async () => (await list()).upstreams[0]!.endpoints.map((endpoint) => endpoint.url)
  await expect.poll(names).toEqual([url(b)])
  const slow = fetch(`${sluice.proxyUrl}/slow`)
  await expect.poll(() => b.waiting.length).toBe(1)
  await expect.poll(async () => (await list()).upstreams[0]!.endpoints[0]!.outstanding).toBe(1)
  configure([url(a)])
  await expect.poll(names).toEqual([url(a)])
  expect((await list()).leaving).toEqual([
    { id: `http1://127.0.0.1:${b.port}`, outstanding: 1, connections: 1 },
  ])
  b.waiting[0]!.end('late')
  expect(await (await slow).text()).toBe('late')
  await expect.poll(async () => (await list()).leaving).toEqual([])
})

test('an upstream that stands in no route is safe to remove, and one that does is not', async () => {
  const { list } = await start([url(await startShop('a'))])
  const safe = async () =>
    Object.fromEntries(
      (await list()).upstreams.map(({ name, safeToRemove }) => [name, safeToRemove]),
    )
  await expect.poll(safe).toEqual({ 'shop-v1': false, 'shop-v2': true })
})

test('localhost is left to each connection, and checked all the same', async () => {
  const a = await startShop('a')
  const { healths, served } = await start([url(a, 'localhost')])
  await expect.poll(healths).toEqual(['healthy'])
  expect(await served(4)).toEqual(new Set(['a']))
})
