/**
 * Peers that speak HTTP/2 in frames of any order: well formed each, and as a whole whatever chance makes of them. Requests
 * and answers begin, go on, end, are reset; windows are small or large; sessions end with and without a word.
 */

import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import {
  ACK,
  DATA,
  END_STREAM,
  frame,
  FrameReader,
  GOAWAY,
  HEADERS,
  headers,
  PING,
  PREFACE,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  word,
} from '../hostile/frames.ts'
import { pseudo } from '../hostile/http2/build.ts'
import { listen } from '../proxy/upstream/servers.ts'

export type Random = () => number

/** Of resets and GOAWAYs, by RFC 9113 section 7; CANCEL is the most common one. */
const CODES = [0, 1, 2, 3, 5, 7, 8, 8, 8, 11]
const WINDOW_SIZES = [0, 1, 10, 100, 65_535, 1_000_000, 1_000_000]
/** Identifiers of settings. */
const INITIAL_WINDOW_SIZE = 4
const HEADER_TABLE_SIZE = 1
const MAX_FRAME_SIZE = 5
const UNKNOWN_SETTING = 99
/** What upstreams over HTTP/1.1 answer to: with a long body, with what they got, at once, never, by chance. */
export const [BIG, ECHO, EARLY, HANG, ANY] = ['/big', '/echo', '/early', '/hang', '/any'] as const
const PATHS = [BIG, BIG, BIG, BIG, BIG, BIG, ECHO, EARLY, HANG, ANY, ANY, ANY]
const LONGEST_BODY_BYTES = 9_000
const MOST_STREAMS = 40
const LATEST_MS = 6

const ANSWER = [[':status', '200']] as const
const TRAILERS = [
  ['grpc-status', '0'],
  ['x-sum', '1'],
] as const

/** Chance, and when things happen by it. */
class Dice {
  readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  is(probability: number): boolean {
    return this.random() < probability
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)]!
  }

  upTo(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  /** Now, in this turn of the event loop, in the next one, or in a moment. */
  soon(act: () => void): void {
    const turn = this.random()
    if (turn < 0.3) act()
    else if (turn < 0.4) process.nextTick(act)
    else if (turn < 0.7) setImmediate(act)
    else setTimeout(act, this.upTo(LATEST_MS))
  }

  settings(): string {
    const window = this.is(0.6) ? [INITIAL_WINDOW_SIZE, this.pick(WINDOW_SIZES)] : []
    const table = this.is(0.3) ? [HEADER_TABLE_SIZE, this.pick([0, 100])] : []
    return settings(window) + settings(table) + frame(SETTINGS, { stream: 0, flags: ACK })
  }

  /** Other settings, a ping, a priority: what belongs to no request. */
  aside(stream: number): string {
    const turn = this.random()
    if (turn < 0.1) return frame(PING, { stream: 0 }, '12345678')
    if (turn < 0.2) return frame(PRIORITY, { stream }, `${word(0)}\x01`)
    if (turn < 0.3) return settings([HEADER_TABLE_SIZE, this.pick([0, 100, 4_096])])
    if (turn < 0.35) return settings([MAX_FRAME_SIZE, this.pick([16_384, 20_000])])
    if (turn < 0.4) return settings([UNKNOWN_SETTING, 1])
    if (turn < 0.8) return frame(WINDOW_UPDATE, { stream: 0 }, this.size())
    return settings([INITIAL_WINDOW_SIZE, this.pick(WINDOW_SIZES)])
  }

  /** What is sent from now on leaves together, soon. */
  gather(socket: Socket): void {
    socket.cork()
    this.soon(() => socket.uncork())
  }

  /** Reads no more for a moment. */
  rest(socket: Socket): void {
    socket.pause()
    setTimeout(() => socket.resume(), this.upTo(LATEST_MS))
  }

  data(stream: number, mayEnd: boolean): string {
    const flags = mayEnd && this.is(0.4) ? END_STREAM : 0
    return frame(DATA, { stream, flags }, 'x'.repeat(this.upTo(LONGEST_BODY_BYTES)))
  }

  reset(stream: number): string {
    return frame(RST_STREAM, { stream }, word(this.pick(CODES)))
  }

  room(stream: number): string {
    const size = this.size()
    return frame(WINDOW_UPDATE, { stream }, size) + frame(WINDOW_UPDATE, { stream: 0 }, size)
  }

  size(): string {
    return word(this.pick([1, 100, 10_000, 65_535, 1_000_000]))
  }

  goaway(lastStream: number): string {
    return frame(GOAWAY, { stream: 0 }, word(lastStream) + word(this.pick(CODES)))
  }

  leave(socket: Socket): void {
    const turn = this.random()
    if (turn < 0.4) socket.destroy()
    else if (turn < 0.7) socket.resetAndDestroy()
    else socket.resume().end()
  }
}

/** Identifier and value. */
function settings([id, value]: readonly number[]): string {
  if (id === undefined || value === undefined) return ''
  return frame(SETTINGS, { stream: 0 }, `\0${String.fromCodePoint(id)}${word(value)}`)
}

