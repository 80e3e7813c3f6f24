/**
 * Peers that speak HTTP/2 in frames of any order: well formed each, and as a whole whatever chance makes of them. Requests
 * and answers begin, go on, end, are reset; windows are small or large; sessions end with and without a word.
 */

import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import {
  DATA,
  END_STREAM,
  frame,
  FrameReader,
  GOAWAY,
  HEADERS,
  headers,
  PREFACE,
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
const WINDOW_SIZES = [0, 1, 3, 10, 65_535, 1_000_000]
const LONGEST_BODY_BYTES = 3_000
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
    const window = this.is(0.3) ? `\0\x04${word(this.pick(WINDOW_SIZES))}` : ''
    return frame(SETTINGS, { stream: 0 }, window) + frame(SETTINGS, { stream: 0, flags: 1 })
  }

  data(stream: number, mayEnd: boolean): string {
    const flags = mayEnd && this.is(0.4) ? END_STREAM : 0
    return frame(DATA, { stream, flags }, 'x'.repeat(this.upTo(LONGEST_BODY_BYTES)))
  }

  reset(stream: number): string {
    return frame(RST_STREAM, { stream }, word(this.pick(CODES)))
  }

  room(stream: number): string {
    const size = word(1 + this.upTo(10_000))
    return frame(WINDOW_UPDATE, { stream }, size) + frame(WINDOW_UPDATE, { stream: 0 }, size)
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

/** Lives for as long as it likes, some hundredths of a second; resolves when its connection is closed. */
export async function playClient(port: number, random: Random): Promise<void> {
  const dice = new Dice(random)
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  if (dice.is(0.8)) socket.resume()
  send(socket, PREFACE + dice.settings())
  const streamCount = 1 + dice.upTo(MOST_STREAMS)
  const play = (stream: number): void => {
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
  const extra = [
    ...(dice.is(0.5) ? [['te', 'trailers'] as const] : []),
    ...(dice.is(0.2) ? [['content-type', 'application/grpc'] as const] : []),
  ]
  if (dice.is(0.3)) {
    send(socket, headers(stream, [...pseudo(), ...extra], END_STREAM))
  } else {
    send(socket, headers(stream, [...pseudo({ ':method': 'POST' }), ...extra]))
    if (dice.is(0.7)) soon(() => dice.data(stream, true))
    if (dice.is(0.5)) soon(() => headers(stream, [['x-sum', '1']], END_STREAM))
  }
  if (dice.is(0.4)) soon(() => dice.reset(stream))
  if (dice.is(0.3)) soon(() => dice.room(stream))
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

function send(socket: Socket, frames: string): void {
  if (socket.writable) socket.write(frames, 'latin1')
}
