/** Cleartext listeners: the choice between HTTP/1.1 and HTTP/2 by how the client begins; limits on connections. */

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Client, connectClient } from '../exchange/client.ts'
import { eventually } from '../exchange/eventually.ts'
import { BOTH, type House, HTTP2, startHouse, TLS } from './house.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

async function sendSlowly(client: Client, text: string): Promise<void> {
  for (const character of text) {
    client.send(character)
    await setImmediate()
  }
}

/** Whether the server speaks HTTP/2: its first frame is SETTINGS. */
async function isHttp2(client: Client): Promise<boolean> {
  await eventually(() => client.reader.receivedBytes).toBeGreaterThanOrEqual(9)
  return client.reader.unread.charCodeAt(3) === 4
}

describe('a listener for both', () => {
  test.each(['GET', 'POST', 'PUT', 'PATCH', 'PROPFIND'])('%s is HTTP/1.1', async (method) => {
    const house = await startHouse({ listener: { protocols: BOTH } })
    for (const isSlow of [false, true]) {
      const client = await connectClient(house.port)
      const request = `${method} / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n`
      if (isSlow) await sendSlowly(client, request)
      else client.send(request)
      expect((await client.answer()).status).toBe(200)
      expect((await client.get('/')).status).toBe(200)
    }
  })

  test('the preface is HTTP/2, whole or in pieces', async () => {
    const house = await startHouse({ listener: { protocols: BOTH } })
    for (const isSlow of [false, true]) {
      const client = await connectClient(house.port)
      if (isSlow) await sendSlowly(client, PREFACE)
      else client.send(PREFACE)
      client.send(SETTINGS)
      expect(await isHttp2(client)).toBe(true)
    }
  })

  test('a preface that goes wrong is a request that goes wrong', async () => {
    const house = await startHouse({ listener: { protocols: BOTH } })
    const client = await connectClient(house.port)
    client.send('PRI * HTTP/2.0\r\n\r\nSX')
    expect((await client.answer()).status).toBeGreaterThanOrEqual(400)
    expect(house.told).toEqual([])
  })

  test('many requests over one session', async () => {
    const house = await startHouse({ listener: { protocols: BOTH } })
    expect(await bodiesOver(house, 20)).toEqual(new Set([100_000]))
  })

  test('who does not say which is taken for HTTP/1.1 in the end', async () => {
    const house = await startHouse({
      listener: { protocols: BOTH },
      timeouts: { handshakeMs: 5_000, headMs: 10_000 },
    })
    const silent = await connectClient(house.port)
    const dawdling = await connectClient(house.port)
    dawdling.send('P')
    await eventually(() => house.server.clientCount).toBe(2)
    await house.advance(6_000)
    await eventually(() => house.count('accepted')).toBe(2)
    dawdling.send('OST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n')
    expect((await dawdling.answer()).status).toBe(200)
    expect((await silent.get('/')).status).toBe(200)
    expect(house.refused).toEqual({})
  })

  test('a client that leaves before it has said which is gone', async () => {
    const house = await startHouse({ listener: { protocols: BOTH } })
    const client = await connectClient(house.port)
    client.send('P')
    client.end()
    expect(await client.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({})
  })

  test('on drain a request half here is answered, and the silent are not waited for', async () => {
    const house = await startHouse({ listener: { protocols: BOTH } })
    const silent = await connectClient(house.port)
    const client = await connectClient(house.port)
    client.send('P')
    await eventually(() => house.server.clientCount).toBe(2)
    await setImmediate()
    const drained = house.server.drain(60_000)
    expect(await silent.reader.end()).not.toBe('open')
    client.send('OST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n')
    expect((await client.answer()).status).toBe(200)
    client.end()
    await drained
  })
})

test('a listener for HTTP/2 alone speaks nothing else', async () => {
  const house = await startHouse({ listener: { protocols: HTTP2 } })
  expect(await bodiesOver(house, 3)).toEqual(new Set([100_000]))
  const client = await connectClient(house.port)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  expect(await client.reader.end()).not.toBe('open')
  expect(house.told).toHaveLength(3)
})

/** Lengths of the answers to that many requests at a time. */
async function bodiesOver(house: House, count: number): Promise<Set<number>> {
  const session = connectHttp2(`http://127.0.0.1:${house.port}`)
  onTestFinished(() => session.destroy())
  const lengths = Array.from({ length: count }, async () => {
    const stream = session.request({ ':path': '/bytes/100000' })
    let length = 0
    stream.on('data', (bytes: Buffer) => (length += bytes.length))
    await once(stream, 'end')
    return length
  })
  return new Set(await Promise.all(lengths))
}

describe('limits', () => {
  test.each([
    ['cleartext', {}],
    ['cleartext for both', { protocols: BOTH }],
    ['TLS', { tls: TLS }],
  ])('connections beyond the limit are closed at once (%s)', async (_, listener) => {
    const house = await startHouse({ listener, limits: { connections: 2 } })
    const clients = [await connectClient(house.port), await connectClient(house.port)]
    await eventually(() => house.server.clientCount).toBe(2)
    const refused = await connectClient(house.port)
    expect(await refused.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ limit: 1 })
    expect(house.count('refused')).toBe(1)

    clients[0]!.end()
    await eventually(() => house.server.clientCount).toBe(1)
    await connectClient(house.port)
    await eventually(() => house.server.clientCount).toBe(2)
    expect(house.refused).toEqual({ limit: 1 })
  })

  test.each([
    ['cleartext', {}],
    ['cleartext for both', { protocols: BOTH }],
    ['TLS', { tls: TLS }],
  ])('so are those of one address beyond its limit (%s)', async (_, listener) => {
    const house = await startHouse({ listener, limits: { connectionsPerAddress: 1 } })
    const first = await connectClient(house.port)
    await eventually(() => house.server.clientCount).toBe(1)
    const refused = await connectClient(house.port)
    expect(await refused.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ addressLimit: 1 })

    first.reset()
    await eventually(() => house.server.clientCount).toBe(0)
    await connectClient(house.port)
    await eventually(() => house.server.clientCount).toBe(1)
    expect(house.refused).toEqual({ addressLimit: 1 })
  })

  test('a place is free again when a handshake has failed', async () => {
    const house = await startHouse({ listener: { tls: TLS }, limits: { connectionsPerAddress: 1 } })
    for (let i = 0; i < 3; i++) {
      const client = await connectClient(house.port)
      client.send('GET / HTTP/1.1\r\n\r\n')
      expect(await client.reader.end()).not.toBe('open')
      await eventually(() => house.server.clientCount).toBe(0)
    }
    expect(house.refused).toEqual({ handshake: 3 })
  })
})
