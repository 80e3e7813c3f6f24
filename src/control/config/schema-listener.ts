/** What may stand in `proxy.listeners`: where clients connect, and in which protocols. */

import { readListenHost } from './address.ts'
import { ENTRIES, LISTEN_PORT } from './defaults.ts'
import { choice, count, flag, text } from './leaf.ts'
import { NAME_PATTERN, readFileName, readName } from './names.ts'
import { customIssue, list, section } from './section.ts'

const CERT =
  'The file of the certificate, PEM, with its chain; relative to the folder of this file.'
const KEY = 'The file of its private key, PEM, without a passphrase.'

const CertificateSection = section({
  cert: text(readFileName, CERT),
  key: text(readFileName, KEY),
})

const ClientCertificates = section({
  ca: text(readFileName, 'The file of the authorities that clients are vouched for by, PEM.'),
  required: flag('Whether a client without a certificate is turned away. Default true.').prefault(
    true,
  ),
})

const ListenerTls = section({
  cert: text(readFileName, CERT).optional(),
  key: text(readFileName, KEY).optional(),
  certificates: list(CertificateSection, 1, ENTRIES.certificates)
    .optional()
    .describe(
      'Several certificates instead of one, chosen by the host that a client names. The first serves clients that name none, or one that no certificate is for.',
    ),
  minVersion: choice(
    ['1.2', '1.3'],
    'The oldest version of TLS that clients may speak. Default 1.2.',
  ).prefault('1.2'),
  clientCertificates: ClientCertificates.optional().describe(
    'Asks clients for a certificate; its subject is told upstream.',
  ),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { cert, key, certificates } = value
    const isPair = cert !== undefined && key !== undefined
    if (certificates === undefined ? isPair : cert === undefined && key === undefined) return
    issues.push(customIssue(value, [], 'needs "cert" and "key", or "certificates" instead'))
  })
  .meta({
    description:
      'The files by which clients connect over TLS. They are read again when they change.',
    dependencies: { cert: ['key'], key: ['cert'], certificates: { properties: { cert: false } } },
  })

export const Listener = section({
  name: text(readName, 'The name of the listener in logs and metrics.', NAME_PATTERN),
  host: text(
    readListenHost,
    'The address to listen on: 127.0.0.1 for this machine, 0.0.0.0 or "::" for all.',
  ),
  port: count(LISTEN_PORT, 'The port to listen on; 0 takes a free one.'),
  tls: ListenerTls.optional(),
  protocols: list(
    choice(
      ['http1', 'http2'],
      'http2 is agreed on in the TLS handshake; without TLS clients have to know that it is spoken.',
    ),
    1,
    2,
  )
    .optional()
    .describe('What clients may speak. Default [http1, http2] with tls, else [http1].'),
  proxyProtocol: flag(
    'Every connection comes from an address of trustedProxies and begins with a PROXY header, version 1 or 2. Default false.',
  ).prefault(false),
})
