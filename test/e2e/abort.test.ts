/** Abort always wins: when the publication without canary is over, no new request reaches the canary. */

import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { connectClient } from '../proxy/exchange/client.ts'
import { valueOf } from '../proxy/exchange/message.ts'
import { CANARY, snapshotOf, STABLE } from '../proxy/exchange/proxy.ts'
import { startUpstream, type Upstream } from '../proxy/exchange/upstream.ts'
import { startPool } from './thread-pool.ts'

const CONNECTION_COUNT = 64
const ROUND_COUNT = 5

/** The clients together. */
interface Load {
  answered: number
  isOver: boolean
  /** When each client's last request was sent. */
  readonly sentMs: number[]
}

/** Asks again and again until the test ends, every now and then over a new connection; each request bears its time. */
async function keepAsking(port: number, load: Load, index: number): Promise<void> {
  while (!load.isOver) {
    const client = await connectClient(port)
    for (let i = 0; i < 50 && !load.isOver; i++) {
      const sentMs = performance.now()
      load.sentMs[index] = sentMs
      const answer = await client.get('/', `X-Sent-Ms: ${sentMs}\r\n`)
      expect(answer.status).toBe(200)
      load.answered++
    }
    client.end()
  }
}

/** When the requests were sent that have reached the upstream. */
function sentTimes(upstream: Upstream): number[] {
  return upstream.requests.map(({ head }) => Number(valueOf(head, 'x-sent-ms')))
}

test('64 busy connections and 2 threads', async () => {
  const stable = await startUpstream()
  const canary = await startUpstream()
  const withCanary = {
    stable: [stable.port],
    canary: { endpoints: [canary.port], weightBp: 5_000 },
  }
  const { pool, port, total } = await startPool(snapshotOf(withCanary))
  const load: Load = { answered: 0, isOver: false, sentMs: [] }
  onTestFinished(() => {
    load.isOver = true
  })
  const asking = Array.from({ length: CONNECTION_COUNT }, (_, i) => keepAsking(port, load, i))
  const answered = (count: number): Promise<void> => {
    const until = load.answered + count
    return eventually(() => load.answered).toBeGreaterThan(until)
  }

  for (let round = 0; round < ROUND_COUNT; round++) {
    const before = canary.requests.length
    await answered(500)
    expect(canary.requests.length - before, 'the canary is in use').toBeGreaterThan(100)

    await pool.publish(snapshotOf({ stable: [stable.port] }))
    const publishedMs = performance.now()
    // Then all that was sent before has been answered.
    await eventually(() => Math.min(...load.sentMs)).toBeGreaterThan(publishedMs)
    const received = canary.requests.length
    await answered(500)
    expect(sentTimes(canary).filter((ms) => ms > publishedMs)).toEqual([])
    expect(canary.requests.length, 'no more requests').toBe(received)
    await eventually(() => canary.openCount).toBe(0)

    await pool.publish(snapshotOf(withCanary))
  }

  load.isOver = true
  await Promise.all(asking)
  expect(total('finished', CANARY)).toBe(canary.requests.length)
  expect(total('finished', STABLE) + total('finished', CANARY)).toBe(load.answered)
  expect(total('clientAborts', STABLE) + total('clientAborts', CANARY)).toBe(0)
})
