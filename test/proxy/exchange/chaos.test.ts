/**
 * Clients and upstreams that do what they like, many at once, while snapshots change under them: nobody gets
 * another's answer, nobody waits for ever, and in the end the books balance.
 */

import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { seededRandom } from '../../sim/random.ts'
import { type Client, connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { valueOf } from './message.ts'
import { chunked, randomBytes, randomSize, writePieces } from './pieces.ts'
import { CANARY, type Proxy, type Setup, STABLE, startProxy } from './proxy.ts'
import { BrokenOff } from './reader.ts'
import { type Received, startUpstream } from './upstream.ts'

const CLIENT_COUNT = 40
const REQUEST_COUNT = 12

/** What both ends make of a request's number: they agree on it without a word. */
interface Plan {
  readonly random: () => number
  readonly requestBody: Buffer
  readonly responseBody: Buffer
}

function planOf(target: string): Plan {
  const random = seededRandom(Number(target.slice(1)))
  return {
    random,
    requestBody: randomBytes(randomSize(100_000, random), random),
    responseBody: Buffer.concat([
      Buffer.from(target),
      randomBytes(randomSize(100_000, random), random),
    ]),
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

type Whim = (received: Received, plan: Plan) => unknown

function head(lines: string): string {
  return `HTTP/1.1 200 OK\r\n${lines}\r\n`
}

function whole(plan: Plan, lines = ''): Buffer {
  const { responseBody } = plan
  return Buffer.concat([
    Buffer.from(head(`${lines}content-length: ${responseBody.length}\r\n`)),
    responseBody,
  ])
}

const sendPieces = (received: Received, bytes: Buffer, plan: Plan): Promise<void> =>
  writePieces(received.socket, bytes, { cutCount: 5, random: plan.random })

const POISON = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison')

/** The good ones come more often. */
const WHIMS: readonly Whim[] = [
  (received, plan) => sendPieces(received, whole(plan), plan),
  (received, plan) => received.send(whole(plan)),
  (received, plan) => sendPieces(received, whole(plan), plan),
  (received, plan) => {
    const start = Buffer.from(head('transfer-encoding: chunked\r\n'))
    return sendPieces(
      received,
      Buffer.concat([start, chunked(plan.responseBody, plan.random)]),
      plan,
    )
  },
  async (received, plan) => {
    await sendPieces(received, Buffer.concat([Buffer.from(head('')), plan.responseBody]), plan)
    received.end()
  },
  async (received, plan) => {
    received.send('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')
    await turns(2)
    received.send(whole(plan))
  },
  async (received, plan) => {
    received.send(whole(plan, 'connection: close\r\n'))
    await turns(plan.random() * 3)
    received.end()
  },
  async (received, plan) => {
    received.send(whole(plan))
    await turns(plan.random() * 20)
    if (!received.isFollowed) received.end()
  },
  (received) => received.reset(),
  (received) => received.end(),
  (received) => received.socket.destroy(),
  (received, plan) => {
    received.send(whole(plan).subarray(0, -1))
    received.end()
  },
  async (received, plan) => {
    received.send(whole(plan).subarray(0, -1))
    await turns(3)
    received.reset()
  },
  (received) => {
    received.send('HTTP/1.1 200 O')
    received.reset()
  },
  (received) => received.send('220 smtp.example ESMTP\r\n'),
  // In one read with the answer: what comes later may meet the next request, and then nobody can tell.
  (received, plan) =>
    received.send(
      plan.responseBody.length < 10_000 ? Buffer.concat([whole(plan), POISON]) : whole(plan),
    ),
]

/** Does as the request's number says; some do not wait for its body. */
async function doAsPlanned(received: Received): Promise<void> {
  const plan = planOf(received.target)
  const whim = WHIMS[Math.floor(plan.random() * WHIMS.length)]!
  if (plan.random() < 0.8) await received.whole
  await whim(received, plan)
  await Promise.race([received.whole, received.gone()])
  if (!received.isWhole || received.method !== 'POST') return
  expect((await received.whole).equals(plan.requestBody)).toBe(true)
}

interface Score {
  answered: number
  failed: number
  broken: number
  left: number
}

async function playClient(proxy: Proxy, seed: number, score: Score): Promise<void> {
  const random = seededRandom(seed)
  let client = await connectClient(proxy.port)
  for (let i = 0; i < REQUEST_COUNT; i++) {
    const targets = Array.from(
      { length: random() < 0.2 ? 3 : 1 },
      (_, k) => `/${seed * 1_000 + i * 10 + k}`,
    )
    const sending = sendRequests(client, targets, random)
    if (random() < 0.1) {
      await turns(random() * 20)
      if (random() < 0.5) client.reset()
      else client.end()
      score.left++
      await client.reader.end()
      client = await connectClient(proxy.port)
      continue
    }
    const goesOn = await readAnswers(client, targets, score)
    await sending
    if (goesOn) continue
    client.end()
    client = await connectClient(proxy.port)
  }
  client.end()
  await client.reader.end()
}

async function sendRequests(
  client: Client,
  targets: readonly string[],
  random: () => number,
): Promise<void> {
  const parts = targets.map((target) => {
    const { requestBody } = planOf(target)
    const kind = random()
    if (kind < 0.5) return Buffer.from(`GET ${target} HTTP/1.1\r\nHost: test\r\n\r\n`)
    const start = `POST ${target} HTTP/1.1\r\nHost: test\r\n`
    return kind < 0.75
      ? Buffer.concat([
          Buffer.from(`${start}Content-Length: ${requestBody.length}\r\n\r\n`),
          requestBody,
        ])
      : Buffer.concat([
          Buffer.from(`${start}Transfer-Encoding: chunked\r\n\r\n`),
          chunked(requestBody, random),
        ])
  })
  await writePieces(client.socket, Buffer.concat(parts), { cutCount: 6, random })
}

/** Returns whether the connection goes on. */
async function readAnswers(
  client: Client,
  targets: readonly string[],
  score: Score,
): Promise<boolean> {
  for (const target of targets) {
    try {
      const answer = await client.answer()
      if (answer.status === 200) {
        expect(answer.body.equals(planOf(target).responseBody)).toBe(true)
        score.answered++
      } else {
        expect([500, 502, 503]).toContain(answer.status)
        score.failed++
      }
      if (valueOf(answer, 'connection') === 'close') return false
    } catch (error) {
      expect(error).toBeInstanceOf(BrokenOff)
      score.broken++
      return false
    }
  }
  return true
}

async function changeSnapshots(proxy: Proxy, setups: readonly Setup[], until: Promise<unknown>) {
  const state = { isOver: false }
  const end = (): void => {
    state.isOver = true
  }
  until.then(end, end)
  for (let i = 0; !state.isOver; i++) {
    proxy.use(setups[i % setups.length]!)
    await turns(30)
  }
}

test.for([1, 2, 3])('seed %i', { timeout: 60_000 }, async (seed) => {
  const stable = await startUpstream(doAsPlanned)
  const canary = await startUpstream(doAsPlanned)
  const limits = { bufferBytes: 32 * 1024 }
  const canaryAt = (weightBp: number) => ({ endpoints: [canary.port, stable.port], weightBp })
  const setups: Setup[] = [
    { stable: [stable.port], canary: canaryAt(5_000), limits },
    { stable: [stable.port], limits },
    { stable: [stable.port, canary.port], canary: canaryAt(0), limits },
    { stable: [canary.port], canary: canaryAt(9_000), limits },
  ]
  const proxy = await startProxy(setups[0]!, seededRandom(seed))
  const score: Score = { answered: 0, failed: 0, broken: 0, left: 0 }
  const playing = Promise.all(
    Array.from({ length: CLIENT_COUNT }, (_, i) => playClient(proxy, seed * 100 + i, score)),
  )
  await Promise.all([playing, changeSnapshots(proxy, setups, playing)])

  expect(score.answered).toBeGreaterThan(200)
  expect(Math.min(score.failed, score.broken, score.left)).toBeGreaterThan(10)
  await eventually(() => proxy.thread('closed')).toBe(proxy.thread('accepted'))
  const [one, two] = [proxy.counted(STABLE), proxy.counted(CANARY)]
  expect(one.finished + two.finished).toBe(one.started + two.started)
  proxy.use({ stable: [] })
  await eventually(() => proxy.thread('upstreamClosed')).toBe(proxy.thread('upstreamOpened'))
})
