/**
 * Clients of HTTP/2 that send frames at random, mostly such as may be sent, and leave in the middle: the process lives, and
 * answers everybody else at once. Bugs of nghttp2's host have hung the thread here (`http2/stream.ts`, `breach.ts`).
 *
 * The seed is printed; FRAMES_SEED and FRAMES_COUNT make another or a longer run.
 */

import { connect, type Socket } from 'node:net'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { serve } from '../clients/servers.ts'
import { Random } from '../fuzz/random.ts'
import {
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  headers,
  PING,
  PREFACE,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  word,
} from '../hostile/frames.ts'
import { type House, startHouse } from './house.ts'

const SEED = Number(process.env['FRAMES_SEED'] ?? 20_261_121)
const CONNECTION_COUNT = Number(process.env['FRAMES_COUNT'] ?? 400)
/** Side by side. */
const CLIENT_COUNT = 8
/** What an answer may take on a busy machine; a thread that hangs takes for ever. */
const PATIENCE_MS = 5_000
const MIB = 1024 * 1024
const RESIDENT_LIMIT = 600 * MIB
const BIG = Buffer.alloc(300_000, 'x')

/** INITIAL_WINDOW_SIZE, HEADER_TABLE_SIZE, MAX_FRAME_SIZE. */
const WINDOW = 4
const TABLE = 1
const FRAME_SIZE = 5

function settings(pairs: readonly (readonly [number, number])[]): string {
  const payload = pairs.map(([id, value]) => `\0${String.fromCodePoint(id)}${word(value)}`)
  return frame(SETTINGS, { stream: 0 }, payload.join(''))
}

/** What one client has opened, and what is left to say on it. */
class Talk {
  readonly #random: Random
  readonly #open: number[] = []
  readonly #unfinished: number[] = []
  #next = 1

  constructor(random: Random) {
    this.#random = random
  }

  hello(): string {
    const random = this.#random
    const window = random.pick([0, 100, 65_535, 1_000_000, 1_000_000])
    const table = random.pick([0, 4_096, 100])
    return (
      PREFACE +
      settings([
        [WINDOW, window],
        [TABLE, table],
      ])
    )
  }

  frames(): string {
    const count = 1 + this.#random.below(6)
    return Array.from({ length: count }, () => this.#frame()).join('')
  }

  #frame(): string {
    const random = this.#random
    if (this.#open.length === 0) return this.#request()
    const stream = random.pick(this.#open)
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#request()
      case 4:
      case 5:
      case 6:
        return this.#content()
      case 7:
      case 8:
        this.#forget(stream)
        return frame(RST_STREAM, { stream }, word(random.pick([0, 1, 2, 5, 7, 8])))
      case 9:
      case 10:
        return frame(
          WINDOW_UPDATE,
          { stream: random.pick([0, stream]) },
          word(random.pick([1, 100, 65_535, 1_000_000])),
        )
      case 11:
        return settings([
          [random.pick([WINDOW, TABLE, FRAME_SIZE, 99]), random.pick([0, 100, 20_000])],
        ])
      case 12:
        return random.oneIn(2)
          ? frame(PING, { stream: 0 }, '12345678')
          : frame(PRIORITY, { stream }, `${word(0)}\x01`)
      default:
        return random.oneIn(20) ? frame(GOAWAY, { stream: 0 }, word(0) + word(0)) : this.#content()
    }
  }

  #request(): string {
    const random = this.#random
    const stream = this.#next
    this.#next += 2
    this.#open.push(stream)
    const isWhole = random.oneIn(3)
    if (!isWhole) this.#unfinished.push(stream)
    const path = random.pick(['/big', '/big', '/echo', '/early', '/hang', '/ok'])
    const fields = [
      [':method', isWhole ? 'GET' : 'POST'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'test'],
      ...(random.oneIn(10) ? [['content-type', 'application/grpc']] : []),
    ] as const
    return headers(
      stream,
      fields as readonly (readonly [string, string])[],
      isWhole ? END_STREAM : 0,
    )
  }

