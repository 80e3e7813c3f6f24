/**
 * TLS on a listener: which certificate, which protocol, which clients.
 *
 * A `tls.Server` that never listens is given the accepted sockets, so that what is read of a connection before TLS
 * (a PROXY header) can be, and Node's own code still decides what a verified client is. A bare `TLSSocket` was rejected:
 * that decision would be ours then, by interfaces that are not public.
 *
 * What is made of certificates is kept by their content: where one is new, that one is made and nothing else.
 */

import { constants, createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls'
import type { Certificate, Listener, ListenerTls } from '../snapshot.ts'

/** Who waits for a handshake. One of the two is called, at most once, and neither when the client goes. */
export interface SecureUser {
  /** Nothing has been read of `socket`. */
  onSecure(socket: TLSSocket): void
  onInsecure(error: Error): void
}

export class TlsAcceptor {
  readonly #server: Server
  /** By the socket under the `TLSSocket`. */
  readonly #users = new WeakMap<object, SecureUser>()

  constructor(options: TlsOptions) {
    this.#server = createServer(options)
      .on('secureConnection', (socket) => {
        socket.allowHalfOpen = true
        this.#userOf(socket)?.onSecure(socket)
      })
      .on('tlsClientError', (error, socket) => {
        this.#userOf(socket)?.onInsecure(certificateFault(socket) ?? error)
        socket.destroy()
      })
  }

  /** Begins the handshake on a socket that nobody else reads; what was put back by `unshift` comes first. */
  accept(socket: Socket, user: SecureUser): void {
    this.#users.set(socket, user)
    // Half a client is not waited for: until the handshake is done a FIN is the end.
    socket.allowHalfOpen = false
    this.#server.emit('connection', socket)
  }

  /** The server does not say for which socket it has made another one; the field that knows it is not public. */
  #userOf(secure: TLSSocket): SecureUser | undefined {
    const socket: unknown = Reflect.get(secure, '_parent')
    const user = typeof socket === 'object' && socket !== null ? this.#users.get(socket) : undefined
    if (user === undefined) secure.destroy()
    return user
  }
}

/** What is wrong with the client's certificate; null where nothing is, or nothing was looked at. */
export function certificateFault(socket: TLSSocket): Error | null {
  const { authorized, authorizationError } = socket
  if (authorized || !authorizationError) return null
  return new Error(`client certificate: ${authorizationError}`)
}

/** Makes acceptors for one list of listeners after the other. */
export class TlsCompiler {
  #acceptors = new Map<string, TlsAcceptor>()
  #contexts = new Map<string, SecureContext>()

  /** Returns the acceptors in the order of the listeners; null for those in cleartext. */
  compile(listeners: readonly Pick<Listener, 'tls' | 'protocols'>[]): (TlsAcceptor | null)[] {
    const acceptors = new Map<string, TlsAcceptor>()
    const contexts = new Map<string, SecureContext>()
    const contextOf = (options: SecureContextOptions): SecureContext => {
      const key = keyOf(options)
      const context = this.#contexts.get(key) ?? createSecureContext(options)
      contexts.set(key, context)
      return context
    }
    const compiled = listeners.map(({ tls, protocols }) => {
      if (tls === null) return null
      const key = keyOf({ tls, protocols })
      const others = tls.certificates
        .slice(1)
        .map((certificate) => contextOf(contextOptions(tls, certificate)))
      const acceptor =
        this.#acceptors.get(key) ?? new TlsAcceptor(serverOptions(tls, protocols, others))
      acceptors.set(key, acceptor)
      return acceptor
    })
    this.#acceptors = acceptors
    this.#contexts = contexts
    return compiled
  }
}

function keyOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64')
}

/** `others`: what was made of the certificates but the first. */
function serverOptions(
  tls: ListenerTls,
  protocols: Listener['protocols'],
  others: readonly SecureContext[],
): TlsOptions {
  const [first, ...rest] = tls.certificates
  const choose = certificateChoice([
    { names: first!.names, value: undefined },
    ...rest.map(({ names }, i) => ({ names, value: others[i]! })),
  ])
  return {
    ...contextOptions(tls, first!),
    requestCert: tls.clients !== null,
    // Where they need not have one, a wrong one is refused when the handshake is done.
    rejectUnauthorized: tls.clients?.isRequired ?? false,
    ALPNProtocols: [...(protocols.http2 ? ['h2'] : []), ...(protocols.http1 ? ['http/1.1'] : [])],
    ...(rest.length > 0 && { SNICallback: sniCallback(choose) }),
  }
}

function contextOptions(tls: ListenerTls, { cert, key }: Certificate): SecureContextOptions {
  const { clients, minVersion, ticketKeys } = tls
  return {
    cert,
    key,
    minVersion,
    ticketKeys: Buffer.from(ticketKeys),
    // A session that began under other authorities is not resumed: nobody would look at the certificate again.
    sessionIdContext: createHash('sha256')
      .update(JSON.stringify(clients))
      .digest('hex')
      .slice(0, SESSION_ID_CONTEXT_LENGTH),
    // RFC 9113 section 9.2.1, and clients that ask for it without end.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(clients !== null && { ca: clients.ca }),
  }
}

/** OpenSSL's limit, bytes. */
const SESSION_ID_CONTEXT_LENGTH = 32

type Choose = (name: string) => SecureContext | undefined

/** What `choose` throws ends the handshake and nothing else. */
export function sniCallback(choose: Choose): NonNullable<TlsOptions['SNICallback']> {
  return (name, onChosen) => {
    let context: SecureContext | undefined
    try {
      context = choose(name)
    } catch (error) {
      onChosen(error instanceof Error ? error : new Error(String(error)))
      return
    }
    onChosen(null, context)
  }
}

/** Returns what has the name, else what has the wildcard of its parent, else the first (RFC 6125 section 6.4.3). */
export function certificateChoice<T>(
  certificates: readonly { readonly names: readonly string[]; readonly value: T }[],
): (name: string) => T {
  const byName = new Map<string, T>()
  for (const { names, value } of certificates) {
    for (const name of names) if (!byName.has(name)) byName.set(name, value)
  }
  return (name) => {
    const lower = name.toLowerCase()
    if (byName.has(lower)) return byName.get(lower)!
    const wildcard = `*${lower.slice(lower.indexOf('.'))}`
    return byName.has(wildcard) ? byName.get(wildcard)! : certificates[0]!.value
  }
}
