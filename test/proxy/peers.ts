/** Clients for tests. */

import { createPeer, type Peer } from '../../src/proxy/forwarding.ts'

/** In cleartext and without a certificate. */
export function peerAt(address: string, { isTrusted = false } = {}): Peer {
  return createPeer({ address, isTrusted, isSecure: false, clientCertificate: null })
}
