/**
 * Certificates, keys and authorities, as the configuration names them: read, and tried the way the proxy will use them.
 *
 * All that can be wrong is found here, with the name of the file, so that a thread never meets a certificate that does
 * not load. An expired one is no fault: clients may refuse it, but a proxy that refuses to start serves nobody.
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Certificate } from '../../proxy/snapshot.ts'
import { CodedError } from '../coded-error.ts'
import type { NamedFiles } from './named-files.ts'
import { refused } from './wording.ts'

/** The names of the files of a certificate and of its key. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
const KEY = /-----BEGIN (?<kind>[A-Z ]*)PRIVATE KEY-----/
const DER_SEQUENCE = '\x30\x82'
const HOST_NAME = /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/**
 * Reads the certificates of a file, the server's or client's own first.
 * Throws `CodedError` (`invalidConfig`) with a sentence that names the file.
 */
export function readChain(files: NamedFiles, name: string): readonly X509Certificate[] {
  return about('certificate', name, () => certificatesIn(files.read(name)))
}

/** As `readChain`, of those who sign certificates. */
export function readAuthorities(files: NamedFiles, name: string): readonly X509Certificate[] {
  return about('authority', name, () => certificatesIn(files.read(name)))
}

/** Tries whether the key is one, belongs to the certificate and is strong enough for TLS. Throws as `readChain` does. */
export function checkKey(files: NamedFiles, { cert, key }: KeyPair): void {
  const [own, ...others] = readChain(files, cert)
  const pem = files.read(cert)
  about('key', key, () => {
    const privateKey = keyIn(files.read(key))
    if (own!.checkPrivateKey(privateKey)) return
    const place = others.findIndex((other) => other.checkPrivateKey(privateKey))
    if (place === -1) throw refused(`it does not belong to the certificate ${cert}`)
    throw refused(
      `it belongs to certificate ${place + 2} of ${cert}; put that one first and its issuers after it`,
    )
  })
  about('certificate', cert, () => {
    try {
      createSecureContext({ cert: pem, key: files.read(key) })
    } catch (error) {
      throw refused(reasonOf(error))
    }
  })
}

/** Returns a certificate that `checkKey` has passed, with the host names that it is for. */
export function toCertificate(files: NamedFiles, { cert, key }: KeyPair): Certificate {
  const [own] = readChain(files, cert)
  return { names: hostNames(own!), cert: files.read(cert), key: files.read(key) }
}

/** Returns the DNS names (RFC 5280 section 4.2.1.6) in lower case; the common name counts for nobody any more. */
export function hostNames({ subjectAltName = '' }: X509Certificate): readonly string[] {
  // A name with a comma or quote in it is shown as a JSON string, which is no host name, whatever it holds.
  return subjectAltName
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice('DNS:'.length).toLowerCase())
    .filter((name) => HOST_NAME.test(name))
}

/** Returns what is wrong with the dates of a certificate, in words that follow «certificate FILE»; null where all is well. */
export function dateWarning(certificate: X509Certificate, nowMs: number): string | null {
  const { validFromDate, validToDate } = certificate
  if (nowMs > validToDate.getTime()) return `has expired on ${validToDate.toISOString()}`
  if (nowMs < validFromDate.getTime()) return `is not valid before ${validFromDate.toISOString()}`
  return null
}

function certificatesIn(text: string): readonly X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0) {
    const advice = text.startsWith(DER_SEQUENCE)
      ? '; it looks like DER, "openssl x509 -inform der" converts it'
      : ''
    throw refused(`no PEM certificate in it${advice}`)
  }
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw refused(`certificate ${i + 1} of ${blocks.length} in it is damaged: ${reasonOf(error)}`)
    }
  })
}

function keyIn(text: string): KeyObject {
  const kind = KEY.exec(text)?.groups?.['kind']
  if (kind === undefined) throw refused('no PEM private key in it')
  if (kind.startsWith('ENCRYPTED') || text.includes('Proc-Type: 4,ENCRYPTED')) {
    throw refused('it is encrypted; give a key without a passphrase, readable by Sluice alone')
  }
  try {
    return createPrivateKey(text)
  } catch (error) {
    throw refused(`it is damaged: ${reasonOf(error)}`)
  }
}

function about<T>(what: string, name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw refused(`Cannot use ${what} ${name}: ${error.message}`)
  }
}

/** OpenSSL's words, without its numbers. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && 'reason' in error) return String(error.reason)
  return error instanceof Error ? error.message : String(error)
}
