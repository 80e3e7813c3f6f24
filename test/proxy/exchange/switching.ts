/** An upstream that switches to WebSocket, on a bare socket: reads one head, and from there on nothing but bytes. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'
import { type Client, connectClient } from './client.ts'
import { type Head, readHead } from './message.ts'
import type { Proxy } from './proxy.ts'
import { SocketReader } from './reader.ts'

export const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

export const UPGRADE =
  'GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** One connection to the upstream. */
export interface Switched {
  readonly head: Head
  readonly socket: Socket
  readonly reader: SocketReader
}

export interface SwitchingUpstream {
  readonly port: number
  readonly switched: readonly Switched[]
}

/** Starts one that answers every upgrade with `answer`; it is closed when the test ends. */
export async function startSwitching(answer: string = SWITCH): Promise<SwitchingUpstream> {
  const switched: Switched[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    const reader = new SocketReader(socket)
    void readHead(reader).then((head) => {
      if (head === null) return void socket.end()
      socket.write(answer, 'latin1')
      return void switched.push({ head, socket, reader })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, switched }
}

/** Opens a tunnel through the proxy; resolves with both of its ends. */
export async function openTunnel(
  proxy: Proxy,
  upstream: SwitchingUpstream,
): Promise<{ client: Client; far: Switched; head: Head }> {
  const place = upstream.switched.length
  const client = await connectClient(proxy.port)
  client.send(UPGRADE)
  const head = await readHead(client.reader)
  if (head === null) throw new Error('The proxy has closed the connection')
  await eventually(() => upstream.switched.length).toBeGreaterThan(place)
  return { client, far: upstream.switched[place]!, head }
}
