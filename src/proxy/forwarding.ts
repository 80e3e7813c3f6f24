/**
 * What Sluice tells the upstream of the way a request came: X-Forwarded-For, -Proto, -Host and Via.
 *
 * From a trusted peer the client's own fields are extended, from any other they are replaced, since
 * anybody can write them.
 */

import { FORWARDED, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO } from './headers.ts'
import type { RequestHead } from './http1/request-head.ts'

/** Who speaks to us. */
export interface Peer {
  readonly address: string
  readonly isTrusted: boolean
  /** The lines that never change for an untrusted peer. */
  readonly lines: string
}

export const VIA_LINE = 'via: 1.1 sluice\r\n'

export function createPeer(address: string, isTrusted: boolean): Peer {
  const lines = `x-forwarded-for: ${address}\r\nx-forwarded-proto: http\r\n${VIA_LINE}`
  return { address, isTrusted, lines }
}

/** Returns header lines, each with its line end. Hot: for untrusted peers one concatenation. */
export function forwardingLines(peer: Peer, head: RequestHead): string {
  if (peer.isTrusted && head.hasForwarding) return trustedLines(peer, head)
  return head.host === '' ? peer.lines : `${peer.lines}x-forwarded-host: ${head.host}\r\n`
}

function trustedLines(peer: Peer, head: RequestHead): string {
  const chain = head.forwarding(X_FORWARDED_FOR)
  const proto = head.forwarding(X_FORWARDED_PROTO) || 'http'
  const host = head.forwarding(X_FORWARDED_HOST) || head.host
  const forwarded = head.forwarding(FORWARDED)
  return (
    `x-forwarded-for: ${chain === '' ? peer.address : `${chain}, ${peer.address}`}\r\n` +
    `x-forwarded-proto: ${proto}\r\nx-forwarded-host: ${host}\r\n` +
    (forwarded === '' ? '' : `forwarded: ${forwarded}\r\n`) +
    VIA_LINE
  )
}
