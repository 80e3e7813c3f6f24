/**
 * Clients that take their time, come in crowds or leave early: the `timing` cases. The proxy's clock is put forward,
 * so that an hour passes in no time, and what is due when can be told exactly.
 */

import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { eventually } from '../proxy/exchange/eventually.ts'
import { valuesOf } from '../proxy/exchange/message.ts'
import { readAnswers } from './answers.ts'
import { type HostileCase, readCases } from './cases.ts'
import { Answers, END_STREAM, frame, FrameReader, headers, PREFACE } from './frames.ts'
import { drip, GRAIN_MS, Scene, SETTINGS } from './scene.ts'

const FLOOD_COUNT = 2_000

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const CASES = readCases('cases.json').filter(({ side }) => side === 'timing')

/** 408 or nothing, as far as that was written before the client went on. */
function expectTimedOut(client: Client): void {
  const isEnded = client.reader.ending === 'ended'
  const { statuses } = readAnswers(client.reader.unread, { method: 'GET', isEnded })
  expect([[], [408]]).toContainEqual(statuses)
}

/** What `closedWithin` is in milliseconds. */
function closedWithinMs(one: HostileCase): number {
  const { headMs } = SETTINGS.timeouts
  const words: Record<string, number> = { headersTimeout: headMs, checkInterval: GRAIN_MS }
  const terms = one.assert!.closedWithin!.split(' + ')
  return terms.reduce((sum, term) => sum + words[term]!, 0)
}

