/**
 * How an accepted connection becomes a client: whether it may be one, and then, where nothing has to be found out
 * first (cleartext, HTTP/1.1, no PROXY header), at once.
 */

import type { Socket } from 'node:net'
import { plainAddress } from '../address.ts'
import type { ThreadContext } from '../context.ts'
import type { ClientConnection } from '../downstream.ts'
import { createPeer } from '../forwarding.ts'
import { adopt } from '../http1/adopt.ts'
import { DownstreamConnection } from '../http1/connection.ts'
import { Http2Session } from '../http2/session.ts'
import { Admission } from './admission.ts'
import { Handshake, type HandshakeOwner } from './handshake.ts'
import type { CompiledListener } from './listeners.ts'

/** Who keeps the connections. */
export interface ClientKeeper {
  /** Those that are kept. */
  readonly clientCount: number
  /** Until it is closed; then `onClosed` is called. */
  keep(client: ClientConnection, onClosed: () => void): void
}

export class Entrance implements HandshakeOwner {
  readonly #context: ThreadContext
  readonly #keeper: ClientKeeper
  readonly #admission = new Admission()

  constructor(context: ThreadContext, keeper: ClientKeeper) {
    this.#context = context
    this.#keeper = keeper
  }

  /** `accepted` comes from a server with `pauseOnConnect`. A bug ends this connection, and nothing else. */
  accept(accepted: Socket, listener: CompiledListener): void {
    try {
      if (!this.#begin(accepted, listener)) accepted.destroy()
    } catch (error) {
      this.#context.report(error)
      accepted.destroy()
    }
  }

  /** Returns whether it may be a client. */
  #begin(accepted: Socket, listener: CompiledListener): boolean {
    const { refusals, table } = this.#context
    const { remoteAddress } = accepted
    // It has left already.
    if (remoteAddress === undefined) return false
    const address = plainAddress(remoteAddress)
    if (this.#keeper.clientCount >= table.limits.connections) {
      refusals.connection('limit', address)
      return false
    }
    if (!listener.proxyProtocol) {
      if (!this.admit(address)) return false
    } else if (!table.trusted.has(address)) {
      refusals.connection('untrusted', address)
      return false
    }
    this.#serve(accepted, listener, address)
    return true
  }

  #serve(accepted: Socket, listener: CompiledListener, address: string): void {
    const { tls, proxyProtocol, protocols } = listener
    if (tls !== null || proxyProtocol || (protocols.http1 && protocols.http2)) {
      return this.#shakeHands(accepted, listener, address)
    }
    const context = this.#context
    const isTrusted = context.table.trusted.has(address)
    const peer = createPeer({ address, isTrusted, isSecure: false, clientCertificate: null })
    const { scratch } = context.buffers
    this.replace(
      protocols.http2
        ? new Http2Session(context, peer, accepted.resume())
        : new DownstreamConnection(context, peer, (onRead) => adopt(accepted, scratch, onRead)),
      address,
    )
  }

  #shakeHands(accepted: Socket, listener: CompiledListener, address: string): void {
    const context = this.#context
    const handshake = new Handshake({ context, owner: this, listener, accepted, address })
    this.#keeper.keep(handshake, () => {
      if (handshake.admitted !== null) this.#admission.leave(handshake.admitted)
    })
  }

  admit(address: string): boolean {
    const { refusals, table } = this.#context
    const isAdmitted = this.#admission.enter(address, table.limits.connectionsPerAddress)
    if (!isAdmitted) refusals.connection('addressLimit', address)
    return isAdmitted
  }

  replace(client: ClientConnection, address: string): void {
    this.#keeper.keep(client, () => this.#admission.leave(address))
  }
}
