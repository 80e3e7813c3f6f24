/** WebSocket: what has to be agreed on first, and what becomes of the bytes afterwards. */

import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { valueOf, valuesOf } from './message.ts'
import { CANARY, type Proxy, STABLE, startProxy } from './proxy.ts'
import { openTunnel, startSwitching, SWITCH, UPGRADE } from './switching.ts'
import { startUpstream } from './upstream.ts'

const MIB = 1024 * 1024

function tunnels(proxy: Proxy, series = STABLE): readonly number[] {
  const { tunnelsOpened, tunnelsClosed } = proxy.counted(series)
  return [tunnelsOpened, tunnelsClosed]
}

describe('before the switch', () => {
  test('the upstream is asked for WebSocket and nothing else', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port] })
    const { client, far, head } = await openTunnel(proxy, upstream)
    expect(far.head.startLine).toBe('GET /ws HTTP/1.1')
    expect(valuesOf(far.head, 'upgrade')).toEqual(['websocket'])
    expect(valuesOf(far.head, 'connection')).toEqual(['upgrade'])
    expect(valueOf(far.head, 'sec-websocket-key')).toBe('dGhlIHNhbXBsZSBub25jZQ==')
    expect(head.startLine).toBe('HTTP/1.1 101 Switching Protocols')
    expect(valuesOf(head, 'upgrade')).toEqual(['websocket'])
    expect(valuesOf(head, 'connection')).toEqual(['upgrade'])
    expect(valueOf(head, 'sec-websocket-accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    client.reset()
    await eventually(() => tunnels(proxy)).toEqual([1, 1])
  })

  test('what the client sends too early waits, and comes after it', async () => {
    const upstream = await startSwitching('')
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`${UPGRADE}early bytes`)
    await eventually(() => upstream.switched.length).toBe(1)
    const far = upstream.switched[0]!
    await proxy.sweeps(1)
    expect(far.reader.receivedBytes).toBe(Buffer.byteLength(far.head.text) + 2)
    far.socket.write(SWITCH)
    expect((await far.reader.take(11)).toString()).toBe('early bytes')
    client.socket.destroy()
  })

  test('what the client sent too early is not read as a request where there is no switch', async () => {
    const upstream = await startUpstream((request) => request.answer(426, 'no'))
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`${UPGRADE}GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n`)
    const answer = await client.answer()
    expect(answer.status).toBe(426)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    expect(upstream.targets).toEqual(['/ws'])
    expect(tunnels(proxy)).toEqual([0, 0])
  })

  test.for([
    ['another protocol', 'Upgrade: h2c\r\nConnection: Upgrade\r\n'],
    ['two protocols', 'Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n'],
    ['no protocol', 'Connection: Upgrade\r\n'],
    ['no Connection', 'Upgrade: websocket\r\n'],
  ])('an upstream that switches to %s is answered for with 502', async ([, lines]) => {
    const upstream = await startSwitching(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(UPGRADE)
    const answer = await client.answer()
    expect(answer.status).toBe(502)
    expect(valueOf(answer, 'proxy-status')).toContain('error=http_upgrade_failed')
    expect(proxy.counted().failures).toEqual({ upgrade: 1 })
  })

  test('the client may leave', async () => {
    const upstream = await startSwitching('')
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(UPGRADE)
    await eventually(() => upstream.switched.length).toBe(1)
    client.reset()
    expect(await upstream.switched[0]!.reader.end()).not.toBe('open')
    expect(proxy.counted().clientAborts).toBe(1)
  })
})