const EXPECTATIONS: Readonly<Record<string, (one: HostileCase) => Promise<void>>> = {
  async 'slowloris-headers'(one) {
    const scene = await Scene.prepare((received) => received.send(OK))
    const client = await connectClient(scene.port())
    client.send(one.raw)
    const step = { ms: 5_000, between: drip(client), patienceMs: 60_000 }
    expect(await scene.untilGone(client, step)).toBeLessThanOrEqual(closedWithinMs(one))
    expectTimedOut(client)
    expect(await scene.recorder.entries()).toEqual([])
  },

  async 'slowloris-no-bytes'(one) {
    const scene = await Scene.prepare((received) => received.send(OK))
    const client = await connectClient(scene.port())
    const step = { ms: 1_000, patienceMs: 120_000 }
    expect(await scene.untilGone(client, step)).toBeLessThanOrEqual(closedWithinMs(one))
    expect(client.reader.unread).toBe('')
  },

  async 'slow-body-rudy'(one) {
    const scene = await Scene.prepare(async (received) => {
      await received.whole
      received.send(OK)
    })
    const client = await connectClient(scene.port())
    client.send(one.raw)
    const step = { ms: 10_000, between: drip(client), patienceMs: 600_000 }
    expect(await scene.untilGone(client, step)).toBeLessThanOrEqual(60_000)
    expectTimedOut(client)
    for (const { isWhole } of await scene.recorder.entries()) expect(isWhole).toBe(false)
    await eventually(async () => (await scene.counts()).finished).toBe(1)
  },

  async 'slow-read'(one) {
    const body = Buffer.alloc(64 * 1024 * 1024, 'x')
    const scene = await Scene.prepare((received) => received.answer(200, body))
    const client = await connectClient(scene.port())
    client.reader.hold()
    client.send(one.raw)
    await eventually(async () => (await scene.counts()).started).toBe(1)
    // A held client does not see the end; the proxy counts its connections.
    const isGone = async (): Promise<boolean> => (await scene.openCount()) === 0
    expect(await scene.until(isGone, { ms: 10_000, patienceMs: 120_000 })).toBeLessThan(Infinity)
  },

  async 'keepalive-idle'(one) {
    const scene = await Scene.prepare((received) => received.send(OK))
    const client = await connectClient(scene.port())
    client.send(one.raw)
    expect((await client.answer()).status).toBe(200)
    const { idleMs } = SETTINGS.timeouts
    const passedMs = await scene.untilGone(client, { ms: 5_000, patienceMs: 300_000 })
    expect(passedMs).toBeGreaterThanOrEqual(idleMs - 5_000)
    expect(passedMs).toBeLessThanOrEqual(idleMs + 5_000)
    expect(client.reader.unread).toBe('')
  },

  async 'idle-conn-flood'() {
    const scene = await Scene.prepare((received) => received.send(OK))
    const sockets: Socket[] = []
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()))
    for (let index = 0; index < FLOOD_COUNT; index++) {
      const socket = connect({ port: scene.port(), host: '127.0.0.1' })
      socket.on('error', () => {})
      sockets.push(socket)
      if (index % 100 === 99) await Promise.all(sockets.slice(-100).map(connected))
    }
    await eventually(() => sockets.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(400)
    const { openCount } = await scene.proxy.ask({ type: 'ping' })
    expect(openCount).toBe(400)
    // Somebody else is served meanwhile.
    const other = connect({ port: scene.port(), host: '127.0.0.1', localAddress: '127.0.0.2' })
    onTestFinished(() => void other.destroy())
    other.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
    const [answer] = await once(other, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
    // And nobody's place is his for ever.
    const isFree = async (): Promise<boolean> => (await scene.openCount()) <= 1
    expect(await scene.until(isFree, { ms: 5_000, patienceMs: 80_000 })).toBeLessThan(Infinity)
  },

  async 'drain-inflight'(one) {
    const waiting: (() => void)[] = []
    const scene = await Scene.prepare((received) => {
      if (received.target !== '/slow') return received.send(OK)
      waiting.push(() => received.send(OK))
    })
    const [idle, busy, http2] = [
      await connectClient(scene.port()),
      await connectClient(scene.port()),
      await connectClient(scene.port('both')),
    ]
    expect((await idle.get('/')).status).toBe(200)
    busy.send(one.raw)
    const fields: [string, string][] = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/slow'],
      [':authority', 'a.example'],
    ]
    const ack = frame(4, { stream: 0, flags: 1 })
    http2.send(PREFACE + frame(4, { stream: 0 }) + ack + headers(1, fields, END_STREAM))
    await eventually(() => waiting.length).toBe(2)
    await scene.proxy.ask({ type: 'drain', timeoutMs: 20_000 })
    expect(await idle.reader.end()).toBe('ended')
    idle.end()
    await expect(connectClient(scene.port())).rejects.toThrow('ECONNREFUSED')
    expect((await scene.proxy.ask({ type: 'ping' })).isDrained).toBe(false)
    await scene.proxy.ask({ type: 'advance', byMs: 2_000 })
    for (const answer of waiting) answer()
    const answer = await busy.answer()
    expect([answer.status, valuesOf(answer, 'connection')]).toEqual([200, ['close']])
    expect(await busy.reader.end()).toBe('ended')
    busy.end()
    await http2.reader.end()
    const answers = new Answers()
    for (const each of new FrameReader().read(Buffer.from(http2.reader.unread, 'latin1'))) {
      answers.add(each)
    }
    // First that streams on their way are served, then which was the last.
    expect(new Set(answers.goaways)).toEqual(new Set(['NO_ERROR']))
    expect(answers.lastStreams.slice(0, 2)).toEqual([2 ** 31 - 1, 1])
    expect(answers.streams.get(1)).toMatchObject({ body: 'ok', isEnded: true, reset: null })
    http2.end()
    await eventually(async () => (await scene.proxy.ask({ type: 'ping' })).isDrained).toBe(true)
  },

  async 'client-disconnect-mid-request'(one) {
    const scene = await Scene.prepare(() => {})
    const client = await connectClient(scene.port())
    client.send(one.raw)
    await eventually(async () => (await scene.recorder.entries()).length).toBe(1)
    client.reset()
    await eventually(() => scene.recorder.openCount).toBe(0)
    await eventually(() => scene.counts()).toEqual({
      started: 1,
      finished: 1,
      errors: 0,
      clientAborts: 1,
      upstreamFailures: 0,
    })
  },
}

/** Resolves when the socket is connected or has failed to. */
function connected(socket: Socket): Promise<unknown> {
  if (!socket.connecting) return Promise.resolve()
  return Promise.race([once(socket, 'connect'), once(socket, 'close')])
}

test.for(CASES)('$tier: $name', async (one) => {
  const expectWhatIsDue = EXPECTATIONS[one.name]
  if (expectWhatIsDue === undefined) throw new Error(`Nobody knows how to play "${one.name}"`)
  await expectWhatIsDue(one)
})
