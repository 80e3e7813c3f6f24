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
  /** The lines that are the same for each of its requests, as long as what it says of others is not believed. */
  readonly lines: string
}

/** Via (RFC 9110 section 7.6.3), with the version in which the message came. */
export const VIA_LINE = 'via: 1.1 sluice\r\n'
const VIA_HTTP10_LINE = 'via: 1.0 sluice\r\n'

export function createPeer(address: string, isTrusted: boolean): Peer {
  const lines = `x-forwarded-for: ${address}\r\nx-forwarded-proto: http\r\n`
  return { address, isTrusted, lines }
}

/** Returns header lines, each with its line end. Hot: for untrusted peers one concatenation. */
export function forwardingLines(peer: Peer, head: RequestHead): string {
  const via = head.minorVersion === 1 ? VIA_LINE : VIA_HTTP10_LINE
  if (peer.isTrusted && head.hasForwarding) return trustedLines(peer, head) + via
  return peer.lines + hostLine(head.host) + via
}

function trustedLines(peer: Peer, head: RequestHead): string {
  const chain = head.forwarding(X_FORWARDED_FOR)
  const proto = head.forwarding(X_FORWARDED_PROTO) || 'http'
  const host = head.forwarding(X_FORWARDED_HOST) || head.host
  const forwarded = head.forwarding(FORWARDED)
  return (
    `x-forwarded-for: ${chain === '' ? peer.address : `${chain}, ${peer.address}`}\r\n` +
    `x-forwarded-proto: ${proto}\r\n` +
    hostLine(host) +
    (forwarded === '' ? '' : `forwarded: ${forwarded}\r\n`)
  )
}

function hostLine(host: string): string {
  return host === '' ? '' : `x-forwarded-host: ${host}\r\n`
}
