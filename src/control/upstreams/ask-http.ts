/**
 * A health check over HTTP: one GET on a connection of its own, through undici, over HTTP/1.1 or HTTP/2 as the endpoint speaks.
 *
 * The answer is read to its end where it is short, so that the endpoint does not log a broken connection; beyond the bound the
 * status has said enough.
 */

import type { Socket } from 'node:net'
import { type buildConnector, Client, errors } from 'undici'
import { formatAddress } from '../config/address.ts'
import type { HealthQuestion } from '../config/schema-health.ts'
import { connectTo, type HealthTarget } from './connect.ts'
import type { Finding } from './health.ts'

const USER_AGENT = 'sluice-health-check'
/** Of the answer's body that are read. */
const BODY_BYTES = 65_536
/** Of the answer's head; a longer one is a failure. */
const HEAD_BYTES = 65_536

/** Rejects as the connection does. */
export async function askHttp(
  target: HealthTarget,
  question: Extract<HealthQuestion, { protocol: 'http' }>,
  signal: AbortSignal,
): Promise<Finding> {
  const socket = await connectTo(target, signal)
  if (!isAgreed(target, socket)) {
    socket.destroy()
    return { isPassed: false, reason: 'does not speak HTTP/2' }
  }
  const authority = formatAddress({ host: target.name, port: target.port })
  const client = new Client(`${target.tls === null ? 'http' : 'https'}://${authority}`, {
    pipelining: 1,
    maxHeaderSize: HEAD_BYTES,
    allowH2: target.protocol === 'http2',
    connect: onlyOnce(target, socket),
  })
  try {
    const { statusCode, body } = await client.request({
      method: 'GET',
      path: question.path,
      headers: { host: question.host ?? authority, 'user-agent': USER_AGENT },
      signal,
    })
    await body.dump({ limit: BODY_BYTES, signal })
    if (question.expectedStatuses.has(statusCode)) return { isPassed: true }
    return { isPassed: false, reason: `answered ${statusCode}` }
  } finally {
    await client.destroy()
  }
}

/** Requests go over no other protocol than the configured one, so the check does not either. */
function isAgreed({ protocol, tls }: HealthTarget, socket: Socket): boolean {
  if (protocol === 'http1' || tls === null) return true
  return 'alpnProtocol' in socket && socket.alpnProtocol === 'h2'
}

/** undici would connect again where a connection breaks; a check that breaks has failed. */
function onlyOnce(target: HealthTarget, socket: Socket): buildConnector.connector {
  // In cleartext nothing is agreed on: both sides know (RFC 9113 section 3.3). undici asks the socket.
  const isKnown = target.tls === null && target.protocol === 'http2'
  const connected = isKnown ? Object.assign(socket, { alpnProtocol: 'h2' }) : socket
  let isGiven = false
  return (_, callback) => {
    const isAgain = isGiven
    isGiven = true
    // A connector that calls back at once leaves undici waiting.
    queueMicrotask(() => {
      if (isAgain) callback(new errors.SocketError('the connection was closed'), null)
      else callback(null, connected)
    })
  }
}
