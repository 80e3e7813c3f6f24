/** Hostile and legal input on both sides: every case of `cases.json` over HTTP/1.1, with all that it asserts. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { playClient, playUpstream, ProxyProcess } from './bench.ts'
import { casesOf } from './cases.ts'
import { expectAssertions, expectOutcome } from './outcome.ts'

/** Cases that are not run, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'ws-bad-version':
    'needs a WebSocket tunnel: the 426 is the upstream’s to give; upgrades are a 501 so far',
  'ws-absolute-form-ssrf':
    'needs a WebSocket tunnel to be forwarded; as all upgrades it is a 501 so far',
  'u-101-wrong-protocol': 'needs a WebSocket tunnel: no upgrade reaches an upstream so far',
  'via-loop': 'two Sluices in a row, at the edge and beside a service, are no loop',
}

let proxy: ProxyProcess
beforeAll(() => {
  proxy = new ProxyProcess()
})
afterAll(() => proxy.end())

function run(side: string, play: typeof playClient): void {
  const cases = casesOf(side).filter(({ name }) => !(name in LEFT_OUT))
  test.for(cases)('$tier: $name', { timeout: 10_000 }, async (one) => {
    const outcome = await play(one, proxy)
    expect(proxy.isAlive).toBe(true)
    expect((await proxy.ask({ type: 'ping' })).bugs).toEqual([])
    expectOutcome(one, outcome)
    expectAssertions(one, outcome)
  })
}

describe('clients', () => {
  run('client-h1', playClient)
})
describe('upstreams', () => {
  run('upstream-h1', playUpstream)
})

test('what is left out exists', () => {
  const names = [...casesOf('client-h1'), ...casesOf('upstream-h1')].map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(Object.keys(LEFT_OUT)))
})