describe('a tunnel', () => {
  test('carries bytes as they are, both ways at once', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port] })
    const { client, far } = await openTunnel(proxy, upstream)
    const up = randomBytes(5 * MIB)
    const down = randomBytes(3 * MIB)
    client.send(up)
    far.socket.write(down)
    const [upArrived, downArrived] = await Promise.all([
      far.reader.take(up.length),
      client.reader.take(down.length),
    ])
    expect(upArrived.equals(up)).toBe(true)
    expect(downArrived.equals(down)).toBe(true)
    expect(proxy.counted()).toMatchObject({ requestBytes: up.length, responseBytes: down.length })
    client.socket.destroy()
  })

  test('is counted as an answer 101 when it begins, and as open until it ends', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port] })
    const { client } = await openTunnel(proxy, upstream)
    expect(proxy.counted()).toMatchObject({ finished: 1, errors: 0, codes: { 'GET 101': 1 } })
    expect(tunnels(proxy)).toEqual([1, 0])
    client.reset()
    await eventually(() => tunnels(proxy)).toEqual([1, 1])
    expect(proxy.counted()).toMatchObject({ finished: 1, clientAborts: 0 })
  })

  test('whose client has ended still carries what the upstream says', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port] })
    const { client, far } = await openTunnel(proxy, upstream)
    client.end()
    expect(await far.reader.end()).toBe('ended')
    far.socket.write('late')
    expect((await client.reader.take(4)).toString()).toBe('late')
    far.socket.end()
    expect(await client.reader.end()).toBe('ended')
    await eventually(() => tunnels(proxy)).toEqual([1, 1])
  })

  test('whose upstream has ended still carries what the client says', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port] })
    const { client, far } = await openTunnel(proxy, upstream)
    far.socket.end()
    expect(await client.reader.end()).toBe('ended')
    client.send('late')
    expect((await far.reader.take(4)).toString()).toBe('late')
    client.end()
    expect(await far.reader.end()).toBe('ended')
    await eventually(() => tunnels(proxy)).toEqual([1, 1])
  })

  test('passes a reset on', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port] })
    const first = await openTunnel(proxy, upstream)
    first.far.socket.resetAndDestroy()
    expect(await first.client.reader.end()).toBe('reset')
    const second = await openTunnel(proxy, upstream)
    second.client.reset()
    expect(await second.far.reader.end()).not.toBe('open')
    await eventually(() => tunnels(proxy)).toEqual([2, 2])
  })

  test('waits for a side that does not read', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port] })
    const { client, far } = await openTunnel(proxy, upstream)
    client.reader.hold()
    const total = 32 * MIB
    far.socket.write(Buffer.alloc(total, 'x'))
    let left = 0
    do {
      left = far.socket.writableLength
      await proxy.sweeps(1)
    } while (left !== far.socket.writableLength)
    expect(left).toBeGreaterThan(0)
    client.reader.resume()
    expect((await client.reader.take(total)).length).toBe(total)
    client.socket.destroy()
  })

  test('ends when nothing has come for long, and not before', async () => {
    const upstream = await startSwitching()
    const proxy = await startProxy({ stable: [upstream.port], timeouts: { tunnelIdleMs: 60_000 } })
    const { client, far } = await openTunnel(proxy, upstream)
    await proxy.advance(50_000)
    client.send('x')
    await far.reader.take(1)
    await proxy.advance(50_000)
    far.socket.write('y')
    await client.reader.take(1)
    expect(client.reader.ending).toBe('open')
    await proxy.advance(61_000)
    expect(await client.reader.end()).toBe('ended')
    expect(await far.reader.end()).not.toBe('open')
    expect(tunnels(proxy)).toEqual([1, 1])
  })
})

describe('when its variant takes no new requests', () => {
  const timeouts = { tunnelDrainMs: 10_000, tunnelIdleMs: 600_000 }

  test('a tunnel ends in the second half of the time it has', async () => {
    const stable = await startSwitching()
    const canary = await startSwitching()
    const setup = { stable: [stable.port], timeouts }
    const proxy = await startProxy({
      ...setup,
      canary: { endpoints: [canary.port], weightBp: 10_000 },
    })
    const { client, far } = await openTunnel(proxy, canary)
    proxy.use({ ...setup, canary: { endpoints: [canary.port], weightBp: 0 } })
    await proxy.advance(4_900)
    expect(client.reader.ending).toBe('open')
    client.send('still there')
    expect((await far.reader.take(11)).toString()).toBe('still there')
    await proxy.advance(5_500)
    expect(await client.reader.end()).toBe('ended')
    expect(tunnels(proxy, CANARY)).toEqual([1, 1])
  })

  test('many tunnels do not end at once', async () => {
    const canary = await startSwitching()
    const setup = { stable: [1], timeouts }
    const proxy = await startProxy({
      ...setup,
      canary: { endpoints: [canary.port], weightBp: 10_000 },
    })
    const all = await Promise.all(Array.from({ length: 20 }, () => openTunnel(proxy, canary)))
    proxy.use(setup)
    await proxy.advance(7_500)
    await eventually(() => tunnels(proxy, CANARY)[1]).toBeGreaterThan(0)
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    expect(tunnels(proxy, CANARY)[1]).toBeLessThan(20)
    await proxy.advance(3_000)
    await eventually(() => tunnels(proxy, CANARY)[1]).toBe(20)
    for (const { client } of all) expect(await client.reader.end()).toBe('ended')
  })

  test('promotion leaves the tunnels of the new stable alone', async () => {
    const canary = await startSwitching()
    const proxy = await startProxy({
      stable: [1],
      timeouts,
      canary: { endpoints: [canary.port], weightBp: 10_000 },
    })
    const { client, far } = await openTunnel(proxy, canary)
    proxy.use({ stable: [canary.port], timeouts })
    await proxy.advance(20_000)
    client.send('x')
    expect((await far.reader.take(1)).toString()).toBe('x')
    client.socket.destroy()
  })

  test('a table that takes it back in time saves the tunnel', async () => {
    const stable = await startSwitching()
    const setup = { stable: [stable.port], timeouts }
    const proxy = await startProxy(setup)
    const { client, far } = await openTunnel(proxy, stable)
    proxy.use({ stable: [1], timeouts })
    await proxy.advance(4_000)
    proxy.use(setup)
    await proxy.advance(20_000)
    client.send('x')
    expect((await far.reader.take(1)).toString()).toBe('x')
    client.socket.destroy()
  })
})
