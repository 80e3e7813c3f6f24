/** A name server whose answers change, and where requests go: real threads, a real name server, an upstream that has a name. */

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Settlements } from '../../src/control/judge/settlements.ts'
import { createRouting, SeriesRegistry } from '../../src/control/threads/routing.ts'
import { createResolver } from '../../src/control/upstreams/resolver.ts'
import { Upstreams } from '../../src/control/upstreams/upstreams.ts'
import { configOf, sample } from '../control/config/sample.ts'
import { type DnsTable, startDns } from '../control/upstreams/dns-server.ts'
import { connectClient } from '../proxy/exchange/client.ts'
import { snapshotOf } from '../proxy/exchange/proxy.ts'
import { startPool } from './thread-pool.ts'

const SETTLEMENTS = new Settlements({ nowMs: () => 0, stableP99Us: () => null, kept: () => null })

/** Answers with its own address, on that port or a free one. */
async function listenAt(address: string, port = 0): Promise<number> {
  const server = createServer((_, response) => void response.end(address))
  server.listen(port, address)
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

// Elsewhere a machine has one loopback address.
test.skipIf(process.platform !== 'linux')(
  'requests follow the addresses that a name has, and stay where they are while it has none',
  async () => {
    const port = await listenAt('127.0.0.1')
    for (const address of ['127.0.0.2', '127.0.0.3']) await listenAt(address, port)
    const table: DnsTable = { names: new Map([['shop.test', ['127.0.0.1']]]), ttl: 1 }
    const logged: string[] = []
    const { pool, port: proxyPort } = await startPool(snapshotOf({ stable: [port] }))
    const upstreams = new Upstreams({
      ask: async () => ({ isPassed: true }),
      resolver: createResolver({ servers: [await startDns(table)] }),
      nowMs: () => performance.now(),
      random: Math.random,
      log: {
        info: (message) => void logged.push(message),
        warn: (message) => void logged.push(message),
      },
      setHealth: (unhealthy) => pool.setHealth(unhealthy),
      republish: () => routing.publish(config, []),
      requestCount: () => 0,
    })
    const config = configOf(
      sample({ upstreams: `upstreams: { a: { endpoints: ['http://shop.test:${port}'] } }` }),
    )
    const context = {
      series: new SeriesRegistry(),
      viaName: 'sluice-test',
      settlements: SETTLEMENTS,
    }
    const routing = createRouting(pool, context, upstreams)
    await routing.publish(config, [])
    const ticking = setInterval(() => upstreams.tick(), 50)
    onTestFinished(() => clearInterval(ticking))
    const answers = async (): Promise<readonly string[]> => {
      const found = new Set<string>()
      for (let i = 0; i < 20; i++) {
        const client = await connectClient(proxyPort)
        found.add((await client.get('/')).body.toString())
        client.end()
      }
      return [...found].toSorted()
    }

    await expect.poll(answers).toEqual(['127.0.0.1'])
    table.names.set('shop.test', ['127.0.0.2', '127.0.0.3'])
    await expect.poll(answers).toEqual(['127.0.0.2', '127.0.0.3'])
    table.names.delete('shop.test')
    await expect.poll(() => upstreams.states()[0]?.names[0]?.fault).not.toBeNull()
    expect(await answers()).toEqual(['127.0.0.2', '127.0.0.3'])
    expect(logged).toEqual([
      'The name shop.test is now 127.0.0.2, 127.0.0.3',
      expect.stringContaining('The name shop.test cannot be resolved'),
    ])
  },
)
