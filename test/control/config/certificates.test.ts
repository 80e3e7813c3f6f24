import { createPrivateKey, X509Certificate } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { formatFault } from '../../../src/control/config/fault.ts'
import { checkConfig, sourceOf } from '../../../src/control/config/load.ts'
import { sample, type Sections } from './sample.ts'

const MADE = join(import.meta.dirname, '../../certificates')
const DAMAGED = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'

const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'))
afterAll(() => rmSync(folder, { recursive: true }))

const made = (name: string) => readFileSync(join(MADE, name), 'utf8')
for (const [name, from] of [
  ['a.pem', 'a.example.cert.pem'],
  ['a.key', 'a.example.key.pem'],
  ['b.pem', 'wildcard.b.example.cert.pem'],
  ['b.key', 'wildcard.b.example.key.pem'],
  ['client.pem', 'client.cert.pem'],
  ['client.key', 'client.key.pem'],
  ['ca.pem', 'ca.pem'],
] as const) {
  copyFileSync(join(MADE, from), join(folder, name))
}
const encrypted = { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' } as const
for (const [name, content] of [
  ['text.pem', 'no certificate'],
  ['a.der', new X509Certificate(made('a.example.cert.pem')).raw],
  ['damaged.pem', made('a.example.cert.pem') + DAMAGED],
  ['damaged.key', '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n'],
  ['locked.key', createPrivateKey(made('a.example.key.pem')).export(encrypted)],
  ['reversed.pem', made('ca.pem') + made('a.example.cert.pem')],
  ['large.pem', '#'.repeat(1024 * 1024 + 1)],
] as const) {
  writeFileSync(join(folder, name), content)
}

function check(change: Sections, nowMs: number = Date.UTC(2030, 0)) {
  const source = { ...sourceOf(join(folder, 'f'), {}), nowMs }
  return checkConfig(sample(change), { ...source, file: 'f' })
}

const lines = (faults: Parameters<typeof formatFault>[0][]) => faults.map(formatFault)

const tls = (keys: string): Sections => ({
  proxy: `proxy: { listeners: [{ name: p, host: ::1, port: 1, tls: ${keys} }] }`,
})
const upstreamTls = (keys: string): Sections => ({
  upstreams: `upstreams: { a: { endpoints: ['https://h:1'], tls: ${keys} } }`,
})

test.for([
  { name: 'a good pair', change: tls('{ cert: a.pem, key: a.key }'), faults: [] },
  {
    name: 'no file',
    change: tls('{ cert: c.pem, key: a.key }'),
    faults: [
      'f:2:66 proxy.listeners[0].tls.cert: Cannot use certificate c.pem: there is no such file',
    ],
  },
  {
    name: 'a folder, and a key without a file',
    change: tls('{ certificates: [{ cert: ., key: a.key }, { cert: a.pem, key: c.key }] }'),
    faults: [
      'f:2:83 proxy.listeners[0].tls.certificates[0].cert: Cannot use certificate .: is a folder',
      'f:2:120 proxy.listeners[0].tls.certificates[1].key: Cannot use key c.key: there is no such file',
    ],
  },
  {
    name: 'a device',
    change: tls('{ cert: /dev/null, key: a.key }'),
    faults: ['f:2:66 proxy.listeners[0].tls.cert: Cannot use certificate /dev/null: is not a file'],
  },
  {
    name: 'a file that is too large',
    change: tls('{ cert: large.pem, key: a.key }'),
    faults: [
      'f:2:66 proxy.listeners[0].tls.cert: Cannot use certificate large.pem: is larger than 1 MiB',
    ],
  },
  {
    name: 'text that is no certificate',
    change: tls('{ cert: text.pem, key: text.pem }'),
    faults: [
      'f:2:66 proxy.listeners[0].tls.cert: Cannot use certificate text.pem: no PEM certificate in it',
    ],
  },
  {
    name: 'a certificate in DER',
    change: tls('{ cert: a.der, key: a.key }'),
    faults: [
      'f:2:66 proxy.listeners[0].tls.cert: Cannot use certificate a.der: no PEM certificate in it; it looks like DER, "openssl x509 -inform der" converts it',
    ],
  },
  {
    name: 'a damaged chain',
    change: tls('{ cert: damaged.pem, key: a.key }'),
    faults: [
      expect.stringMatching(
        /^f:2:66 proxy\.listeners\[0\]\.tls\.cert: Cannot use certificate damaged\.pem: certificate 2 of 2 in it is damaged: \w/,
      ),
    ],
  },
  {
    name: 'a certificate where the key should be',
    change: tls('{ cert: a.pem, key: a.pem }'),
    faults: ['f:2:78 proxy.listeners[0].tls.key: Cannot use key a.pem: no PEM private key in it'],
  },
  {
    name: 'the key of another certificate',
    change: tls('{ cert: a.pem, key: b.key }'),
    faults: [
      'f:2:78 proxy.listeners[0].tls.key: Cannot use key b.key: it does not belong to the certificate a.pem',
    ],
  },
  {
    name: 'a chain that begins with the authority',
    change: tls('{ cert: reversed.pem, key: a.key }'),
    faults: [
      'f:2:85 proxy.listeners[0].tls.key: Cannot use key a.key: it belongs to certificate 2 of reversed.pem; put that one first and its issuers after it',
    ],
  },
  {
    name: 'a key with a passphrase',
    change: tls('{ cert: a.pem, key: locked.key }'),
    faults: [
      'f:2:78 proxy.listeners[0].tls.key: Cannot use key locked.key: it is encrypted; give a key without a passphrase, readable by Sluice alone',
    ],
  },
  {
    name: 'a damaged key',
    change: tls('{ cert: a.pem, key: damaged.key }'),
    faults: [
      expect.stringMatching(
        /^f:2:78 proxy\.listeners\[0\]\.tls\.key: Cannot use key damaged\.key: it is damaged: \w/,
      ),
    ],
  },
  {
    name: 'an authority that is none',
    change: tls('{ cert: a.pem, key: a.key, clientCertificates: { ca: text.pem } }'),
    faults: [
      'f:2:111 proxy.listeners[0].tls.clientCertificates.ca: Cannot use authority text.pem: no PEM certificate in it',
    ],
  },
  {
    name: 'the files of an upstream',
    change: upstreamTls('{ ca: c.pem, cert: client.pem, key: a.key }'),
    faults: [
      'f:3:58 upstreams.a.tls.ca: Cannot use authority c.pem: there is no such file',
      'f:3:88 upstreams.a.tls.key: Cannot use key a.key: it does not belong to the certificate client.pem',
    ],
  },
  {
    name: 'a key without its certificate',
    change: upstreamTls('{ key: a.key }'),
    faults: ['f:3:52 upstreams.a.tls: needs "cert" and "key", or neither'],
  },
])('$name', ({ change, faults }) => {
  expect(lines([...(check(change).faults ?? [])])).toEqual(faults)
})

test('a listener has its certificates as PEM with the names that they are for', () => {
  const change = tls(
    '{ certificates: [{ cert: a.pem, key: a.key }, { cert: b.pem, key: b.key }], minVersion: 1.3, clientCertificates: { ca: ca.pem, required: false } }',
  )
  expect(check(change).config?.proxy.listeners[0]).toEqual({
    name: 'p',
    host: '::1',
    port: 1,
    protocols: { http1: true, http2: true },
    tls: {
      certificates: [
        {
          names: ['a.example', 'localhost'],
          cert: made('a.example.cert.pem'),
          key: made('a.example.key.pem'),
        },
        {
          names: ['*.b.example'],
          cert: made('wildcard.b.example.cert.pem'),
          key: made('wildcard.b.example.key.pem'),
        },
      ],
      minVersion: 'TLSv1.3',
      clients: { ca: made('ca.pem'), isRequired: false },
    },
    proxyProtocol: false,
  })
})

const PLAIN = { weight: 1, zone: null, metadata: {} }

test('only https endpoints of an upstream are spoken to over TLS', () => {
  const keys = '{ ca: ca.pem, cert: client.pem, key: client.key, serverName: A.example }'
  const change = {
    upstreams: `upstreams: { a: { endpoints: ['https://h', 'http://h'], tls: ${keys} } }`,
  }
  expect(check(change).config?.upstreams.get('a')?.endpoints).toEqual([
    {
      host: 'h',
      port: 443,
      protocol: 'http1',
      tls: {
        ca: made('ca.pem'),
        identity: { cert: made('client.cert.pem'), key: made('client.key.pem') },
        serverName: 'a.example',
        isVerified: true,
      },
      ...PLAIN,
    },
    { host: 'h', port: 80, protocol: 'http1', tls: null, ...PLAIN },
  ])
})

test('an https endpoint is verified unless the file says otherwise', () => {
  const change = { upstreams: "upstreams: { a: { endpoints: ['https://h:1'] } }" }
  expect(check(change).config?.upstreams.get('a')?.endpoints[0]?.tls).toEqual({
    ca: null,
    identity: null,
    serverName: null,
    isVerified: true,
  })
})

test.for([
  {
    name: 'a certificate that has expired',
    change: tls('{ cert: a.pem, key: a.key }'),
    nowMs: Date.UTC(2125, 0),
    warning:
      'f:2:66 proxy.listeners[0].tls.cert: certificate a.pem has expired on 2124-01-01T00:00:00.000Z',
  },
  {
    name: 'an authority that is not valid yet',
    change: upstreamTls('{ ca: ca.pem }'),
    nowMs: Date.UTC(2023, 0),
    warning:
      'f:3:58 upstreams.a.tls.ca: authority ca.pem is not valid before 2024-01-01T00:00:00.000Z',
  },
  {
    name: 'endpoints that are not verified',
    change: upstreamTls('{ verify: false }'),
    warning:
      'f:3:62 upstreams.a.tls.verify: is off, so whoever answers at an endpoint is believed; give its authority as "ca" instead',
  },
  {
    name: 'a certificate that nobody is shown',
    change: tls(
      '{ certificates: [{ cert: a.pem, key: a.key }, { cert: client.pem, key: client.key }] }',
    ),
    warning:
      'f:2:104 proxy.listeners[0].tls.certificates[1]: is for no host name (subjectAltName) and is not the first, so no client is ever shown it',
  },
])('$name is a warning, and taken', ({ change, nowMs, warning }) => {
  expect(lines([...(check(change, nowMs).config?.warnings ?? [])])).toEqual([warning])
})
