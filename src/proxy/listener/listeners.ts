/** Listeners as connections meet them: compiled whenever control says what is to be open. */

import type { Listener } from '../snapshot.ts'
import { type TlsAcceptor, TlsCompiler } from './tls.ts'

export interface CompiledListener {
  readonly protocols: Listener['protocols']
  readonly proxyProtocol: boolean
  /** Null: cleartext. */
  readonly tls: TlsAcceptor | null
}

/** Makes one list of listeners after the other; what is the same in both is kept. */
export class ListenerCompiler {
  readonly #tls = new TlsCompiler()

  /** In the order of the listeners. */
  compile(listeners: readonly Listener[]): readonly CompiledListener[] {
    const acceptors = this.#tls.compile(listeners)
    return listeners.map(({ protocols, proxyProtocol }, i) => ({
      protocols,
      proxyProtocol,
      tls: acceptors[i]!,
    }))
  }
}
