/** The part of the check that looks beyond HTTP/1.1 in cleartext: TLS, HTTP/2 and tunnels, where a proxy is measured with them. */

import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { echoedFields } from './http.ts'
import { callOverTls, getOverTls } from './https.ts'
import type { Place, SecureProtocol } from './proxies/proxy.ts'
import { BODIES, CIPHER_SUITE, GRPC_MESSAGE, GRPC_PATH, TUNNEL_PATH } from './scenario.ts'
import { acceptOf, upgradeFields } from './upgrade.ts'

const ECHO_LIMIT_MS = 5_000
const MESSAGE_BYTES = 1_024

/** TLS agrees on what it should, answers are whole, and the upstream is told that TLS was spoken. */
export async function findSecureFault({ tls }: Place): Promise<string | null> {
  for (const protocol of tls?.protocols ?? []) {
    const fault = await findAnswerFault(protocol, tls?.port ?? 0).catch(
      ({ message }: Error) => `nothing was answered by ${protocol} over TLS: ${message.trim()}`,
    )
    if (fault !== null) return fault
  }
  return null
}

async function findAnswerFault(protocol: SecureProtocol, port: number): Promise<string | null> {
  for (const { path, bodyBytes } of BODIES) {
    const { status, body, session } = await getOverTls(protocol, port, path)
    const what = `${path} by ${protocol} over TLS`
    if (session !== `TLSv1.3 ${CIPHER_SUITE}`) return `${what} came by ${session}`
    if (status !== 200) return `${what} was answered ${status}, not 200`
    if (body.length !== bodyBytes) return `${what} came with ${body.length} bytes, not ${bodyBytes}`
  }
  const { body } = await getOverTls(protocol, port, '/echo')
  const scheme = echoedFields(body).get('x-forwarded-proto')
  return scheme === 'https' ? null : `by ${protocol} over TLS the upstream saw scheme "${scheme}"`
}

/** A unary call is answered with the message and its status. */
export async function findCallFault({ tls, grpcPort }: Place): Promise<string | null> {
  if (tls === null || grpcPort === null) return null
  const { status, body, grpcStatus } = await callOverTls(tls.port, GRPC_PATH, GRPC_MESSAGE)
  if (status !== 200 || grpcStatus !== '0') {
    return `a gRPC call was answered ${status} with grpc-status ${grpcStatus}`
  }
  return body.equals(GRPC_MESSAGE) ? null : 'a gRPC call was answered with another message'
}

/** An upgrade is granted, and what is sent comes back. */
export function findTunnelFault({ port, echoPort }: Place): Promise<string | null> {
  if (echoPort === null) return Promise.resolve(null)
  const key = randomBytes(16).toString('base64')
  const message = randomBytes(MESSAGE_BYTES)
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ECHO_LIMIT_MS)
    const headers = upgradeFields(key)
    const asked = request({
      host: '127.0.0.1',
      port,
      path: TUNNEL_PATH,
      headers,
      signal,
      agent: false,
    })
    asked.on('error', reject).on('response', ({ statusCode }) => {
      resolve(`an upgrade was answered ${statusCode}, not 101`)
      asked.destroy()
    })
    asked.on('upgrade', (response, socket, first) => {
      if (response.headers['sec-websocket-accept'] !== acceptOf(key)) {
        resolve('an upgrade came without the Sec-WebSocket-Accept of its key')
      }
      let echo = first
      socket.on('error', reject).on('data', (bytes: Buffer) => {
        echo = Buffer.concat([echo, bytes])
        if (echo.length < message.length) return
        resolve(echo.equals(message) ? null : 'a message came back through the tunnel changed')
        socket.destroy()
      })
      socket.on('close', () => resolve('the tunnel closed before the message was back'))
      socket.write(message)
    })
    asked.end()
  })
}
