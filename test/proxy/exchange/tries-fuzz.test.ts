/**
 * Clients over HTTP/1.1 and HTTP/2, and a canary that fails in every way there is: whatever may be asked twice is answered 200,
 * with its own answer, and in the end nothing is on its way.
 *
 * TRIES_SEED makes another run. What a request is, and what the canary does to it, follows from the number in its target.
 */

import { connect } from 'node:http2'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../../../bench/load/children.ts'
import { seededRandom } from '../../sim/random.ts'
import { answerOf, Http2Client } from '../http2/proxy.ts'
import { type Client, connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { valueOf } from './message.ts'
import { chunked, randomBytes, randomSize, writePieces } from './pieces.ts'
import { CANARY, type Proxy, STABLE, startProxy } from './proxy.ts'
import { BrokenOff } from './reader.ts'
import { type Received, type Script, startUpstream } from './upstream.ts'

const [NOBODY = 0] = await freePorts(1)

const FIRST_SEED = Number(process.env['TRIES_SEED'] ?? 1)
const HTTP1_CLIENTS = 4
const HTTP1_REQUESTS = 100
const STREAMS = 20
const ROUNDS = 10

const METHODS = ['GET', 'GET', 'HEAD', 'PUT', 'PUT', 'POST'] as const

/** One request, as both ends know it. */
interface Ask {
  readonly target: string
  readonly method: string
  readonly body: Buffer
  readonly whim: Script
  /** For how it is sent. */
  readonly random: () => number
}

function askOf(target: string): Ask {
  const random = seededRandom(Number(target.slice(1)))
  const method = pick(METHODS, random)
  const size = method === 'PUT' || method === 'POST' ? randomSize(50_000, random) : 0
  return { target, method, body: randomBytes(size, random), whim: pick(WHIMS, random), random }
}

function pick<T>(among: readonly T[], random: () => number): T {
  return among[Math.floor(random() * among.length)]!
}

/** What the request was, once it is whole. */
async function echo(received: Received): Promise<void> {
  const body = Buffer.concat([Buffer.from(received.target), await received.whole])
  say(received, 200, body)
}

function say(received: Received, status: number, body: string | Buffer): void {
  received.answer(status, received.method === 'HEAD' ? '' : body)
}

const WHIMS: readonly Script[] = [
  echo,
  echo,
  async (received) => {
    await setTimeout(20)
    await echo(received)
  },
  async (received) => {
    await received.whole
    received.send('HTTP/1.1 100 Continue\r\n\r\n')
    await echo(received)
  },
  (received) => received.reset(),
  async (received) => {
    await received.whole
    received.reset()
  },
  (received) => say(received, 500, 'no'),
  async (received) => {
    await received.whole
    say(received, 503, Buffer.alloc(100_000))
  },
  (received) => {
    received.send('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')
    say(received, 503, 'not now')
  },
  (received) => {
    // A POST would wait for the end.
    if (received.method === 'POST') return received.reset()
    received.send('HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
  },
  async (received) => {
    await received.whole
    received.send('HTTP/1.1 500 X\r\n\r\n')
    received.end()
  },
  (received) => {
    received.send('HTTP/1.1 200 O')
    received.end()
  },
  (received) => received.send('SSH-2.0-x\r\n\r\n'),
]

function expectAnswer(ask: Ask, answer: { readonly status: number; readonly body: Buffer }): void {
  // A POST stays where it was sent.
  if (ask.method !== 'POST') expect([ask.target, answer.status]).toEqual([ask.target, 200])
  if (answer.status !== 200 || ask.method === 'HEAD') return
  expect(answer.body.equals(Buffer.concat([Buffer.from(ask.target), ask.body]))).toBe(true)
}

/** Up to three requests at a time on one connection. */
async function playHttp1(proxy: Proxy, firstNumber: number): Promise<void> {
  const random = seededRandom(firstNumber)
  let client = await connectClient(proxy.port)
  for (let i = 0; i < HTTP1_REQUESTS;) {
    const count = random() < 0.2 ? 3 : 1
    const asks = Array.from({ length: count }, (_, k) => askOf(`/${firstNumber + i + k}`))
    i += count
    const sending = writePieces(client.socket, Buffer.concat(asks.map(rawOf)), {
      cutCount: 4,
      random,
    })
    const goesOn = await readAnswers(client, asks)
    await sending
    if (goesOn) continue
    client.end()
    client = await connectClient(proxy.port)
  }
  client.end()
}

function rawOf({ target, method, body, random }: Ask): Buffer {
  const start = `${method} ${target} HTTP/1.1\r\nHost: test\r\n`
  if (method === 'GET' || method === 'HEAD') return Buffer.from(`${start}\r\n`)
  return random() < 0.5
    ? Buffer.concat([Buffer.from(`${start}Content-Length: ${body.length}\r\n\r\n`), body])
    : Buffer.concat([
        Buffer.from(`${start}Transfer-Encoding: chunked\r\n\r\n`),
        chunked(body, random),
      ])
}

/** Returns whether the connection goes on. */
async function readAnswers(client: Client, asks: readonly Ask[]): Promise<boolean> {
  for (const ask of asks) {
    try {
      const answer = await client.answer(ask.method)
      expectAnswer(ask, answer)
      if (valueOf(answer, 'connection') === 'close') return false
    } catch (error) {
      if (ask.method !== 'POST' || !(error instanceof BrokenOff)) throw error
      return false
    }
  }
  return true
}

/** Many streams at a time in one session. */
async function playHttp2(proxy: Proxy, firstNumber: number): Promise<void> {
  const session = connect(`http://127.0.0.1:${proxy.port}`)
  onTestFinished(() => session.destroy())
  const client = new Http2Client(session)
  for (let round = 0; round < ROUNDS; round++) {
    const numbers = Array.from({ length: STREAMS }, (_, i) => firstNumber + round * STREAMS + i)
    await Promise.all(numbers.map((number) => playStream(client, askOf(`/${number}`))))
  }
}

async function playStream(client: Http2Client, ask: Ask): Promise<void> {
  const { target, method, body, random } = ask
  const stream = client.open({ ':method': method, ':path': target }, false)
  const answering = answerOf(stream)
  const cut = Math.floor(random() * body.length)
  for (const piece of [body.subarray(0, cut), body.subarray(cut)]) {
    for (let turn = Math.floor(random() * 20); turn > 0; turn--) await setImmediate()
    if (piece.length > 0 && !stream.destroyed) stream.write(piece)
  }
  stream.end()
  const answer = await answering
  if (method !== 'POST') expect([target, answer.resetCode]).toEqual([target, 0])
  expectAnswer(ask, { status: answer.status, body: Buffer.from(answer.body, 'latin1') })
}

test.for([
  [FIRST_SEED, null],
  [FIRST_SEED + 1, 5],
  [FIRST_SEED + 2, 1],
] as const)('seed %i, a second try after %s ms', async ([seed, hedgeMs]) => {
  const stables = [dyingKept(hedgeMs === null), dyingKept(hedgeMs === null)]
  const scripts: Script[] = [...stables, askCanary, askCanary]
  const upstreams = await Promise.all(scripts.map((script) => startUpstream(script)))
  const ports = upstreams.map(({ port }) => port)
  const proxy = await startProxy(
    {
      stable: ports.slice(0, 2),
      canary: { endpoints: [...ports.slice(2), NOBODY], weightBp: 5_000 },
      listener: { protocols: { http1: true, http2: true } },
      route: {
        fallback: true,
        hedgeMs,
        retry: { attempts: 1, statuses: [502, 503, 504], methods: null, perTryMs: null },
        settlement: { name: 'all/1', ageMs: 4_000, units: null },
      },
    },
    seededRandom(seed),
  )
  const firstNumber = seed * 10_000
  const playing = Array.from({ length: HTTP1_CLIENTS }, (_, i) =>
    playHttp1(proxy, firstNumber + i * 1_000),
  )
  await Promise.all([...playing, playHttp2(proxy, firstNumber + 9_000)])

  const [stable, canary] = [STABLE, CANARY].map((series) => () => proxy.counted(series))
  await eventually(() => [stable!(), canary!()].map((c) => c.started - c.finished)).toEqual([0, 0])
  expect(stable!()).toMatchObject({ errors: 0, failures: {} })
  expect(canary!().rescues).toBe(canary!().fallbacks)
  expect(canary!().rescues).toBeGreaterThan(30)
  if (hedgeMs !== null) expect(canary!().hedges).toBeGreaterThan(0)
  proxy.use({ stable: [] })
  await eventually(() => proxy.thread('upstreamClosed')).toBe(proxy.thread('upstreamOpened'))
})

/** Stable is well, but for connections that die with their second request, where they may. */
function dyingKept(mayDie: boolean): Script {
  const seen = new Set<number>()
  return (received) => {
    const { connection, method } = received
    if (mayDie && method !== 'POST' && seen.has(connection)) return received.reset()
    seen.add(connection)
    return echo(received)
  }
}

function askCanary(received: Received): unknown {
  return askOf(received.target).whim(received)
}
