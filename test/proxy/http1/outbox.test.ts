/** What leaves through an outbox is what was put into it, in that order, in as few writes as that takes. */

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { INLINE_BYTES, Outbox } from '../../../src/proxy/http1/outbox.ts'
import { latin1 } from './heads.ts'

let server: Server
let socket: Socket
let received: Promise<string>

beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(() => {
  server.close()
})

beforeEach(async () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const accepted = once(server, 'connection')
  socket = connect(address.port, '127.0.0.1')
  const [peer]: Socket[] = await accepted
  received = readAll(peer!)
  return () => void socket.destroy()
})

async function readAll(peer: Socket): Promise<string> {
  let text = ''
  peer.setEncoding('latin1').on('data', (piece: string) => {
    text += piece
  })
  await once(peer, 'end')
  return text
}

/** Returns all that the peer got. */
function finish(): Promise<string> {
  socket.end()
  return received
}

/** Every byte, so many times. */
function bytesOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => i))
}

test('nothing is written before the flush', async () => {
  const outbox = new Outbox(socket)
  outbox.text('head')
  expect(outbox.bytes(latin1('xbodyx'), 1, 5)).toBe(false)
  expect(socket.bytesWritten).toBe(0)
  outbox.flush()
  outbox.flush()
  expect(await finish()).toBe('headbody')
})

test('text is latin1, one byte a character', async () => {
  const outbox = new Outbox(socket)
  const all = bytesOf(256)
  outbox.text(all.toString('latin1'))
  outbox.bytes(all, 0, 256)
  outbox.flush()
  expect(await finish()).toBe(all.toString('latin1').repeat(2))
})

test('small bytes may be overwritten at once', async () => {
  const outbox = new Outbox(socket)
  const bytes = bytesOf(INLINE_BYTES)
  const before = bytes.toString('latin1')
  expect(outbox.bytes(bytes, 0, bytes.length)).toBe(false)
  bytes.fill(0)
  outbox.flush()
  expect(await finish()).toBe(before)
})

describe('large bytes', () => {
  test('go out after the text before them, and before the text after them', async () => {
    const outbox = new Outbox(socket)
    const bytes = bytesOf(INLINE_BYTES + 3)
    outbox.text('before ')
    outbox.bytes(bytes, 1, bytes.length - 1)
    outbox.text(' after')
    outbox.flush()
    expect(await finish()).toBe(`before ${bytes.subarray(1, -1).toString('latin1')} after`)
  })

  test('may be a whole buffer without any text', async () => {
    const outbox = new Outbox(socket)
    const bytes = bytesOf(INLINE_BYTES + 1)
    outbox.bytes(bytes, 0, bytes.length)
    expect(await finish()).toBe(bytes.toString('latin1'))
  })

  test('are in use as long as the socket has not taken them', async () => {
    const outbox = new Outbox(socket)
    const bytes = bytesOf(16 * 1024 * 1024)
    expect(outbox.bytes(bytes, 0, bytes.length)).toBe(true)
    expect(socket.writableLength).toBeGreaterThan(0)
    expect((await finish()).length).toBe(bytes.length)
    expect(socket.writableLength).toBe(0)
  })
})
