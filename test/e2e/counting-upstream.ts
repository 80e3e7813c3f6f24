/** An upstream that leaves requests half done, as their paths ask for, and counts those that are there. */

import { createServer } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import { listen } from '../clients/servers.ts'
import { SWITCH } from '../proxy/exchange/switching.ts'
import { MARK } from './abort-phases.ts'
import type { Shop } from './sluice-process.ts'

export class CountingUpstream implements Shop {
  readonly protocol: 'http1' | 'http2'
  port = 0
  /** Requests to `/wait`, and bodies to `/body` of which something has come; none of them is answered. */
  seenCount = 0
  /** Connections that are open. */
  openCount = 0

  constructor(protocol: 'http1' | 'http2') {
    this.protocol = protocol
  }

  /** To be called with each request, when it has come or its body has begun. */
  see(): void {
    this.seenCount++
  }

  keep(socket: Socket): void {
    this.openCount++
    socket.on('error', () => undefined).once('close', () => this.openCount--)
  }
}

/** Starts one; it is closed when the test ends. */
export async function startCounting(protocol: 'http1' | 'http2'): Promise<CountingUpstream> {
  const upstream = new CountingUpstream(protocol)
  upstream.port = await (protocol === 'http1' ? serveHttp1(upstream) : serveHttp2(upstream))
  return upstream
}

function serveHttp1(upstream: CountingUpstream): Promise<number> {
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    if (request.url === '/wait') upstream.see()
    if (request.url === '/body') request.once('data', () => upstream.see())
    if (request.url === '/stream') response.write(MARK)
  })
  server.on('connection', (socket) => upstream.keep(socket))
  server.on('upgrade', (_, socket, head: Buffer) => {
    socket.write(SWITCH)
    socket.write(head)
    echo(socket)
  })
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return listen(server)
}

function serveHttp2(upstream: CountingUpstream): Promise<number> {
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    upstream.keep(socket)
  })
  server.on('stream', (stream: ServerHttp2Stream, { ':path': path }) => {
    stream.on('error', () => undefined)
    if (path === '/wait') upstream.see()
    if (path === '/body') stream.once('data', () => upstream.see())
    if (path !== '/stream' && path !== '/ws') return
    stream.respond({ ':status': 200 })
    if (path === '/stream') stream.write(MARK)
    else echo(stream)
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return listen(server)
}

function echo(stream: Duplex): void {
  stream.on('error', () => undefined)
  stream.pipe(stream)
}
