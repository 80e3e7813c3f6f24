/**
 * The certificates that a configuration names, tried one by one; and what else must hold where TLS is spoken.
 *
 * As in `rules.ts`, the file is looked at as it was written, so that a misspelt key does not hide a certificate that
 * does not load.
 */

import { CodedError } from '../coded-error.ts'
import { checkKey, dateWarning, hostNames, readAuthorities, readChain } from './certificates.ts'
import type { Path } from './fault.ts'
import { attempt, get, isMap, items } from './lookup.ts'
import { readFileName } from './names.ts'
import type { NamedFiles } from './named-files.ts'

/** Tells what is wrong, or what may be, at a place of the file. */
type Tell = (path: Path, message: string) => void

export interface CertificateCheck {
  readonly files: NamedFiles
  /** Wall clock, by which certificates expire. */
  readonly nowMs: number
  readonly complain: Tell
  readonly warn: Tell
}

/** `value` is what `readDocument` gave. */
export function checkCertificates(value: unknown, check: CertificateCheck): void {
  for (const { path, value: listener } of items(value, ['proxy', 'listeners'])) {
    checkListener(get(listener, 'tls'), [...path, 'tls'], check)
  }
  const upstreams = get(value, 'upstreams')
  for (const [name, upstream] of Object.entries(isMap(upstreams) ? upstreams : {})) {
    checkUpstream(upstream, ['upstreams', name], check)
  }
}

function checkListener(tls: unknown, path: Path, check: CertificateCheck): void {
  if (!isMap(tls)) return
  checkPair(tls, path, check)
  const list = items(tls, ['certificates'])
  list.forEach(({ value: pair, path: place }, index) => {
    const names = checkPair(pair, [...path, ...place], check)
    if (index === 0 || names === null || names.length > 0) return
    check.warn(
      [...path, ...place],
      'is for no host name (subjectAltName) and is not the first, so no client is ever shown it',
    )
  })
  const clients = get(tls, 'clientCertificates')
  checkAuthorities(get(clients, 'ca'), [...path, 'clientCertificates', 'ca'], check)
}

function checkUpstream(upstream: unknown, path: Path, check: CertificateCheck): void {
  const tls = get(upstream, 'tls')
  if (!isMap(tls)) return
  const place = [...path, 'tls']
  checkPair(tls, place, check)
  checkAuthorities(get(tls, 'ca'), [...place, 'ca'], check)
  const urls = items(upstream, ['endpoints']).map(({ value }) =>
    isMap(value) ? value['url'] : value,
  )
  if (urls.length > 0 && urls.every((url) => typeof url === 'string' && !/^https:/i.test(url))) {
    check.complain(place, 'is for https:// endpoints, but this upstream has none')
  }
  const verify = get(tls, 'verify')
  if (verify === false || verify === 'false') {
    check.warn(
      [...place, 'verify'],
      'is off, so whoever answers at an endpoint is believed; give its authority as "ca" instead',
    )
  }
}

/** Returns the host names of the certificate; null where it cannot be used, or is none. */
function checkPair(pair: unknown, path: Path, check: CertificateCheck): readonly string[] | null {
  const { files, complain } = check
  const cert = attempt(readFileName, get(pair, 'cert'))
  const key = attempt(readFileName, get(pair, 'key'))
  if (cert === undefined) return null
  const place = [...path, 'cert']
  const chain = tried(() => readChain(files, cert), place, complain)
  if (chain === undefined) return null
  checkDates('certificate', { name: cert, certificates: chain, path: place }, check)
  if (key !== undefined) tried(() => checkKey(files, { cert, key }), [...path, 'key'], complain)
  return hostNames(chain[0]!)
}

function checkAuthorities(found: unknown, path: Path, check: CertificateCheck): void {
  const name = attempt(readFileName, found)
  if (name === undefined) return
  const certificates = tried(() => readAuthorities(check.files, name), path, check.complain)
  if (certificates !== undefined) checkDates('authority', { name, certificates, path }, check)
}

function checkDates(
  what: string,
  found: { name: string; certificates: ReturnType<typeof readChain>; path: Path },
  { nowMs, warn }: CertificateCheck,
): void {
  const warnings = found.certificates.map((each) => dateWarning(each, nowMs))
  const first = warnings.find((each) => each !== null)
  if (first !== undefined) warn(found.path, `${what} ${found.name} ${first}`)
}

function tried<T>(read: () => T, path: Path, complain: Tell): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    complain(path, error.message)
    return undefined
  }
}
