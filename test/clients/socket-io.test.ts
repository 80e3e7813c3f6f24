/**
 * socket.io through a route with two variants: a session begins as many requests, so it lives only if all of them,
 * and the WebSocket that follows them, reach the server where it began.
 */

import { once } from 'node:events'
import { Server } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { CANARY, type Proxy, STABLE, startProxy } from '../proxy/exchange/proxy.ts'
import { serve } from './servers.ts'

const STICKY = [{ kind: 'cookie', name: 'sluice-unit', mint: true }] as const

/** A server that says its name, and sends `echo` back. */
async function serveSocketIo(name: string): Promise<{ port: number; server: Server }> {
  const { server: http, port } = await serve(() => undefined)
  const server = new Server(http)
  server.on('connection', (socket) => {
    socket.emit('name', name)
    socket.on('echo', (sent: unknown, reply: (received: unknown) => void) => reply(sent))
  })
  onTestFinished(() => server.disconnectSockets(true))
  return { port, server }
}

async function startBoth(weightBp: number): Promise<{ proxy: Proxy; servers: readonly Server[] }> {
  const [stable, canary] = await Promise.all([serveSocketIo('v1'), serveSocketIo('v2')])
  const proxy = await startProxy({
    stable: [stable.port],
    canary: { endpoints: [canary.port], weightBp },
    route: { sticky: STICKY },
  })
  return { proxy, servers: [stable.server, canary.server] }
}

/** A client with a jar of its own: the library keeps cookies only where it is told to. */
function dial(proxy: Proxy, transports: readonly string[]): Socket {
  const socket = io(`http://127.0.0.1:${proxy.port}`, {
    transports: [...transports],
    withCredentials: true,
    forceNew: true,
    reconnection: false,
  })
  onTestFinished(() => void socket.disconnect())
  return socket
}

async function nameOf(socket: Socket): Promise<string> {
  const [name] = (await once(socket as never, 'name')) as [string]
  return name
}

function variants(proxy: Proxy): readonly number[] {
  return [proxy.counted(STABLE).finished, proxy.counted(CANARY).finished]
}

describe('a session', () => {
  test('that begins with polling goes over to WebSocket, at the same server', async () => {
    const { proxy, servers } = await startBoth(5_000)
    const sockets = Array.from({ length: 12 }, () => dial(proxy, ['polling', 'websocket']))
    const names = await Promise.all(sockets.map(nameOf))
    await eventually(() => sockets.map((socket) => socket.io.engine.transport.name)).toEqual(
      sockets.map(() => 'websocket'),
    )
    for (const [i, socket] of sockets.entries()) {
      expect(await socket.emitWithAck('echo', `hello ${i}`)).toBe(`hello ${i}`)
    }
    const onCanary = names.filter((name) => name === 'v2').length
    expect(servers.map(({ sockets: { sockets: all } }) => all.size)).toEqual([
      sockets.length - onCanary,
      onCanary,
    ])
    expect(proxy.counted(STABLE).errors + proxy.counted(CANARY).errors).toBe(0)
    expect(proxy.counted(STABLE).tunnelsOpened + proxy.counted(CANARY).tunnelsOpened).toBe(12)
    for (const socket of sockets) socket.disconnect()
    await eventually(
      () => proxy.counted(STABLE).tunnelsClosed + proxy.counted(CANARY).tunnelsClosed,
    ).toBe(12)
  })

  test('that only polls stays where it began', async () => {
    const { proxy } = await startBoth(5_000)
    const sockets = Array.from({ length: 12 }, () => dial(proxy, ['polling']))
    await Promise.all(sockets.map(nameOf))
    const big = 'x'.repeat(200_000)
    for (const socket of sockets) expect(await socket.emitWithAck('echo', big)).toBe(big)
    expect(sockets.every((socket) => socket.connected)).toBe(true)
    expect(proxy.counted(STABLE).errors + proxy.counted(CANARY).errors).toBe(0)
    expect(proxy.counted(STABLE).tunnelsOpened + proxy.counted(CANARY).tunnelsOpened).toBe(0)
    for (const socket of sockets) socket.disconnect()
  })

  test('that is a WebSocket from the start needs no cookie', async () => {
    const { proxy } = await startBoth(10_000)
    const socket = dial(proxy, ['websocket'])
    expect(await nameOf(socket)).toBe('v2')
    expect(await socket.emitWithAck('echo', Buffer.from([1, 2, 3]))).toEqual(Buffer.from([1, 2, 3]))
    expect(variants(proxy)).toEqual([0, 1])
  })

  test('is told when the server ends it', async () => {
    const { proxy, servers } = await startBoth(0)
    const socket = dial(proxy, ['polling', 'websocket'])
    await nameOf(socket)
    const heard = once(socket as never, 'disconnect') as Promise<[string]>
    servers[0]!.disconnectSockets(true)
    expect((await heard)[0]).toBe('io server disconnect')
  })
})
