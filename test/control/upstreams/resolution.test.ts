/** Endpoints by name become one for each address; nothing else of a configuration changes. */

import { expect, test } from 'vitest'
import type { UpstreamConfig } from '../../../src/control/config/config.ts'
import { resolveConfig } from '../../../src/control/upstreams/resolution.ts'
import { configOf, sample } from '../config/sample.ts'

function resolved(endpoints: string, addresses: Record<string, readonly string[]>) {
  const written = configOf(sample({ upstreams: `upstreams: { a: { endpoints: [${endpoints}] } }` }))
  const found = resolveConfig(written, (host) => addresses[host] ?? null)
  return { ...found, a: found.config.upstreams.get('a')! }
}

function addressesOf({ endpoints }: UpstreamConfig): readonly string[] {
  return endpoints.map(({ host, port }) => `${host} ${port}`)
}

test('each address of a name is an endpoint, at the place of the name', () => {
  const found = resolved("'http://10.0.0.9:80', 'http://shop:81', 'http://pay:82'", {
    shop: ['10.0.0.1', 'fd00::1'],
    pay: ['10.0.0.2'],
  })
  expect(addressesOf(found.a)).toEqual(['10.0.0.9 80', '10.0.0.1 81', 'fd00::1 81', '10.0.0.2 82'])
  expect(found.hosts.get('a')).toEqual(['10.0.0.9', 'shop', 'shop', 'pay'])
})

test('a name that is not known yet stays as it is', () => {
  expect(addressesOf(resolved("'http://shop:81'", {}).a)).toEqual(['shop 81'])
})

test('the rest stays as it was written', () => {
  const found = resolved("{ url: 'http://shop', protocol: http2, weight: 7, zone: z }", {
    shop: ['10.0.0.1'],
  })
  expect(found.a.endpoints).toMatchObject([
    { host: '10.0.0.1', port: 80, protocol: 'http2', tls: null, weight: 7, zone: 'z' },
  ])
  expect({ ...found.config, upstreams: null }).toEqual({ ...found.written, upstreams: null })
  expect(found.written.upstreams.get('a')?.endpoints).toMatchObject([{ host: 'shop' }])
})

test('over TLS the name stays what is asked for and verified', () => {
  const addresses = { shop: ['10.0.0.1', '10.0.0.2'] }
  const { a } = resolved("'https://shop'", addresses)
  expect(a.endpoints.map(({ tls }) => tls?.serverName)).toEqual(['shop', 'shop'])
  expect(resolved("'https://10.0.0.1'", addresses).a.endpoints[0]?.tls?.serverName).toBeNull()
})

test('two names of one address are one endpoint in cleartext, and two over TLS', () => {
  const addresses = { shop: ['10.0.0.1'], pay: ['10.0.0.1', '10.0.0.2'] }
  const plain = resolved("'http://shop', 'http://pay'", addresses)
  expect(addressesOf(plain.a)).toEqual(['10.0.0.1 80', '10.0.0.2 80'])
  expect(plain.hosts.get('a')).toEqual(['shop', 'pay'])
  const secure = resolved("'https://shop', 'https://pay'", addresses)
  expect(addressesOf(secure.a)).toEqual(['10.0.0.1 443', '10.0.0.1 443', '10.0.0.2 443'])
})
