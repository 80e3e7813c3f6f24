/** Users who stay on their variant, whatever tells them apart: each is one toss of the coin, and evidence once. */

import { expect, test } from 'vitest'
import { createUnitBuffer } from '../../../src/proxy/settlement/units.ts'
import type { Sticky } from '../../../src/proxy/snapshot.ts'
import { part, unsigned } from '../cohort/token/tokens.ts'
import { type Client, connectClient } from './client.ts'
import { CANARY, STABLE, startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

const AGE_MS = 20_000

async function start(sticky: Sticky) {
  const upstream = await startUpstream((request) => request.answer(500))
  const proxy = await startProxy(
    {
      stable: [upstream.port],
      canary: { endpoints: [upstream.port], weightBp: 5_000 },
      trustedProxies: ['127.0.0.1'],
      route: { sticky, settlement: { name: 'all/1', ageMs: AGE_MS, units: createUnitBuffer() } },
    },
    () => {
      throw new Error('a request with a unit is not drawn')
    },
  )
  const client: Client = await connectClient(proxy.port)
  return { proxy, client }
}

const SOURCES = [
  ['a header', { kind: 'header', name: 'x-user' }, (user: number) => `X-User: ${user}`],
  ['a cookie', { kind: 'cookie', name: 'c', mint: false }, (user: number) => `Cookie: c=${user}`],
  [
    'a claim',
    { kind: 'jwtClaim', name: 'sub' },
    (user: number) => `Authorization: Bearer ${unsigned({ sub: user, jti: part(`${user}`) })}`,
  ],
  ['an address', { kind: 'address' }, (user: number) => `X-Forwarded-For: 203.0.113.${user}`],
] as const

test.for(SOURCES)('units by %s count once for all their requests', async ([, source, line]) => {
  const { proxy, client } = await start([source])
  const sides: number[] = []
  for (let user = 1; user <= 12; user++) {
    for (let n = 0; n < 3; n++) await client.get('/', `${line(user)}\r\n`)
    sides.push(proxy.counted(CANARY).started)
  }
  // Three requests of one user go to one side.
  expect(sides.every((count) => count % 3 === 0)).toBe(true)
  await proxy.advance(AGE_MS)
  const of = (key: string) => (proxy.settled(STABLE)[key] ?? 0) + (proxy.settled(CANARY)[key] ?? 0)
  expect(['errors', 'seenUnits', 'failedUnits', 'firstFailedUnits'].map(of)).toEqual([
    36, 12, 12, 12,
  ])
})
