/** Whatever clients and upstreams do to each other over HTTP/2, the process between them lives, and keeps nothing. */

import { expect, test } from 'vitest'
import { startUpstream } from '../proxy/exchange/upstream.ts'
import { seededRandom } from '../sim/random.ts'
import { playClient, startChaos } from './frame-chaos.ts'
import { startHouse } from './house.ts'

const SEEDS = [1, 2]
const CLIENT_COUNT = 1_000
const AT_ONCE = 16
const BOTH = '{ name: public, host: 127.0.0.1, port: 0, protocols: [http1, http2] }'
const TIMEOUTS = 'timeouts: { bodyStall: 2s, responseHead: 2s, idle: 2s, upstreamIdle: 250ms }'

const GAUGES = [
  'sluice_requests_active',
  'sluice_downstream_connections',
  'sluice_upstream_connections',
]

const UPSTREAMS = ['http1', 'http2'] as const

test.for(UPSTREAMS.flatMap((protocol) => SEEDS.map((seed) => ({ protocol, seed }))))(
  'upstreams over $protocol, seed $seed',
  { timeout: 120_000 },
  async ({ protocol, seed }) => {
    const random = seededRandom(seed)
    const port = await (protocol === 'http2' ? startChaos(random) : startShort(random))
    const house = await startHouse(
      { port, protocol },
      { listeners: BOTH, proxyEntries: [TIMEOUTS] },
    )
    let dueCount = CLIENT_COUNT
    const play = async (): Promise<void> => {
      while (dueCount-- > 0) await playClient(house.port, random)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, play))
    const left = () => Promise.all(GAUGES.map((gauge) => house.metric(gauge)))
    await expect.poll(left, { timeout: 30_000 }).toEqual(GAUGES.map(() => 0))
    expect(house.sluice.stderr()).not.toMatch(/bug/)
  },
)

/** Over HTTP/1.1: answers with trailers, whole, in pieces, or not to the end. Resolves with its port. */
async function startShort(random: () => number): Promise<number> {
  const upstream = await startUpstream((received) => {
    const turn = random()
    if (turn < 0.1) return received.reset()
    if (turn < 0.3) return received.answer(200, 'abc')
    received.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    const end = '0\r\nx-sum: 1\r\n\r\n'
    if (turn < 0.5) return received.send(end)
    if (turn < 0.6) return received.end()
    setTimeout(() => received.socket.writable && received.send(end), 6 * random())
    return undefined
  })
  return upstream.port
}
