/** Client certificates: who is let in, and what upstreams are told of them. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { ConnectionOptions } from 'node:tls'
import { describe, expect, test } from 'vitest'
import {
  describeCertificate,
  subjectOf,
  urisOf,
} from '../../../src/proxy/listener/client-certificate.ts'
import { eventually } from '../exchange/eventually.ts'
import { type House, outcomeOf, pem, secureClient, secureSocket, startHouse, TLS } from './house.ts'

const HASH = new X509Certificate(pem('client.cert')).fingerprint256
  .replaceAll(':', '')
  .toLowerCase()
const TOLD = `Hash=${HASH};Subject="CN=client,O=Sluice Tests";URI=spiffe://test/client`

const CLIENT: ConnectionOptions = { cert: pem('client.cert'), key: pem('client.key') }
const STRANGER: ConnectionOptions = { cert: pem('stranger.cert'), key: pem('stranger.key') }

const startWith = (isRequired: boolean): Promise<House> =>
  startHouse({ listener: { tls: { ...TLS, clients: { ca: pem('ca'), isRequired } } } })

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
  test.each([
    ['required', 'none', true, {}, false],
    ['required', 'that of a stranger', true, STRANGER, false],
    ['required', 'one that we vouch for', true, CLIENT, true],
    ['optional', 'none', false, {}, true],
    ['optional', 'that of a stranger', false, STRANGER, false],
    ['optional', 'one that we vouch for', false, CLIENT, true],
  ])('a certificate is %s, and it is %s', async (_need, _which, isRequired, options, isServed) => {
    const house = await startWith(isRequired)
    const outcome = await outcomeOf(house.port, { ...options, maxVersion })
    expect(outcome === 'served').toBe(isServed)
    await eventually(() => house.refused).toEqual(isServed ? {} : { handshake: 1 })
    expect(house.told).toHaveLength(isServed ? 1 : 0)
    if (isServed) {
      expect(house.told[0]!.get('x-forwarded-client-cert')).toBe(
        options === CLIENT ? TOLD : undefined,
      )
    }
  })

  test('a resumed session still tells the certificate', async () => {
    const house = await startWith(true)
    const session = await sessionOf(house.port, { ...CLIENT, maxVersion })
    const socket = await secureSocket(house.port, { ...CLIENT, maxVersion, session })
    expect(socket.isSessionReused()).toBe(true)
    socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await once(socket, 'data')
    expect(house.told.map((fields) => fields.get('x-forwarded-client-cert'))).toEqual([TOLD, TOLD])
  })

  test('a session that other authorities let in is not resumed', async () => {
    const house = await startWith(true)
    const session = await sessionOf(house.port, { ...CLIENT, maxVersion })
    await house.listen({ tls: { ...TLS, clients: { ca: pem('other-ca'), isRequired: true } } })
    expect(await outcomeOf(house.port, { ...CLIENT, maxVersion, session })).not.toBe('served')
    expect(await outcomeOf(house.port, { ...STRANGER, maxVersion })).toBe('served')
  })
})

async function sessionOf(port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = await secureSocket(port, options)
  const tickets: Buffer[] = []
  socket.on('session', (ticket: Buffer) => tickets.push(ticket))
  socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await once(socket, 'data')
  const session = tickets.at(-1) ?? socket.getSession()
  expect(session).toBeDefined()
  socket.destroy()
  return session!
}

test('nobody can tell a certificate that is not theirs, trusted or not', async () => {
  for (const trustedProxies of [[], ['127.0.0.1']]) {
    const clients = { ca: pem('ca'), isRequired: false }
    const house = await startHouse({ listener: { tls: { ...TLS, clients } }, trustedProxies })
    const forged = 'X-Forwarded-Client-Cert: Hash=00\r\nX_Forwarded_Client_Cert: Hash=01\r\n'
    const nobody = await secureClient(house.port)
    await nobody.get('/', forged)
    const somebody = await secureClient(house.port, CLIENT)
    await somebody.get('/', `${forged}X-Forwarded-For: 203.0.113.5\r\n`)
    const told = house.told.map((fields) =>
      [...fields].filter(([name]) => /client.cert/.test(name)).map(([, value]) => value),
    )
    expect(told).toEqual([[], [TOLD]])
  }
})

test('why a certificate was refused is reported', async () => {
  const house = await startWith(false)
  await outcomeOf(house.port, STRANGER)
  await eventually(() => house.reports).toMatchObject([
    { rule: 'handshake', found: expect.stringContaining('UNABLE_TO_VERIFY_LEAF_SIGNATURE') },
  ])
})

describe('what is told', () => {
  test('of a certificate', () => {
    expect(describeCertificate(new X509Certificate(pem('client.cert')))).toBe(TOLD)
  })

  test.each([
    ['CN=a', 'CN=a'],
    ['C=DE\nO=Shop\nCN=a', 'CN=a,O=Shop,C=DE'],
    ['O=A\\, B\nCN=\\"a\\"', 'CN=\\"a\\",O=A\\, B'],
    ['CN=Jörg', 'CN=J\\C3\\B6rg'],
    ['CN=😀', 'CN=\\F0\\9F\\98\\80'],
    ['CN=a\rb', 'CN=a\\0Db'],
    ['', ''],
  ])('of the subject %j: %s', (subject, told) => {
    expect(subjectOf(subject)).toBe(told)
  })

  test.each([
    ['URI:spiffe://test/client', ['spiffe://test/client']],
    ['DNS:a.example, URI:urn:a, IP Address:127.0.0.1, URI:urn:b', ['urn:a', 'urn:b']],
    ['URI:"urn:a\\u002cb", URI:urn:c', ['"urn:a,b"', 'urn:c']],
    ['URI:urn:a;x=1', ['"urn:a;x=1"']],
    ['URI:"urn:a, URI:urn:admin"', []],
    ['URI:"urn:\\"a"', []],
    ['URI:"urn:\\u0000a"', []],
    ['URI:"urn:a\\r\\nx-forged: 1"', []],
    ['DNS:"x, URI:urn:admin"', []],
    ['', []],
  ])('of the names %j: %j', (names, told) => {
    expect(urisOf(names)).toEqual(told)
  })
})
