/**
 * Addresses: where we listen, where upstreams live, which hosts a route takes, whom we believe.
 *
 * Own grammars instead of `new URL`, which repairs what it reads (`http:a`, `0x7f.1`, a lost slash): a
 * configuration should say what it means. Readers throw `CodedError` (`invalidConfig`).
 */

import { isIP, isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { ENDPOINT_PORT } from './defaults.ts'
import { quote, refused } from './wording.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Where an upstream's endpoint is, and whether it is reached over TLS. */
export interface EndpointAddress extends Address {
  readonly isTls: boolean
}

export const ENDPOINT_PATTERN = '^https?://[^/?#@]+$'

const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
const HOSTNAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`)
const ENDPOINT = /^(?<scheme>[a-z][a-z0-9+.-]*:\/\/)?(?<authority>[^/?#]*)(?<rest>.*)$/is
const AUTHORITY = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>\d+))?$/

/** Reads an address to listen on: an IP address without brackets, or a host name. */
export function readListenHost(text: string): string {
  if (isIPv6(text.replace(/^\[(.*)\]$/, '$1')) && text.startsWith('[')) {
    throw refused(`${quote(text)} has brackets; write "${text.slice(1, -1)}"`)
  }
  if (isIP(text) !== 0) return text
  if (isHostname(text)) return text.toLowerCase()
  throw refused(
    `${quote(text)} is not an address; write an IP address such as 127.0.0.1, or a host name`,
  )
}

/** Reads an endpoint, `http://host:port` or `https://host:port`; the port may be left out for 80 or 443. */
export function readEndpoint(text: string): EndpointAddress {
  const { scheme, authority, rest } = groups(ENDPOINT, text)
  if (authority?.includes('@')) throw refused('an endpoint has no user name or password')
  if (scheme === undefined) throw refused(`${quote(text)} has no scheme; write "http://${text}"`)
  const isTls = scheme.toLowerCase() === 'https://'
  if (!isTls && scheme.toLowerCase() !== 'http://') {
    throw refused(
      `${quote(text)} begins with ${scheme}, but only http:// and https:// are possible`,
    )
  }
  const { ipv6, name, port } = groups(AUTHORITY, authority ?? '')
  const isHost = ipv6 === undefined ? name !== undefined && isHostOrIpv4(name) : isIPv6(ipv6)
  if (!isHost) throw refused(`${quote(text)} has no host; write it like http://10.0.0.1:8080`)
  const standard = isTls ? ENDPOINT_PORT.ofHttps : ENDPOINT_PORT.ofHttp
  const portNumber = port === undefined ? standard : Number(port)
  if (portNumber < ENDPOINT_PORT.min || portNumber > ENDPOINT_PORT.max) {
    throw refused(
      `${quote(text)} has port ${port}; ports go from ${ENDPOINT_PORT.min} to ${ENDPOINT_PORT.max}`,
    )
  }
  if (rest !== undefined && rest !== '') {
    throw refused(
      `${quote(text)} has "${rest}" after the host; requests keep their own path, write "${scheme}${authority}"`,
    )
  }
  return { host: (ipv6 ?? name ?? '').toLowerCase(), port: portNumber, isTls }
}

/** Reads a name for SNI, which has no place for addresses (RFC 6066 section 3). */
export function readServerName(text: string): string {
  if (isIP(text) !== 0) throw refused(`${quote(text)} is an address; a server name is a host name`)
  if (isHostname(text)) return text.toLowerCase()
  throw refused(`${quote(text)} is not a host name, such as shop.example.com`)
}

/** Reads a host that a route takes: lower case, without port, perhaps with `*.` in front. */
export function readHostPattern(text: string): string {
  const host = text.toLowerCase()
  if (host === '*') throw refused('"*" is every host; leave host out instead')
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(host)) {
    throw refused(`${quote(text)} has a scheme; write the host alone, such as shop.example.com`)
  }
  const { ipv6, name, port } = groups(AUTHORITY, host)
  if (port !== undefined) {
    throw refused(
      `${quote(text)} has a port, which is not compared; write "${host.slice(0, host.lastIndexOf(':'))}"`,
    )
  }
  if (ipv6 !== undefined && isIPv6(ipv6)) return host
  if (isIPv6(host))
    throw refused(`${quote(text)} needs brackets, as in the Host header; write "[${host}]"`)
  if (name === undefined) throw refused(notAHost(text))
  const base = name.startsWith('*.') ? name.slice(2) : name
  if (base.includes('*'))
    throw refused(`${quote(text)} has a "*" that is not the first label, as in *.example.com`)
  if (isHostOrIpv4(base)) return host
  const ascii = domainToASCII(base)
  const isInternational = /[^\0-\x7f]/.test(base) && isHostname(ascii)
  throw refused(
    isInternational
      ? `${quote(text)} is not ASCII; write it as requests do, "${host.replace(base, ascii)}"`
      : notAHost(text),
  )
}

/** Reads an IP address or a range of them, such as `10.0.0.0/8`. */
export function readCidr(text: string): string {
  const [address = '', bits, ...more] = text.split('/')
  const version = address.includes('%') ? 0 : isIP(address)
  if (version === 0 || more.length > 0) {
    throw refused(`${quote(text)} is not an address or a range, such as 10.0.0.0/8`)
  }
  const maxBits = version === 4 ? 32 : 128
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > maxBits)) {
    throw refused(`${quote(text)} has "/${bits}"; an IPv${version} range has 0 to ${maxBits} bits`)
  }
  return text
}

/** Whether only this machine can reach the address. A name other than `localhost` counts as reachable. */
export function isLoopback(host: string): boolean {
  const address = canonical(host)
  if (isIPv4(address)) return address.startsWith('127.')
  return address === 'localhost' || address === '::1' || address.startsWith('::ffff:7f')
}

/** Whether two listening addresses would get in each other's way, as far as can be told without DNS. */
export function collide(a: Address, b: Address): boolean {
  if (a.port !== b.port || a.port === 0) return false
  const [hostA, hostB] = [canonical(a.host), canonical(b.host)]
  return hostA === hostB || covers(hostA, hostB) || covers(hostB, hostA)
}

export function formatAddress({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** `::` takes IPv4 connections too. */
function covers(wide: string, host: string): boolean {
  if (wide === '::') return true
  if (wide === '0.0.0.0') return !isIPv6(host)
  return wide === 'localhost' && (host === '127.0.0.1' || host === '::1')
}

function canonical(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host.split('%')[0]}]`).hostname.slice(1, -1) : host
}

function isHostOrIpv4(host: string): boolean {
  return isIPv4(host) || isHostname(host)
}

/** A last label of digits is meant as an IPv4 address, and is a wrong one (WHATWG URL, section 3.5). */
function isHostname(host: string): boolean {
  return HOSTNAME.test(host) && !/(?:^|\.)\d+$/.test(host)
}

function notAHost(text: string): string {
  return `${quote(text)} is not a host, such as shop.example.com or *.example.com`
}

function groups(pattern: RegExp, text: string): Record<string, string | undefined> {
  return pattern.exec(text)?.groups ?? {}
}
