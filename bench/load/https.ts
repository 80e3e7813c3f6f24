/** One GET over TLS, by HTTP/1.1 or HTTP/2, for the checks before and after the load; the certificate is verified. */

import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { get as httpsGet } from 'node:https'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { SecureProtocol } from './proxies/proxy.ts'
import { GRPC_HEADERS } from './scenario.ts'

/** Folder of the certificates that the tests have too. */
export const CERTIFICATES = fileURLToPath(new URL('../../test/certificates', import.meta.url))

export interface SecureAnswer {
  readonly status: number
  readonly body: string
  /** What the handshake agreed on: `TLSv1.3 TLS_AES_256_GCM_SHA384`. */
  readonly session: string
}

const ANSWER_LIMIT_MS = 5_000
const ca = readFileSync(join(CERTIFICATES, 'ca.pem'), 'utf8')

/** Asks once on a new connection. Throws if there is no whole answer within five seconds. */
export function getOverTls(
  protocol: SecureProtocol,
  port: number,
  path: string,
): Promise<SecureAnswer> {
  return protocol === 'HTTP/2' ? getByHttp2(port, path) : getByHttp1(port, path)
}

function getByHttp1(port: number, path: string): Promise<SecureAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
    const options = { host: '127.0.0.1', port, path, ca, signal, agent: false }
    httpsGet(options)
      .on('error', reject)
      .on('response', (response) => {
        const session = agreement(response.socket)
        const chunks: Buffer[] = []
        response.on('error', reject).on('data', (chunk: Buffer) => void chunks.push(chunk))
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('latin1')
          resolve({ status: response.statusCode ?? 0, body, session })
        })
      })
  })
}

function getByHttp2(port: number, path: string): Promise<SecureAnswer> {
  return new Promise((resolve, reject) => {
    // Only h2 is offered, so that a proxy that does not speak it fails the handshake.
    const client = connect(`https://127.0.0.1:${port}`, { ca, ALPNProtocols: ['h2'] })
    let session = ''
    let status = 0
    const chunks: Buffer[] = []
    client.on('error', reject).on('connect', (_, socket) => (session = agreement(socket)))
    const stream = client.request(
      { ':path': path },
      { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) },
    )
    stream.on('error', reject).on('response', (fields) => (status = fields[':status'] ?? 0))
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
    stream.on('end', () =>
      resolve({ status, body: Buffer.concat(chunks).toString('latin1'), session }),
    )
    stream.on('close', () => client.close())
  })
}

/** One unary gRPC call on a new connection. Throws if there is no whole answer within five seconds. */
export function callOverTls(
  port: number,
  path: string,
  message: Uint8Array,
): Promise<{ readonly status: number; readonly body: Buffer; readonly grpcStatus: string }> {
  return new Promise((resolve, reject) => {
    const client = connect(`https://127.0.0.1:${port}`, { ca, ALPNProtocols: ['h2'] })
    client.on('error', reject)
    const fields = { ':method': 'POST', ':path': path, ...GRPC_HEADERS }
    const stream = client.request(fields, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })
    let status = 0
    let grpcStatus = 'none'
    const chunks: Buffer[] = []
    stream.on('error', reject).on('response', (answer) => (status = answer[':status'] ?? 0))
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
    stream.on('trailers', (trailers) => (grpcStatus = String(trailers['grpc-status'])))
    stream.on('close', () => {
      client.close()
      resolve({ status, body: Buffer.concat(chunks), grpcStatus })
    })
    stream.end(message)
  })
}

function agreement(socket: unknown): string {
  return socket instanceof TLSSocket
    ? `${socket.getProtocol()} ${socket.getCipher().name}`
    : 'no TLS'
}
