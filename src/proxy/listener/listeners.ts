/** Listeners as connections meet them: compiled once a snapshot. */

import type { Listener } from '../snapshot.ts'
import { type TlsAcceptor, TlsCompiler } from './tls.ts'

export interface CompiledListener {
  readonly name: string
  readonly protocols: Listener['protocols']
  readonly proxyProtocol: boolean
  /** Null: cleartext. */
  readonly tls: TlsAcceptor | null
}

/** Makes the listeners of one table after the other; what is the same in both is kept. */
export class ListenerCompiler {
  readonly #tls = new TlsCompiler()

  /** By name. */
  compile(listeners: readonly Listener[]): ReadonlyMap<string, CompiledListener> {
    const acceptors = this.#tls.compile(listeners)
    return new Map(
      listeners.map(({ name, protocols, proxyProtocol }, i) => [
        name,
        { name, protocols, proxyProtocol, tls: acceptors[i]! },
      ]),
    )
  }
}
