/** Key sets from a real server: asked for, kept, and told of. */

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import type { RouteConfig } from '../../../src/control/config/config.ts'
import { KeySets } from '../../../src/control/tokens/key-sets.ts'

async function key(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair('ES256')
  return { ...(await exportJWK(publicKey)), kid }
}

const forever = new Promise<void>(() => undefined)

/** A server whose answer a test replaces, and key sets that ask it, on a clock that a test puts forward. */
async function open(listener: RequestListener, wait = (): Promise<void> => forever) {
  let answer = listener
  let askedCount = 0
  const server = createServer((request, response) => {
    askedCount++
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  let nowMs = 1_000
  let publishedCount = 0
  const told: string[] = []
  const keySets = new KeySets({
    nowMs: () => nowMs,
    wait,
    log: { info: (line) => void told.push(line), warn: (line) => void told.push(line) },
    republish: () => {
      publishedCount++
      return Promise.resolve()
    },
  })
  onTestFinished(async () => {
    await keySets.close()
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${port}/jwks.json`
  return {
    url,
    keySets,
    told,
    config: (...refreshMs: readonly number[]) => ({
      routes: refreshMs.map((each) => routeWith(url, each)),
    }),
    answer: (next: RequestListener) => void (answer = next),
    advance: (ms: number) => {
      nowMs += ms
      keySets.tick()
    },
    kids: () => keySets.keysAt(url)?.map(({ kid }) => kid) ?? null,
    askedCount: () => askedCount,
    publishedCount: () => publishedCount,
  }
}

function routeWith(url: string, refreshMs: number): RouteConfig {
  const verification = { keys: { url, refreshMs }, algorithms: [], issuers: [], audiences: [] }
  const from = { kind: 'header', name: 'authorization' }
  return { token: { from, verification } } as unknown as RouteConfig
}

function keysOf(...keys: readonly JWK[]): RequestListener {
  return (_, response) => void response.end(JSON.stringify({ keys }))
}

test('a set is there when the first publication is made, and asked for once for all routes', async () => {
  const house = await open(keysOf(await key('one')))
  await house.keySets.prepare(house.config(60_000, 30_000))
  expect(house.kids()).toEqual(['one'])
  expect(house.askedCount()).toBe(1)
})

test('new keys are published when they come, and the same ones are not', async () => {
  const house = await open(keysOf(await key('one')))
  const config = house.config(60_000, 30_000)
  await house.keySets.prepare(config)
  house.keySets.use(config)
  house.advance(0)
  const publishedBefore = house.publishedCount()
  house.advance(30_000)
  await expect.poll(house.askedCount).toBe(2)
  house.answer(keysOf(await key('two')))
  await expect
    .poll(() => {
      house.advance(30_000)
      return house.kids()
    })
    .toEqual(['two'])
  house.advance(0)
  expect(house.publishedCount()).toBe(publishedBefore + 1)
})

test('a server that does not answer holds up nobody for long', async () => {
  const house = await open(
    () => undefined,
    () => Promise.resolve(),
  )
  await house.keySets.prepare(house.config(60_000))
  expect(house.kids()).toBe(null)
})

test.for([
  ['answers another status', (_, response) => void response.writeHead(503).end(), /answered 503/],
  [
    'redirects',
    (_, response) => void response.writeHead(302, { location: '/x' }).end(),
    /redirects are not followed/,
  ],
  ['answers no JSON', (_, response) => void response.end('<html>'), /is not JSON/],
  ['answers no keys', (_, response) => void response.end('{"keys":[]}'), /has no public key/],
  [
    'answers without end',
    (_, response) => void response.end('x'.repeat(300_000)),
    /larger than 262144 bytes/,
  ],
  ['breaks off', ({ socket }) => void socket.destroy(), /connection/],
] satisfies [string, RequestListener, RegExp][])(
  'the last good set stays in force while its server %s, which is told once',
  async ([, listener, reason]) => {
    const house = await open(keysOf(await key('good')))
    await house.keySets.prepare(house.config(60_000))
    house.answer(listener)
    await expect
      .poll(() => {
        house.advance(60_000)
        return house.askedCount()
      })
      .toBeGreaterThanOrEqual(4)
    expect(house.kids()).toEqual(['good'])
    expect(house.told).toEqual([expect.stringMatching(reason)])
    expect(house.told[0]).toMatch(
      /^Cannot read a key set: http.*; the last good one stays in force$/,
    )
    house.answer(keysOf(await key('good')))
    await expect
      .poll(() => {
        house.advance(60_000)
        return house.told.at(-1)
      })
      .toBe(`The key set ${house.url} is read again`)
  },
)

test('a set that no route names any more is not asked for', async () => {
  const house = await open(keysOf(await key('one')))
  await house.keySets.prepare(house.config(10_000))
  house.keySets.use({ routes: [] })
  house.advance(60_000)
  expect(house.kids()).toBe(null)
  expect(house.askedCount()).toBe(1)
})
