/** When names are asked for, and what stays in force, with a resolver and a clock of the test's own. */

import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { AddressRecord, Resolver } from '../../../src/control/upstreams/answer.ts'
import { ADDRESS_LIMIT, Names } from '../../../src/control/upstreams/names.ts'

type Answer = readonly AddressRecord[] | string

/** A resolver that answers what the test says, by name; a text is the code of an error. */
function start() {
  const bench = {
    nowMs: 0,
    four: new Map<string, Answer>(),
    six: new Map<string, Answer>(),
    system: new Map<string, readonly string[]>(),
    hosts: new Set<string>(),
    hasIpv6: true,
    asked: [] as { readonly name: string; readonly atMs: number }[],
    changeCount: 0,
    logged: [] as string[],
  }
  const answer = async (answers: Map<string, Answer>, name: string) => {
    const found = answers.get(name) ?? 'ENOTFOUND'
    if (typeof found === 'string') throw Object.assign(new Error(found), { code: found })
    return found
  }
  const resolver: Resolver = {
    resolve4(name) {
      bench.asked.push({ name, atMs: bench.nowMs })
      return answer(bench.four, name)
    },
    resolve6: (name) => answer(bench.six, name),
    async lookup(name) {
      const found = bench.system.get(name)
      if (found === undefined) throw Object.assign(new Error('no'), { code: 'ENOTFOUND' })
      return found
    },
    isInHostsFile: async (name) => bench.hosts.has(name),
    hasIpv6: () => bench.hasIpv6,
    close: () => undefined,
  }
  const names = new Names({
    resolver,
    nowMs: () => bench.nowMs,
    random: () => 0,
    log: {
      info: (message) => void bench.logged.push(message),
      warn: (message) => void bench.logged.push(message),
    },
    onChange: () => bench.changeCount++,
  })
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = bench.nowMs + ms; bench.nowMs < endMs;) {
      bench.nowMs += 100
      names.tick()
      await setImmediate()
      await setImmediate()
    }
  }
  const addresses = (name: string) => names.reading(name)?.addresses
  return Object.assign(bench, { names, pass, addresses })
}

function records(ttl: number, ...addresses: readonly string[]): readonly AddressRecord[] {
  return addresses.map((address) => ({ address, ttl }))
}

test('a name has all its addresses, of both families, and what is an address is not asked for', async () => {
  const bench = start()
  bench.four.set('shop', records(30, '10.0.0.2', '10.0.0.1'))
  bench.six.set('shop', records(30, 'fd00::1'))
  bench.names.use(['shop', '10.0.0.9', '::1', 'localhost', 'a.localhost'])
  expect(bench.addresses('shop')).toBeNull()
  await bench.pass(100)
  expect(bench.addresses('shop')).toEqual(['10.0.0.1', '10.0.0.2', 'fd00::1'])
  expect(bench.asked.map(({ name }) => name)).toEqual(['shop'])
  expect(bench.names.reading('localhost')).toBeNull()
  expect(bench.changeCount).toBe(1)
})

test('on a machine without IPv6 such addresses are left out', async () => {
  const bench = start()
  bench.hasIpv6 = false
  bench.four.set('shop', records(30, '10.0.0.1'))
  bench.six.set('shop', records(30, 'fd00::1'))
  bench.names.use(['shop'])
  await bench.pass(100)
  expect(bench.addresses('shop')).toEqual(['10.0.0.1'])
})

test.for([
  ['of the shortest record', records(20, '10.0.0.1').concat(records(3, '10.0.0.2')), 3_000],
  ['no shorter than a second', records(0, '10.0.0.1'), 1_000],
  ['no longer than five minutes', records(86_400, '10.0.0.1'), 300_000],
] as const)('the time to live is that %s', async ([, answer, ttlMs]) => {
  const bench = start()
  bench.four.set('shop', answer)
  bench.names.use(['shop'])
  await bench.pass(100)
  await bench.pass(ttlMs)
  expect(bench.asked.map(({ atMs }) => atMs)).toEqual([100, 100 + ttlMs])
})

test('only a change is told, and the order of an answer is none', async () => {
  const bench = start()
  bench.four.set('shop', records(1, '10.0.0.1', '10.0.0.2'))
  bench.names.use(['shop'])
  await bench.pass(3_000)
  bench.four.set('shop', records(1, '10.0.0.2', '10.0.0.1'))
  await bench.pass(3_000)
  expect(bench.changeCount).toBe(1)
  bench.four.set('shop', records(1, '10.0.0.3'))
  await bench.pass(1_100)
  expect(bench.changeCount).toBe(2)
  expect(bench.addresses('shop')).toEqual(['10.0.0.3'])
  expect(bench.logged).toEqual(['The name shop is now 10.0.0.3'])
})

