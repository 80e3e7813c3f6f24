/**
 * Makes the sockets to endpoints: cleartext, or TLS with verification, a name to verify and a session to resume.
 *
 * What TLS needs is made once an endpoint, since parsing certificates costs more than a handshake. One session is kept,
 * the newest: servers give several tickets, and a connection pool needs a new connection rarely.
 */

import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import {
  checkServerIdentity,
  connect as connectTls,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  TLSSocket,
} from 'node:tls'
import type { UpstreamFailure } from '../failure.ts'
import type { UpstreamTls } from '../snapshot.ts'
import type { Endpoint } from './endpoint.ts'

/** Where reads go and who hears of them; without it the socket is a plain stream. */
interface DialReading {
  buffer(): Buffer
  /** Receives what `buffer` returned. */
  callback(byteCount: number, bytes: Buffer): boolean
}

/** Begins to connect. The socket emits `connectedEvent(endpoint)` when data can be sent, or `error`. */
export function dial(endpoint: Endpoint, reading: DialReading | null): Socket {
  const { host, port, secure } = endpoint
  const onread = reading === null ? {} : { onread: onreadOf(reading) }
  const options = { host, port, noDelay: true, ...onread }
  if (secure === null) return connect(options)
  const socket = connectTls({ ...secure.options(), ...options })
  return socket.on('session', (session: Buffer) => secure.keepSession(session))
}

function onreadOf(reading: DialReading): OnReadOpts {
  return {
    buffer: () => reading.buffer(),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what `buffer` returned
    callback: (byteCount, bytes) => reading.callback(byteCount, bytes as Buffer),
  }
}

/** The event with which a socket to that endpoint is ready. */
export function connectedEvent(endpoint: Endpoint): 'connect' | 'secureConnect' {
  return endpoint.secure === null ? 'connect' : 'secureConnect'
}

/** What an error of a socket means that was not ready yet. */
export function dialFailure(error: NodeJS.ErrnoException, socket: Socket): UpstreamFailure {
  const code = error.code ?? ''
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'dns'
  if (code === 'ETIMEDOUT') return 'connectTimeout'
  if (!(socket instanceof TLSSocket)) return 'refused'
  // Node's types have it as an error; it is the error's code, and null where nothing was found wrong.
  const verdict: unknown = socket.authorizationError
  if (verdict !== null && verdict !== undefined) return 'certificate'
  return code === 'ECONNRESET' || code === 'EPROTO' || code.startsWith('ERR_SSL_')
    ? 'tls'
    : 'refused'
}

/** The TLS side of an endpoint. */
export class SecureEndpoint {
  readonly #tls: UpstreamTls
  readonly #name: string
  readonly #alpn: string
  #context: SecureContext | null = null
  #session: Buffer | null = null

  constructor(
    tls: UpstreamTls,
    options: { readonly host: string; readonly protocol: 'http1' | 'http2' },
  ) {
    this.#tls = tls
    this.#name = tls.serverName ?? options.host
    this.#alpn = options.protocol === 'http2' ? 'h2' : 'http/1.1'
  }

  keepSession(session: Buffer): void {
    this.#session = session
  }

  /** Throws where a certificate or a key does not load. */
  options(): ConnectionOptions {
    const name = this.#name
    return {
      secureContext: (this.#context ??= contextOf(this.#tls)),
      // RFC 6066 section 3: addresses are no names.
      servername: isIP(name) === 0 ? name : '',
      ALPNProtocols: [this.#alpn],
      rejectUnauthorized: this.#tls.isVerified,
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
      ...(this.#session === null ? {} : { session: this.#session }),
    }
  }
}

function contextOf({ ca, identity }: UpstreamTls): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === null ? {} : { ca }),
    ...(identity === null ? {} : { cert: identity.cert, key: identity.key }),
  })
}
