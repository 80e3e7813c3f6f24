/**
 * Whatever clients and upstreams do to each other over HTTP/2, the process between them lives, answers everybody else at
 * once, and keeps nothing. Bugs of nghttp2's host have hung the thread here (`http2/stream.ts`, `breach.ts`).
 *
 * CHAOS_SEED and CHAOS_CLIENTS make another or a longer run.
 */

import { expect, test } from 'vitest'
import { type Received, startUpstream } from '../proxy/exchange/upstream.ts'
import { seededRandom } from '../sim/random.ts'
import { BIG, EARLY, ECHO, HANG, playClient, playLeaver, startChaos } from './frame-chaos.ts'
import { type House, startHouse } from './house.ts'

const SEED = Number(process.env['CHAOS_SEED'] ?? 1)
const CLIENT_COUNT = Number(process.env['CHAOS_CLIENTS'] ?? 1_000)
const LEAVER_COUNT = 60
const AT_ONCE = 16
/** Clients between two looks at whether others are answered. */
const LOOK_EVERY = 50
/** What an answer may take on a busy machine; a thread that hangs takes for ever. */
const PATIENCE_MS = 5_000
const RESIDENT_LIMIT = 600 * 1024 * 1024
const BODY = Buffer.alloc(300_000, 'x')

const BOTH = '{ name: public, host: 127.0.0.1, port: 0, protocols: [http1, http2] }'
const TIMEOUTS = 'timeouts: { bodyStall: 2s, responseHead: 2s, idle: 2s, upstreamIdle: 250ms }'
const GAUGES = [
  'sluice_requests_active',
  'sluice_downstream_connections',
  'sluice_upstream_connections',
]

test.for(['http1', 'http2'] as const)(
  `frames at random, upstreams over %s, seed ${SEED}`,
  { timeout: 120_000 },
  async (protocol) => {
    const random = seededRandom(SEED)
    const port = await (protocol === 'http2' ? startChaos(random) : startMoody(random))
    const house = await startHouse(
      { port, protocol },
      { listeners: BOTH, proxyEntries: [TIMEOUTS] },
    )
    let dueCount = CLIENT_COUNT
    const play = async (): Promise<void> => {
      while (dueCount-- > 0) {
        await playClient(house.port, random)
        if (dueCount % LOOK_EVERY === 0) await expectWell(house, `with ${dueCount} to come`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, play))
    await expectAllOver(house)
  },
)

test('a client that leaves while its uploads are open and its answers wait', async () => {
  const port = await startMoody(seededRandom(SEED))
  const house = await startHouse({ port }, { listeners: BOTH, proxyEntries: [TIMEOUTS] })
  for (let round = 0; round < LEAVER_COUNT; round++) {
    await playLeaver(house.port, round)
    await expectWell(house, `after round ${round}`)
  }
  await expectAllOver(house)
})

/** The thread answers, which it does here by itself, and memory is bounded. */
async function expectWell(house: House, when: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${house.port}/`, {
    method: 'OPTIONS',
    headers: { 'max-forwards': '0' },
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  expect([when, answer.status]).toEqual([when, 200])
  expect(house.residentBytes()).toBeLessThan(RESIDENT_LIMIT)
}

async function expectAllOver(house: House): Promise<void> {
  const left = () => Promise.all(GAUGES.map((gauge) => house.metric(gauge)))
  await expect.poll(left, { timeout: 30_000 }).toEqual(GAUGES.map(() => 0))
  expect(house.sluice.stderr()).not.toMatch(/bug|replaced/i)
}

/** Over HTTP/1.1: answers as the target says, or with trailers, whole, in pieces, or not to the end. Resolves with its port. */
async function startMoody(random: () => number): Promise<number> {
  const upstream = await startUpstream(async (received) => {
    const { target } = received
    if (target === HANG) return
    if (target === BIG) return received.answer(200, BODY)
    if (target === EARLY) return received.answer(200, 'early')
    if (target === ECHO) return received.answer(200, await received.whole)
    answerByChance(received, random)
  })
  return upstream.port
}

function answerByChance(received: Received, random: () => number): void {
  const turn = random()
  if (turn < 0.1) return received.reset()
  if (turn < 0.3) return received.answer(200, 'abc')
  received.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  const end = '0\r\nx-sum: 1\r\n\r\n'
  if (turn < 0.5) return received.send(end)
  if (turn < 0.6) return received.end()
  setTimeout(() => received.socket.writable && received.send(end), 6 * random())
}