test.for(['ESERVFAIL', 'ETIMEOUT', 'ENOTFOUND'])(
  'after %s the last good answer stays; it is logged once, counted, and tried again ever more slowly',
  async (code) => {
    const bench = start()
    bench.four.set('shop', records(1, '10.0.0.1'))
    bench.names.use(['shop'])
    await bench.pass(100)
    bench.four.set('shop', code)
    await bench.pass(20_000)
    expect(bench.addresses('shop')).toEqual(['10.0.0.1'])
    // After 1, 1, 2, 4 and 8 seconds.
    expect(bench.names.reading('shop')?.failureCount).toBe(5)
    expect(bench.logged).toEqual([
      expect.stringMatching(
        /^The name shop cannot be resolved: .*; the last addresses stay in use$/,
      ),
    ])
    bench.four.set('shop', records(1, '10.0.0.1'))
    await bench.pass(20_000)
    expect(bench.logged.slice(1)).toEqual(['The name shop is resolved again'])
    expect(bench.names.reading('shop')?.fault).toBeNull()
    expect(bench.changeCount).toBe(1)
  },
)

test('a name that never had an answer is left to each connection', async () => {
  const bench = start()
  bench.names.use(['shop'])
  await bench.pass(1_000)
  expect(bench.addresses('shop')).toBeNull()
  expect(bench.changeCount).toBe(0)
  expect(bench.logged).toEqual([
    'The name shop cannot be resolved: there is no such name, or it has no address; each connection tries it itself',
  ])
})

test('where one family cannot be asked for, its last addresses stay beside the new ones of the other', async () => {
  const bench = start()
  bench.four.set('shop', records(1, '10.0.0.1'))
  bench.six.set('shop', records(1, 'fd00::1'))
  bench.names.use(['shop'])
  await bench.pass(100)
  bench.four.set('shop', records(1, '10.0.0.2'))
  bench.six.set('shop', 'ESERVFAIL')
  await bench.pass(1_100)
  expect(bench.addresses('shop')).toEqual(['10.0.0.2', 'fd00::1'])
  bench.six.set('shop', 'ENODATA')
  await bench.pass(1_100)
  expect(bench.addresses('shop')).toEqual(['10.0.0.2'])
})

test('what DNS does not know, the system may, and is asked again after ten seconds', async () => {
  const bench = start()
  bench.system.set('shop', ['10.0.0.1', '10.0.0.2'])
  bench.names.use(['shop'])
  await bench.pass(100)
  expect(bench.addresses('shop')).toEqual(['10.0.0.1', '10.0.0.2'])
  bench.system.set('shop', ['10.0.0.3'])
  await bench.pass(9_800)
  expect(bench.addresses('shop')).toEqual(['10.0.0.1', '10.0.0.2'])
  await bench.pass(300)
  expect(bench.addresses('shop')).toEqual(['10.0.0.3'])
})

test.for([
  ['ENOTFOUND', ['10.0.0.7']],
  ['ECONNREFUSED', ['10.0.0.7']],
  ['ESERVFAIL', null],
  ['ETIMEOUT', null],
] as const)('after %s the system has %j', async ([code, expected]) => {
  const bench = start()
  bench.system.set('shop', ['10.0.0.7'])
  bench.four.set('shop', code)
  bench.six.set('shop', code)
  bench.names.use(['shop'])
  await bench.pass(500)
  expect(bench.addresses('shop')).toEqual(expected)
})

test('what is answered after a name has left is not taken', async () => {
  const bench = start()
  bench.four.set('shop', records(1, '10.0.0.1'))
  bench.names.use(['shop'])
  bench.nowMs += 100
  bench.names.tick()
  bench.names.close()
  await bench.pass(1_000)
  expect([bench.changeCount, bench.logged]).toEqual([0, []])
})

test('what stands in the hosts file is not asked of DNS', async () => {
  const bench = start()
  bench.hosts.add('shop')
  bench.system.set('shop', ['10.0.0.7'])
  bench.four.set('shop', records(1, '10.0.0.1'))
  bench.names.use(['shop'])
  await bench.pass(1_000)
  expect(bench.addresses('shop')).toEqual(['10.0.0.7'])
  expect(bench.asked).toEqual([])
})

test('of too many addresses the same ones are used each time', async () => {
  const bench = start()
  const many = Array.from({ length: 200 }, (_, i) => `10.0.${i}.1`)
  bench.four.set('shop', records(1, ...many))
  bench.names.use(['shop'])
  await bench.pass(1_000)
  bench.four.set('shop', records(1, ...many.toReversed()))
  await bench.pass(2_000)
  expect(bench.addresses('shop')).toHaveLength(ADDRESS_LIMIT)
  expect(bench.changeCount).toBe(1)
  expect(bench.logged).toEqual([`The name shop has 200 addresses; ${ADDRESS_LIMIT} are used`])
})

test('a new configuration keeps what is known of names that stay, and forgets the others', async () => {
  const bench = start()
  bench.four.set('shop', records(60, '10.0.0.1')).set('pay', records(60, '10.0.0.2'))
  bench.names.use(['shop', 'pay'])
  await bench.pass(100)
  bench.names.use(['shop'])
  await bench.pass(1_000)
  expect(bench.addresses('shop')).toEqual(['10.0.0.1'])
  expect(bench.names.reading('pay')).toBeNull()
  expect(bench.asked).toHaveLength(2)
})
