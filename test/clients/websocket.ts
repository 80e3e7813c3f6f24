/** A `ws` client and a `ws` server with Sluice between them. */

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { serve } from './servers.ts'

const LIMIT_BYTES = 64 * 1024 * 1024

type OnSocket = (socket: WebSocket, request: IncomingMessage) => void

/** Sends every message back. */
export const echo: OnSocket = (socket) => {
  socket.on('message', (bytes, isBinary) => socket.send(bytes, { binary: isBinary }))
}

export interface Options {
  readonly server?: ServerOptions
  readonly client?: ClientOptions
  readonly protocols?: string[]
  /** A field that the upstream adds to its 101. */
  readonly answerLine?: string
}

/** Starts an upstream; resolves with its port. */
export async function serveWebSocket(onSocket: OnSocket, options: Options = {}): Promise<number> {
  const { server, port } = await serve((_, response) => response.writeHead(426).end())
  const far = new WebSocketServer({ server, maxPayload: LIMIT_BYTES, ...options.server })
  far.on('connection', (socket, request) => {
    socket.on('error', () => undefined)
    onSocket(socket, request)
  })
  if (options.answerLine !== undefined) {
    const line = options.answerLine
    far.on('headers', (lines) => void lines.push(line))
  }
  onTestFinished(() => {
    for (const socket of far.clients) socket.terminate()
  })
  return port
}

export interface Dialed {
  readonly socket: WebSocket
  /** Resolves with the answer where it is no 101. */
  readonly refusal: Promise<IncomingMessage>
}

/** Opens a connection to `/ws`; it is cut when the test ends. */
export function dial(proxy: Proxy, options: Options = {}): Dialed {
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ws`, options.protocols ?? [], {
    maxPayload: LIMIT_BYTES,
    ...options.client,
  })
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>()
  socket.on('error', () => undefined)
  socket.on('unexpected-response', (_, response) => {
    response.resume()
    resolve(response)
  })
  onTestFinished(() => socket.terminate())
  return { socket, refusal: promise }
}

export interface Pair {
  readonly proxy: Proxy
  readonly client: WebSocket
  readonly far: WebSocket
  /** What the upstream was asked, and what the client was answered. */
  readonly request: IncomingMessage
  readonly response: IncomingMessage
}

/** Starts all three; resolves when both ends are open. */
export async function startWebSocket(onSocket: OnSocket, options: Options = {}): Promise<Pair> {
  const met = Promise.withResolvers<{ far: WebSocket; request: IncomingMessage }>()
  const port = await serveWebSocket((far, request) => {
    met.resolve({ far, request })
    onSocket(far, request)
  }, options)
  const proxy = await startProxy({ stable: [port] })
  const client = dial(proxy, options).socket
  const answered = once(client, 'upgrade') as Promise<[IncomingMessage]>
  await once(client, 'open')
  const [response] = await answered
  return { proxy, client, response, ...(await met.promise) }
}
