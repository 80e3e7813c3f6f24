/**
 * A client of HTTP/2 that ends its side of the connection while something of ours is on its way: an answer, a close. Node
 * writes to what it has shut down by then, and that must not end more than the session.
 */

import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { type Received, startUpstream } from '../proxy/exchange/upstream.ts'
import { PRIOR_KNOWLEDGE } from './servers.ts'

/** The preface, SETTINGS, and `GET /` for `a` on the first stream. */
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
const GET = Buffer.from([0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86, 0x41, 1, 0x61])

/** Turns of the event loop between the client's end and ours: which of them strikes is the machine's choice. */
const TURNS = [0, 1, 2, 3, 4, 5]

async function startAsked(): Promise<{ proxy: Proxy; socket: Socket; received: Received }> {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startProxy({ stable: [upstream.port], listener: PRIOR_KNOWLEDGE })
  const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true }).resume()
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  socket.write(Buffer.concat([Buffer.from(PREFACE), SETTINGS, GET]))
  return { proxy, socket, received: await upstream.request(0) }
}

async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await setImmediate()
}

test.for(TURNS)('is closed by us %i turns later', async (turns) => {
  for (let round = 0; round < 20; round++) {
    const { proxy, socket } = await startAsked()
    socket.end()
    await pass(turns)
    proxy.server.close()
    await eventually(() => proxy.thread('closed')).toBe(1)
    expect(proxy.bugs).toEqual([])
  }
})

test.for(TURNS)('is answered %i turns before and after', async (turns) => {
  for (let round = 0; round < 20; round++) {
    const { proxy, socket, received } = await startAsked()
    if (round % 2 === 0) socket.end()
    await pass(turns)
    received.answer(200, 'x'.repeat(100_000))
    if (round % 2 === 1) {
      await pass(turns)
      socket.end()
    }
    await eventually(() => proxy.thread('closed')).toBe(1)
    expect(proxy.bugs).toEqual([])
  }
})
