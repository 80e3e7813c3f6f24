/**
 * A connection until it is known who speaks and what: PROXY header, TLS, and the choice of a protocol, in this order and
 * as far as the listener has them. Then an HTTP/1.1 connection or an HTTP/2 session takes its place.
 *
 * Cleartext is read through `adopt` from its first byte, and what is read goes to whoever is next: that spares moving
 * the handle of a socket that is being read.
 */

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ThreadContext } from '../context.ts'
import type { ClientConnection } from '../downstream.ts'
import { createPeer } from '../forwarding.ts'
import { adopt, adoptSecure, type OnRead } from '../http1/adopt.ts'
import { DownstreamConnection } from '../http1/connection.ts'
import { Http2Session } from '../http2/session.ts'
import type { ConnectionRefusal } from '../refusals.ts'
import { describeCertificate } from './client-certificate.ts'
import type { CompiledListener } from './listeners.ts'
import { readProxyHeader } from './proxy-protocol.ts'
import { certificateFault } from './tls.ts'

/** How HTTP/2 begins (RFC 9113 section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

const NOTHING = Buffer.alloc(0)
/** Of what is refused, for the log. */
const SHOWN_BYTES = 200

export interface HandshakeOwner {
  /** Counts the address among those that are connected; returns whether it may be. */
  admit(address: string): boolean
  /** `client` takes the place of the handshake, whose address is `address`. */
  replace(client: ClientConnection, address: string): void
}

export interface HandshakeOptions {
  readonly context: ThreadContext
  readonly owner: HandshakeOwner
  readonly listener: CompiledListener
  /** From a server with `pauseOnConnect`; its address is admitted, unless a PROXY header is to come. */
  readonly accepted: Socket
  readonly address: string
}

export class Handshake implements ClientConnection {
  readonly #context: ThreadContext
  readonly #owner: HandshakeOwner
  readonly #listener: CompiledListener
  #socket: Socket
  #address: string
  #isAdmitted: boolean
  readonly #deadlineMs: number
  /** Who gets what is read in cleartext. */
  #onRead: OnRead = (bytes, byteCount) => this.#gather(bytes.subarray(0, byteCount))
  /** What has come and is nobody's yet. */
  #rest: Buffer = NOTHING
  #isProxyHeaderDue: boolean
  #isOver = false
  #isRefused = false
  #onClosed: (() => void) | null = null

  constructor({ context, owner, listener, accepted, address }: HandshakeOptions) {
    this.#context = context
    this.#owner = owner
    this.#listener = listener
    this.#address = address
    this.#isAdmitted = !listener.proxyProtocol
    this.#isProxyHeaderDue = listener.proxyProtocol
    this.#deadlineMs = context.nowMs + context.table.timeouts.handshakeMs
    if (listener.tls !== null && !listener.proxyProtocol) {
      this.#socket = accepted
      this.#watch()
      this.#secure()
    } else {
      const { scratch } = context.buffers
      this.#socket = adopt(accepted, scratch, (bytes, count) => this.#onRead(bytes, count))
      this.#watch()
    }
  }

  /** The address that is counted; null where none is, or where it is the next one's to answer for. */
  get admitted(): string | null {
    return this.#isAdmitted ? this.#address : null
  }

  #watch(): void {
    const socket = this.#socket
    socket.on('error', () => socket.destroy()).once('close', () => this.#end())
    socket.once('end', () => {
      if (!this.#isOver) this.#onEarlyEnd()
    })
  }

  #gather(bytes: Buffer): void {
    // A copy, as the bytes are overwritten.
    this.#rest = Buffer.concat([this.#rest, bytes])
    this.#guard(() => this.#goOn())
  }

