/**
 * What Sluice tells the upstream of the way a request came: X-Forwarded-For, -Proto and -Host.
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
  /** Whether it speaks TLS with us. */
  readonly isSecure: boolean
  readonly proto: 'http' | 'https'
  /** The line that tells its certificate; empty without one. */
  readonly certificate: string
  /** The lines that are the same for each of its requests, as long as what it says of others is not believed. */
  readonly lines: string
}

export function createPeer(options: {
  readonly address: string
  readonly isTrusted: boolean
  readonly isSecure: boolean
  /** What `x-forwarded-client-cert` says; null without a certificate. */
  readonly clientCertificate: string | null
}): Peer {
  const { address, isSecure, clientCertificate } = options
  const proto = isSecure ? 'https' : 'http'
  const certificate =
    clientCertificate === null ? '' : `x-forwarded-client-cert: ${clientCertificate}\r\n`
  const lines = `x-forwarded-for: ${address}\r\nx-forwarded-proto: ${proto}\r\n${certificate}`
  return { ...options, proto, certificate, lines }
}

/** Returns header lines, each with its line end. Hot: for untrusted peers one concatenation. */
export function forwardingLines(peer: Peer, head: RequestHead): string {
  if (peer.isTrusted && head.hasForwarding) return trustedLines(peer, head)
  return peer.lines + hostLine(head.host)
}

function trustedLines(peer: Peer, head: RequestHead): string {
  const chain = head.forwarding(X_FORWARDED_FOR)
  const proto = head.forwarding(X_FORWARDED_PROTO) || peer.proto
  const host = head.forwarding(X_FORWARDED_HOST) || head.host
  const forwarded = head.forwarding(FORWARDED)
  return (
    `x-forwarded-for: ${chain === '' ? peer.address : `${chain}, ${peer.address}`}\r\n` +
    `x-forwarded-proto: ${proto}\r\n` +
    hostLine(host) +
    peer.certificate +
    (forwarded === '' ? '' : `forwarded: ${forwarded}\r\n`)
  )
}

function hostLine(host: string): string {
  return host === '' ? '' : `x-forwarded-host: ${host}\r\n`
}
