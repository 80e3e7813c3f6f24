/**
 * Who the client is, when there are trusted proxies before us. Hot.
 *
 * X-Forwarded-For is read from its end, where the nearest proxy wrote: the first address that is not a trusted proxy's
 * is the client's, and what stands before it was written by the client. From a peer that is not trusted nothing of it
 * is read.
 */

import { isIP } from 'node:net'
import { plainAddress, type TrustedPeers } from '../address.ts'
import type { Peer } from '../forwarding.ts'

/** Proxies in a row; beyond, the address that was found last is taken. */
const HOP_LIMIT = 16

/** Returns the address; `chain` holds the values of all X-Forwarded-For fields, joined by commas. */
export function clientAddress(
  peer: Pick<Peer, 'address' | 'isTrusted'>,
  chain: string,
  trusted: TrustedPeers,
): string {
  if (!peer.isTrusted || chain === '') return peer.address
  let address = peer.address
  let end = chain.length
  for (let hop = 0; hop < HOP_LIMIT && end >= 0; hop++) {
    const comma = chain.lastIndexOf(',', end - 1)
    const said = addressIn(chain.slice(comma + 1, end).trim())
    if (said === null) return address
    address = said
    if (comma < 0 || !trusted.has(address)) return address
    end = comma
  }
  return address
}

const WITH_PORT = /^(?:\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/

/** Some write ports behind addresses; `unknown` and made-up names are no address. */
function addressIn(said: string): string | null {
  const match = isIP(said) === 0 ? WITH_PORT.exec(said) : null
  const address = match === null ? said : (match[1] ?? match[2] ?? '')
  if (isIP(address) === 0 || address.includes('%')) return null
  return plainAddress(address.toLowerCase())
}
