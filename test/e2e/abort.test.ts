/** Abort always wins: when the publication without canary is over, no new request reaches the canary. */

import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { valueOf } from '../proxy/exchange/message.ts'
import { CANARY, snapshotOf, STABLE } from '../proxy/exchange/proxy.ts'
import { startUpstream, type Upstream } from '../proxy/exchange/upstream.ts'
import { startPool } from './thread-pool.ts'

const CONNECTION_COUNT = 64
const ROUND_COUNT = 5

/** Asks again and again until the test ends, every now and then over a new connection; each request bears its time. */
async function keepAsking(
  port: number,
  state: { answered: number; isOver: boolean },
): Promise<void> {
  while (!state.isOver) {
    // oxlint-disable-next-line no-await-in-loop
    const client = await connectClient(port)
    for (let i = 0; i < 50 && !state.isOver; i++) {
      // oxlint-disable-next-line no-await-in-loop
      await ask(client)
      state.answered++
    }
    client.end()
  }
}

async function ask(client: Client): Promise<void> {
  const answer = await client.get('/', `X-Sent-Ms: ${performance.now()}\r\n`)
  expect(answer.status).toBe(200)
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
  const state = { answered: 0, isOver: false }
  onTestFinished(() => {
    state.isOver = true
  })
  const asking = Array.from({ length: CONNECTION_COUNT }, () => keepAsking(port, state))
  const answered = (count: number): Promise<void> => {
    const until = state.answered + count
    return eventually(() => state.answered).toBeGreaterThan(until)
  }

  for (let round = 0; round < ROUND_COUNT; round++) {
    const before = canary.requests.length
    // oxlint-disable-next-line no-await-in-loop
    await answered(500)
    expect(canary.requests.length - before, 'the canary is in use').toBeGreaterThan(100)

    // oxlint-disable-next-line no-await-in-loop
    await pool.publish(snapshotOf({ stable: [stable.port] }))
    const publishedMs = performance.now()
    // What was on its way is answered when each connection has been answered once more.
    // oxlint-disable-next-line no-await-in-loop
    await answered(CONNECTION_COUNT * 4)
    const received = canary.requests.length
    // oxlint-disable-next-line no-await-in-loop
    await answered(500)
    expect(canary.requests.length, 'no more requests').toBe(received)
    expect(sentTimes(canary).filter((ms) => ms > publishedMs)).toEqual([])
    expect(canary.openCount).toBe(0)

    // oxlint-disable-next-line no-await-in-loop
    await pool.publish(snapshotOf(withCanary))
  }

  state.isOver = true
  await Promise.all(asking)
  expect(total('finished', CANARY)).toBe(canary.requests.length)
  expect(total('finished', STABLE) + total('finished', CANARY)).toBe(state.answered)
  expect(total('clientAborts', STABLE) + total('clientAborts', CANARY)).toBe(0)
})
