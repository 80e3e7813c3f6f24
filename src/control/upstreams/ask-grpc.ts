/**
 * A health check over gRPC: `grpc.health.v1.Health/Check` on a connection of its own (grpc/grpc, doc/health-checking.md).
 *
 * The two messages have one field each, so they are written and read by hand; @grpc/grpc-js was rejected for a call of
 * eleven bytes.
 */

import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { formatAddress } from '../config/address.ts'
import { connectTo, type HealthTarget } from './connect.ts'
import type { Finding } from './health.ts'

const PATH = '/grpc.health.v1.Health/Check'
/** Before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5
/** Of the answer; the real one has seven. */
const ANSWER_BYTES = 4_096
/** Field 1, length-delimited; field 1, varint. */
const SERVICE_TAG = 0x0a
const STATUS_TAG = 0x08
/** By number, from 0. */
const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** Rejects as the connection does. */
export async function askGrpc(
  target: HealthTarget,
  service: string,
  signal: AbortSignal,
): Promise<Finding> {
  const socket = await connectTo({ ...target, protocol: 'http2' }, signal)
  const scheme = target.tls === null ? 'http' : 'https'
  const authority = formatAddress({ host: target.name, port: target.port })
  const session = connect(`${scheme}://${authority}`, { createConnection: () => socket })
  try {
    return await call(session, service, signal)
  } finally {
    session.destroy()
  }
}

function call(session: ClientHttp2Session, service: string, signal: AbortSignal): Promise<Finding> {
  const { promise, resolve, reject } = Promise.withResolvers<Finding>()
  session.on('error', reject)
  session.on('close', () => reject(new Error('the connection was closed')))
  const stream = session.request(
    { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' },
    { signal },
  )
  let head: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  const chunks: Buffer[] = []
  let byteCount = 0
  stream.on('response', (headers) => (head = headers))
  stream.on('trailers', (headers) => (trailers = headers))
  stream.on('data', (chunk: Buffer) => {
    byteCount += chunk.length
    if (byteCount > ANSWER_BYTES) reject(new Error('the answer is too long'))
    else chunks.push(chunk)
  })
  stream.on('error', reject)
  stream.on('end', () => resolve(findingOf({ ...head, ...trailers }, Buffer.concat(chunks))))
  stream.end(encodeRequest(service))
  return promise
}

function findingOf(headers: IncomingHttpHeaders, answer: Buffer): Finding {
  const status = String(headers[':status'])
  if (status !== '200') return { isPassed: false, reason: `answered ${status}` }
  const grpcStatus = headers['grpc-status']
  if (grpcStatus !== '0') {
    return { isPassed: false, reason: `answered grpc-status ${String(grpcStatus ?? 'none')}` }
  }
  const serving = decodeStatus(answer)
  const isPassed = serving === 1
  if (isPassed) return { isPassed }
  return { isPassed, reason: `answered ${SERVING_STATUSES[serving] ?? `status ${serving}`}` }
}

/** `HealthCheckRequest { string service = 1 }` with its prefix; an empty field is left out. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service)
  // A name of at most 255 bytes: its length is one or two bytes of a varint.
  const length =
    name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7]
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([SERVICE_TAG, ...length]), name])
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** The number in `HealthCheckResponse { ServingStatus status = 1 }`; what is left out is 0, what cannot be read -1. */
function decodeStatus(answer: Buffer): number {
  if (answer.length < PREFIX_BYTES || answer[0] !== 0) return -1
  const message = answer.subarray(PREFIX_BYTES)
  if (message.length !== answer.readUInt32BE(1)) return -1
  if (message.length === 0) return 0
  const [tag, value] = message
  return tag === STATUS_TAG && value !== undefined && value < 0x80 ? value : -1
}