  #content(): string {
    const random = this.#random
    if (this.#unfinished.length === 0) return this.#request()
    const stream = random.pick(this.#unfinished)
    const flags = random.oneIn(3) ? END_STREAM : 0
    if (flags !== 0) this.#forget(stream)
    return frame(DATA, { stream, flags }, 'x'.repeat(random.below(random.pick([2, 10, 9_000]))))
  }

  #forget(stream: number): void {
    const index = this.#unfinished.indexOf(stream)
    if (index >= 0) this.#unfinished.splice(index, 1)
  }
}

/** One client, from its preface until it leaves in one of several ways. */
async function talk(port: number, index: number): Promise<void> {
  const random = new Random(SEED, index)
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined).resume()
  const said = new Talk(random)
  say(socket, said.hello())
  for (let turn = 1 + random.below(14); turn > 0 && !socket.destroyed; turn--) {
    say(socket, said.frames())
    if (random.oneIn(6)) socket.pause()
    else socket.resume()
    if (random.oneIn(3)) await setImmediate()
    else await sleep(random.below(8))
  }
  const way = random.below(4)
  if (way === 0) socket.destroy()
  else if (way === 1) socket.resetAndDestroy()
  else {
    socket.end()
    await sleep(random.below(60))
    socket.destroy()
  }
}

function say(socket: Socket, text: string): void {
  if (socket.writable) socket.write(text, 'latin1')
}

function upload(stream: number): string {
  return headers(stream, [
    [':method', 'PUT'],
    [':scheme', 'http'],
    [':path', '/big'],
    [':authority', 'test'],
  ])
}

/** Requests whose bodies are not whole, answers that wait for the session's window, a reset, more window, the end. */
async function leave(port: number, round: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => undefined).resume()
  say(socket, PREFACE + settings([[WINDOW, 1_000_000]]) + upload(1) + upload(3) + upload(5))
  await sleep(5 + (round % 4) * 5)
  say(socket, frame(RST_STREAM, { stream: 3 }, word(0)))
  say(socket, frame(DATA, { stream: 5 }, 'x'.repeat(8_569)))
  await sleep(round % 7)
  say(socket, upload(7) + frame(WINDOW_UPDATE, { stream: 0 }, word(65_535)))
  await sleep(round % 5)
  socket.end()
  await sleep(30)
  socket.destroy()
}

async function start() {
  const { port } = await serve((request, response) => {
    if (request.url === '/hang') return
    if (request.url === '/big') return void response.end(BIG)
    if (request.url === '/echo') return void request.pipe(response)
    if (request.url === '/early') return void response.end('early')
    request.resume().on('end', () => response.end('ok'))
  })
  return startHouse(
    { port },
    {
      listeners: '{ name: public, host: 127.0.0.1, port: 0, protocols: [http1, http2] }',
      proxyEntries: ['timeouts: { bodyStall: 1s, responseHead: 1s, head: 2s, idle: 2s }'],
    },
  )
}

/** Others are answered, and memory is bounded. */
async function expectWell(house: House, after: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${house.port}/ok`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  expect([after, await answer.text()]).toEqual([after, 'ok'])
  expect(house.residentBytes()).toBeLessThan(RESIDENT_LIMIT)
}

async function expectAllOver(house: House): Promise<void> {
  await expect.poll(() => house.metric('sluice_requests_active'), { timeout: 20_000 }).toBe(0)
  expect(house.sluice.stderr()).not.toMatch(/bug|replaced/i)
}

test('a client that leaves while its uploads are open and its answers wait', async () => {
  const house = await start()
  for (let round = 0; round < 60; round++) {
    await leave(house.port, round)
    await expectWell(house, `after round ${round}`)
  }
  await expectAllOver(house)
})

test(`frames at random, seed ${SEED}`, { timeout: 120_000 }, async () => {
  const house = await start()
  for (let index = 0; index < CONNECTION_COUNT; index += CLIENT_COUNT) {
    await Promise.all(Array.from({ length: CLIENT_COUNT }, (_, n) => talk(house.port, index + n)))
    await expectWell(house, `after connection ${index}`)
  }
  await expectAllOver(house)
})
