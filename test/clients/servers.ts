/**
 * What stands behind Sluice where real clients call: servers of Node itself, which read and write the protocols
 * by code that is not ours. They, and their connections, are closed when the test ends.
 */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Endpoint, Listener } from '../../src/proxy/snapshot.ts'

const CERTIFICATES = join(import.meta.dirname, '../certificates')

/** The authority that vouches for what listeners show. */
export const CA_FILE = join(CERTIFICATES, 'ca.pem')
export const CA = readFileSync(CA_FILE, 'utf8')

/** A listener that speaks both versions over TLS. */
export const SECURE: Partial<Listener> = {
  protocols: { http1: true, http2: true },
  tls: {
    certificates: [
      {
        names: ['a.example', 'localhost', '127.0.0.1'],
        cert: readFileSync(join(CERTIFICATES, 'a.example.cert.pem'), 'utf8'),
        key: readFileSync(join(CERTIFICATES, 'a.example.key.pem'), 'utf8'),
      },
    ],
    minVersion: 'TLSv1.2',
    clients: null,
    ticketKeys: new Uint8Array(48).fill(7),
  },
}

/** A listener that speaks HTTP/2 in cleartext, with prior knowledge. */
export const PRIOR_KNOWLEDGE: Partial<Listener> = { protocols: { http1: false, http2: true } }

/** Starts an HTTP/1.1 server without timeouts of its own; resolves with it and its port. */
export async function serve(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, listener)
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { server, port: await listen(server) }
}

export type Http2Listener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void

/** Starts an HTTP/2 server in cleartext; resolves with it, its sessions, and the endpoint that reaches it. */
export async function serveHttp2(listener: Http2Listener): Promise<{
  server: Http2Server
  sessions: Set<ServerHttp2Session>
  endpoint: Partial<Endpoint> & { host: string; port: number }
}> {
  const server = createHttp2Server()
  const sessions = new Set<ServerHttp2Session>()
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined)
    listener(stream, headers)
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  onTestFinished(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  return { server, sessions, endpoint: { ...http2Endpoint(await listen(server)) } }
}

/** Where an HTTP/2 server of this machine is reached in cleartext. */
export function http2Endpoint(port: number): Partial<Endpoint> & { host: string; port: number } {
  return { host: '127.0.0.1', port, protocol: 'http2' }
}

/** Resolves with the free port that it took. */
export async function listen(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Resolves with the whole body. */
export async function bodyOf(message: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of message) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Answers with what was asked: method, target, version, fields, and the body's length and hash. */
export async function tell(request: IncomingMessage): Promise<Told> {
  const body = await bodyOf(request)
  const { method = '', url = '', headers } = request
  return { method, url, headers, bytes: body.length, body: body.toString('latin1') }
}

export interface Told {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly bytes: number
  readonly body: string
}