  #goOn(): void {
    if (this.#isProxyHeaderDue && !this.#takeProxyHeader()) return
    if (this.#listener.tls === null) this.#chooseByPreface()
    else this.#secure()
  }

  /** Returns whether it is whole, and its client may be. */
  #takeProxyHeader(): boolean {
    const header = readProxyHeader(this.#rest)
    if (header === 'incomplete') return false
    if (header === 'malformed') {
      this.#refuse('proxyHeader', shown(this.#rest))
      return false
    }
    this.#rest = this.#rest.subarray(header.byteCount)
    this.#address = header.source ?? this.#address
    this.#isProxyHeaderDue = false
    this.#isAdmitted = this.#owner.admit(this.#address)
    if (!this.#isAdmitted) this.destroy()
    return this.#isAdmitted
  }

  #chooseByPreface(): void {
    const { http1, http2 } = this.#listener.protocols
    if (!http2) return this.#serveHttp1()
    if (!http1) return this.#serveHttp2()
    const byteCount = Math.min(this.#rest.length, PREFACE.length)
    if (this.#rest.compare(PREFACE, 0, byteCount, 0, byteCount) !== 0) this.#serveHttp1()
    else if (byteCount === PREFACE.length) this.#serveHttp2()
  }

  #serveHttp1(): void {
    const rest = this.#rest
    const attach = (onRead: OnRead): Socket => {
      this.#onRead = onRead
      return this.#socket
    }
    this.#finish(new DownstreamConnection(this.#context, this.#peer(null), attach))
    if (rest.length > 0) this.#onRead(rest, rest.length)
  }

  #serveHttp2(): void {
    const socket = this.#socket
    const rest = this.#rest
    // What goes past the stream is put into it; its own `pause` holds back the reading.
    this.#onRead = (bytes, byteCount) => socket.push(Buffer.from(bytes.subarray(0, byteCount)))
    this.#finish(new Http2Session(this.#context, this.#peer(null), socket))
    if (rest.length > 0) socket.push(rest)
  }

  #secure(): void {
    const raw = this.#socket
    if (this.#rest.length > 0) raw.unshift(this.#rest)
    this.#rest = NOTHING
    this.#listener.tls!.accept(raw, {
      onSecure: (secure) => this.#guard(() => this.#onSecure(secure, raw)),
      onInsecure: (error) => {
        if (!isHangUp(error)) this.#refuse('handshake', error.message)
      },
    })
  }

  /** Node has checked the certificate; where there need not be one, a wrong one is here still. */
  #onSecure(secure: TLSSocket, raw: Socket): void {
    if (this.#isOver) return
    const { http1 } = this.#listener.protocols
    const certificate = secure.getPeerX509Certificate()
    const fault = certificate === undefined ? null : certificateFault(secure)
    if (fault !== null) return this.#refuse('handshake', fault.message)
    const peer = this.#peer(certificate === undefined ? '' : describeCertificate(certificate))
    if (secure.alpnProtocol === 'h2') {
      this.#finish(new Http2Session(this.#context, peer, secure))
    } else if (http1) {
      const attach = (onRead: OnRead): Socket => adoptSecure(secure, raw, onRead)
      this.#finish(new DownstreamConnection(this.#context, peer, attach))
    } else {
      this.#refuse('preface', 'no protocol agreed on by ALPN')
    }
  }

  /** `certificate`: null in cleartext, empty over TLS where the client has shown none. */
  #peer(certificate: string | null) {
    const address = this.#address
    return createPeer({
      address,
      isTrusted: this.#context.table.trusted.has(address),
      isSecure: certificate !== null,
      clientCertificate: certificate === '' ? null : certificate,
    })
  }

  #finish(client: ClientConnection): void {
    this.#isOver = true
    this.#isAdmitted = false
    this.#rest = NOTHING
    this.#owner.replace(client, this.#address)
    this.#onClosed?.()
  }

  /** A bug ends the connection it struck, and nothing else. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#context.report(error)
      this.#socket.destroy()
    }
  }

  #onEarlyEnd(): void {
    if (this.#isProxyHeaderDue && this.#rest.length > 0) {
      this.#refuse('proxyHeader', shown(this.#rest))
    } else {
      this.destroy()
    }
  }

  /** Comes after the end where Node has refused the client's certificate. */
  #refuse(reason: ConnectionRefusal, found: string): void {
    if (this.#isRefused) return
    this.#isRefused = true
    this.#context.refusals.connection(reason, this.#address, found)
    this.destroy()
  }

  /** Over TLS or before a PROXY header there is nothing to answer with; in cleartext it may be HTTP/1.1 that dawdles. */
  sweep(dueMs: number): void {
    if (this.#deadlineMs > dueMs || this.#isOver) return
    if (this.#isProxyHeaderDue || this.#listener.tls !== null) {
      this.#refuse('handshakeTimeout', shown(this.#rest))
    } else {
      this.#guard(() => this.#serveHttp1())
    }
  }

  /** Who has not said anything is not waited for. */
  drain(): void {
    if (this.#socket.bytesRead === 0) this.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#end()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onClosed?.()
  }

  onClosed(listener: () => void): void {
    this.#onClosed = listener
  }
}

function shown(bytes: Buffer): string {
  return bytes.toString('latin1', 0, SHOWN_BYTES)
}

/** Whether the client has left, which is nobody's fault. */
function isHangUp(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE'
}
