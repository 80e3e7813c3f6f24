/** What real threads are told of endpoints, and what they report. */

import { expect, test } from 'vitest'
import { connectClient } from '../proxy/exchange/client.ts'
import { snapshotOf } from '../proxy/exchange/proxy.ts'
import { startUpstream, type Upstream } from '../proxy/exchange/upstream.ts'
import { faulty, type Pool, startPool } from './thread-pool.ts'

const REQUEST_COUNT = 60

async function named(name: string): Promise<Upstream> {
  return startUpstream((received) => received.answer(200, name))
}

/** The different answers to many requests, each over a connection of its own, so that both threads get some. */
async function answers({ port }: Pool): Promise<readonly string[]> {
  const found = new Set<string>()
  for (let i = 0; i < REQUEST_COUNT; i++) {
    const client = await connectClient(port)
    found.add((await client.get('/')).body.toString())
    client.end()
  }
  return [...found].toSorted()
}

test('every thread leaves out who is unhealthy, and one that starts does so too', async () => {
  const [a, b] = [await named('a'), await named('b')]
  const gone: number[] = []
  const pool = await startPool(snapshotOf({ stable: [a.port, b.port] }), {
    onGone: (thread) => void gone.push(thread),
  })
  expect(await answers(pool)).toEqual(['a', 'b'])
  pool.pool.setHealth([`http1://127.0.0.1:${b.port}`])
  await expect.poll(() => answers(pool)).toEqual(['a'])
  await pool.pool.publish(faulty({ stable: [a.port, b.port] }, 'exit'))
  await expect.poll(() => pool.pool.liveCount).toBe(2)
  expect(pool.pool.restartCount).toBe(1)
  expect(gone).toEqual([0])
  expect(await answers(pool)).toEqual(['a'])
  pool.pool.setHealth([])
  await expect.poll(() => answers(pool)).toEqual(['a', 'b'])
})

test('each thread reports for itself, and says of which thread it is', async () => {
  const a = await named('a')
  const counts = new Map<number, number>()
  const pool = await startPool(snapshotOf({ stable: [a.port] }), {
    onMessage: (message, { thread }) => {
      if (message.type !== 'endpoints') return
      for (const report of message.reports) counts.set(thread, report.requestCount)
    },
  })
  await answers(pool)
  const sum = (): number => [...counts.values()].reduce((total, count) => total + count, 0)
  await expect.poll(sum).toBe(REQUEST_COUNT)
  expect(counts.size).toBe(2)
})
