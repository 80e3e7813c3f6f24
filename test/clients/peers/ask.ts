/** A client of node:http, which says what it was answered, and the servers over TLS that the peers' suites have. */

import { readFileSync } from 'node:fs'
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Endpoint, UpstreamTls } from '../../../src/proxy/snapshot.ts'
import { bodyOf, CA, listen } from '../servers.ts'

export interface Question {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: Readonly<Record<string, string | undefined>>
  readonly reusedSocket: boolean
}

/** Asks a port of this machine; rejects where the answer does not come or is not whole. */
export async function ask(port: number, question: Question = {}): Promise<Answered> {
  const { body = '', method = 'GET', path = '/', headers = {} } = question
  const agent = question.agent ?? false
  const asked = request({ host: '127.0.0.1', port, method, path, headers, agent })
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.on('response', resolve).on('error', reject).end(body)
  })
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    body: String(await bodyOf(answer)),
    trailers: answer.trailers,
    reusedSocket: asked.reusedSocket,
  }
}

/** Who the test's authority vouches for, by a name. */
export const VERIFIED: UpstreamTls = {
  ca: CA,
  identity: null,
  serverName: 'a.example',
  isVerified: true,
}

const CERTIFICATES = join(import.meta.dirname, '../../certificates')

/** Starts an HTTP/1.1 server over TLS; resolves with the endpoint that reaches it. */
export async function serveSecure(
  listener: RequestListener,
  tls: Partial<UpstreamTls> = {},
): Promise<{
  server: ReturnType<typeof createServer>
  endpoint: Partial<Endpoint> & { host: string; port: number }
}> {
  const cert = readFileSync(join(CERTIFICATES, 'a.example.cert.pem'))
  const key = readFileSync(join(CERTIFICATES, 'a.example.key.pem'))
  const server = createServer({ cert, key }, listener)
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const endpoint = { host: '127.0.0.1', port: await listen(server), tls: { ...VERIFIED, ...tls } }
  return { server, endpoint }
}
