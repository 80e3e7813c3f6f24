/** Names through a real name server. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createResolver } from '../../../src/control/upstreams/resolver.ts'
import { startDns } from './dns-server.ts'

test('addresses come with their time to live, by family', async () => {
  const names = new Map([['shop.example', ['10.0.0.1', '10.0.0.2', 'fd00::1']]])
  const resolver = createResolver({ servers: [await startDns({ names, ttl: 42 })] })
  const found = await resolver.resolve4('shop.example')
  expect(found.toSorted((a, b) => a.address.localeCompare(b.address))).toEqual([
    { address: '10.0.0.1', ttl: 42 },
    { address: '10.0.0.2', ttl: 42 },
  ])
  expect(await resolver.resolve6('shop.example')).toEqual([{ address: 'fd00::1', ttl: 42 }])
})

test('what is not there is told apart from a server that is away', async () => {
  const names = new Map([['a.example', []]])
  const resolver = createResolver({ servers: [await startDns({ names, ttl: 1 })] })
  await expect(resolver.resolve4('b.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  await expect(resolver.resolve4('a.example')).rejects.toMatchObject({ code: 'ENODATA' })
  // Discard: nobody listens there.
  const away = createResolver({ servers: ['127.0.0.1:9'] })
  await expect(away.resolve4('a.example')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('the system knows localhost', async () => {
  expect(await createResolver().lookup('localhost')).toContain('127.0.0.1')
})

test('the hosts file is read as it stands', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-hosts-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const hostsFile = join(folder, 'hosts')
  const resolver = createResolver({ hostsFile })
  expect(await resolver.isInHostsFile('shop')).toBe(false)
  writeFileSync(hostsFile, '# 10.0.0.1 old\n10.0.0.2\tShop shop.example # pay\n\n::1 six\n')
  const names = ['shop', 'shop.example', 'six', 'old', 'pay', '10.0.0.2', '#', '']
  const found: string[] = []
  for (const name of names) if (await resolver.isInHostsFile(name)) found.push(name)
  expect(found).toEqual(['shop', 'shop.example', 'six'])
})