/** Lives for as long as it likes, some hundredths of a second; resolves when its connection is closed. */
export async function playClient(port: number, random: Random): Promise<void> {
  const dice = new Dice(random)
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  onTestFinished(() => void socket.destroy())
  const { promise, resolve } = Promise.withResolvers<void>()
  // A reset in the tick of an end fails, and then there is no `close` (Node 26.10).
  socket.on('error', () => resolve()).once('close', () => resolve())
  if (dice.is(0.8)) socket.resume()
  send(socket, PREFACE + dice.settings())
  const streamCount = 1 + dice.upTo(MOST_STREAMS)
  const play = (stream: number): void => {
    if (dice.is(0.5)) dice.gather(socket)
    playRequest(socket, dice, stream)
    if (stream < 2 * streamCount) return dice.soon(() => play(stream + 2))
    setTimeout(() => dice.leave(socket), dice.upTo(20))
    // A FIN may be answered late: what was asked goes on.
    setTimeout(() => socket.destroy(), 300)
  }
  play(1)
  return promise
}

function playRequest(socket: Socket, dice: Dice, stream: number): void {
  const soon = (make: () => string): void => dice.soon(() => send(socket, make()))
  const path = { ':path': dice.pick(PATHS) }
  const extra = [
    ...(dice.is(0.5) ? [['te', 'trailers'] as const] : []),
    ...(dice.is(0.2) ? [['content-type', 'application/grpc'] as const] : []),
  ]
  if (dice.is(0.3)) {
    send(socket, headers(stream, [...pseudo(path), ...extra], END_STREAM))
  } else {
    send(socket, headers(stream, [...pseudo({ ...path, ':method': 'POST' }), ...extra]))
    if (dice.is(0.7)) soon(() => dice.data(stream, true))
    if (dice.is(0.5)) soon(() => headers(stream, [['x-sum', '1']], END_STREAM))
  }
  if (dice.is(0.4)) soon(() => dice.reset(stream))
  if (dice.is(0.3)) soon(() => dice.room(stream))
  if (dice.is(0.4)) soon(() => dice.aside(stream))
  if (dice.is(0.1)) dice.rest(socket)
  if (dice.is(0.05)) send(socket, dice.goaway(0))
}

/** Starts an upstream; resolves with its port. */
export async function startChaos(random: Random): Promise<number> {
  const dice = new Dice(random)
  return await listen(createServer({ noDelay: true }, (socket) => playServer(socket, dice)))
}

function playServer(socket: Socket, dice: Dice): void {
  const reader = new FrameReader()
  const begun = new Set<number>()
  const over = new Set<number>()
  let skip = PREFACE.length
  send(socket, dice.settings())
  socket.on('data', (bytes: Buffer) => {
    const rest = bytes.subarray(Math.min(skip, bytes.length))
    skip -= bytes.length - rest.length
    for (const { type, stream } of reader.read(rest)) {
      if (type !== HEADERS && type !== DATA) continue
      for (let n = dice.upTo(3); n >= 0; n--) {
        dice.soon(() => playAnswer(socket, dice, { stream, begun, over }))
      }
    }
  })
}

interface Answering {
  readonly stream: number
  /** Streams with a head, and those that have ended. */
  readonly begun: Set<number>
  readonly over: Set<number>
}

/** One more step of an answer. */
function playAnswer(socket: Socket, dice: Dice, { stream, begun, over }: Answering): void {
  if (over.has(stream)) return
  const turn = dice.random()
  if (turn < 0.02) return dice.leave(socket)
  if (turn < 0.05) return send(socket, dice.goaway(Math.max(0, stream - dice.pick([0, 2, 4]))))
  if (turn < 0.1) return send(socket, dice.room(stream))
  if (turn < 0.2) {
    over.add(stream)
    return send(socket, dice.reset(stream))
  }
  if (!begun.has(stream)) {
    begun.add(stream)
    return send(socket, headers(stream, ANSWER))
  }
  if (turn < 0.6) return send(socket, dice.data(stream, false))
  over.add(stream)
  const ends = [headers(stream, TRAILERS, END_STREAM), frame(DATA, { stream, flags: END_STREAM })]
  send(socket, dice.pick(ends) + (dice.is(0.2) ? dice.reset(stream) : ''))
}

function upload(stream: number): string {
  return headers(stream, pseudo({ ':method': 'PUT', ':path': BIG }))
}

/** Requests whose bodies are not whole, answers that wait for the session's window, a reset, more window, the end. */
export async function playLeaver(port: number, round: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => undefined).resume()
  send(socket, PREFACE + settings([INITIAL_WINDOW_SIZE, 1_000_000]))
  send(socket, upload(1) + upload(3) + upload(5))
  await sleep(5 + (round % 4) * 5)
  send(socket, frame(RST_STREAM, { stream: 3 }, word(0)))
  send(socket, frame(DATA, { stream: 5 }, 'x'.repeat(8_569)))
  await sleep(round % 7)
  send(socket, upload(7) + frame(WINDOW_UPDATE, { stream: 0 }, word(65_535)))
  await sleep(round % 5)
  socket.end()
  await sleep(30)
  socket.destroy()
}

function send(socket: Socket, frames: string): void {
  if (socket.writable) socket.write(frames, 'latin1')
}
