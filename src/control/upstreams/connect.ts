/** A connection for one health check: a new one each time, since that the endpoint still accepts is half of the question. */

import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Endpoint } from '../../proxy/snapshot.ts'
import { SecureEndpoint } from '../../proxy/upstream/dial.ts'

/** Whom a check asks, and how it is reached. */
export interface HealthTarget extends Pick<Endpoint, 'host' | 'port' | 'protocol' | 'tls'> {
  /** The host as the configuration has it, of which `host` may be one address. */
  readonly name: string
}

/**
 * Resolves when data can be sent; the caller ends the socket. Rejects with what the socket says, or with the signal's
 * reason; then nothing is left open.
 */
export function connectTo(target: HealthTarget, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = open(target)
  const give = (error: unknown): void => {
    signal.removeEventListener('abort', stop)
    socket.destroy()
    reject(error)
  }
  const stop = (): void => give(signal.reason)
  socket.once(target.tls === null ? 'connect' : 'secureConnect', () => {
    signal.removeEventListener('abort', stop)
    socket.off('error', give)
    resolve(socket)
  })
  socket.once('error', give)
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  return promise
}

function open(target: HealthTarget): Socket {
  const { host, port, tls } = target
  const options = { host, port, noDelay: true }
  if (tls === null) return connect(options)
  return connectTls({ ...new SecureEndpoint(tls, target).options(), ...options })
}
