/**
 * What upstreams are told of a client's certificate, in the words of Envoy's `x-forwarded-client-cert`: the SHA-256 of
 * the certificate, its subject and the URIs that it is for. Whoever chose these chose them for a certificate
 * that an authority of ours has signed, and still none of it may end the field or look like another part of it.
 */

import type { X509Certificate } from 'node:crypto'

/** What a URI may hold (RFC 3986 section 2). */
const URI = /^[\w.~:/?#[\]@!$&'()*+,;=%-]+$/
/** What means something in the field. */
const NEEDS_QUOTES = /[,;=]/
const BEYOND_ASCII = /[^\x20-\x7e]/gu
const URI_ENTRY = /(?:^|, )URI:(?:(?<quoted>"(?:[^"\\]|\\.)*")|(?<plain>[^,"]*))(?=, |$)/g

/** Returns the value of the field, printable ASCII. */
export function describeCertificate(certificate: X509Certificate): string {
  const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  const uris = urisOf(certificate.subjectAltName ?? '').map((uri) => `;URI=${uri}`)
  return `Hash=${hash};Subject="${subjectOf(certificate.subject)}"${uris.join('')}`
}

/**
 * Turns Node's subject, one attribute a line in the order of the certificate with its values escaped, into the
 * form of RFC 2253: backwards, with commas, in ASCII. Quotes come escaped.
 */
export function subjectOf(subject: string): string {
  const line = subject.split('\n').toReversed().join(',')
  return line.replaceAll(BEYOND_ASCII, (character) =>
    [...Buffer.from(character)].map((byte) => `\\${hex(byte)}`).join(''),
  )
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0')
}

/**
 * Returns the URIs among the alternative names as the field has them; what no URI can be is left out. Node shows a name
 * that could be taken for several as a JSON string.
 */
export function urisOf(subjectAltName: string): readonly string[] {
  return Array.from(subjectAltName.matchAll(URI_ENTRY), ({ groups }) => {
    const { quoted, plain } = groups!
    return quoted === undefined ? plain! : String(JSON.parse(quoted))
  })
    .filter((uri) => URI.test(uri))
    .map((uri) => (NEEDS_QUOTES.test(uri) ? `"${uri}"` : uri))
}
