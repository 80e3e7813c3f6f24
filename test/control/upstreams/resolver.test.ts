/** Names through a real name server. */

import { expect, test } from 'vitest'
import { createResolver } from '../../../src/control/upstreams/resolver.ts'
import { startDns } from './dns-server.ts'

test('addresses come with their time to live, by family', async () => {
  const names = new Map([['shop.example', ['10.0.0.1', '10.0.0.2', 'fd00::1']]])
  const resolver = createResolver([await startDns({ names, ttl: 42 })])
  const found = await resolver.resolve4('shop.example')
  expect(found.toSorted((a, b) => a.address.localeCompare(b.address))).toEqual([
    { address: '10.0.0.1', ttl: 42 },
    { address: '10.0.0.2', ttl: 42 },
  ])
  expect(await resolver.resolve6('shop.example')).toEqual([{ address: 'fd00::1', ttl: 42 }])
})

test('what is not there is told apart from a server that is away', async () => {
  const resolver = createResolver([await startDns({ names: new Map([['a.example', []]]), ttl: 1 })])
  await expect(resolver.resolve4('b.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  await expect(resolver.resolve4('a.example')).rejects.toMatchObject({ code: 'ENODATA' })
  // Discard: nobody listens there.
  const away = createResolver(['127.0.0.1:9'])
  await expect(away.resolve4('a.example')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('the system knows localhost', async () => {
  expect(await createResolver().lookup('localhost')).toContain('127.0.0.1')
})
