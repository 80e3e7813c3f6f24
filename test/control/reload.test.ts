/** A new configuration in the running process, with real proxy threads and an engine that only publishes. */

import { Settlements } from '../../src/control/judge/settlements.ts'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Config } from '../../src/control/config/config.ts'
import { Reload } from '../../src/control/reload.ts'
import type { ThreadPool } from '../../src/control/threads/pool.ts'
import {
  compileListeners,
  compileSnapshot,
  SeriesRegistry,
} from '../../src/control/threads/routing.ts'
import { startPool } from '../e2e/thread-pool.ts'
import { connectClient } from '../proxy/exchange/client.ts'
import { startUpstream } from '../proxy/exchange/upstream.ts'
import { configOf, sample } from './config/sample.ts'

const SETTLEMENTS = new Settlements({ nowMs: () => 0, stableP99Us: () => null, kept: () => null })
const PROCESS = { series: new SeriesRegistry(), viaName: 'sluice-test', settlements: SETTLEMENTS }
const TICKET_KEYS = new Uint8Array(48)

interface House {
  readonly reload: Reload
  readonly pool: ThreadPool
  /** What was logged, and which routes were published, in order. */
  readonly log: string[]
  /** While it stands here, the engine fails with it. */
  failure: Error | null
  /** A configuration with these listeners and one route, to an upstream that answers. */
  config(route: string, listeners: string, rest?: string): Config
}

async function start(): Promise<House> {
  const upstream = await startUpstream((received) => received.answer(200, received.head.startLine))
  const config: House['config'] = (route, listeners, rest = '') =>
    configOf(
      sample({
        proxy: `proxy: { threads: 2, listeners: [${listeners}] }`,
        upstreams: `upstreams: { a: { endpoints: ['http://127.0.0.1:${upstream.port}'] } }`,
        routes: `routes: [{ name: ${route}, stable: a }]`,
        rest,
      }),
    )
  const startedWith = config('one', FIRST)
  let version = 1
  const snapshot = (next: Config) => compileSnapshot(next, [], { ...PROCESS, version: version++ })
  const { pool } = await startPool(snapshot(startedWith), {
    listeners: compileListeners(startedWith, TICKET_KEYS),
  })
  const log: string[] = []
  const say = (level: string) => (message: string) => void log.push(`${level} ${message}`)
  const house: House = {
    pool,
    log,
    config,
    failure: null,
    reload: new Reload({
      pool,
      engine: {
        async reconfigure(next) {
          if (house.failure !== null) throw house.failure
          await pool.publish(snapshot(next))
          log.push(`published ${next.routes.map(({ name }) => name).join()}`)
        },
      },
      ticketKeys: TICKET_KEYS,
      startedWith,
      log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
      nowMs: () => 1_000 + version,
    }),
  }
  return house
}

const FIRST = '{ name: first, host: 127.0.0.1, port: 0 }'
const SECOND = '{ name: second, host: 127.0.0.1, port: 0 }'

const names = ({ pool }: House) => pool.listeners.map(({ name }) => name).join()

async function statusOn(port: number): Promise<number> {
  const client = await connectClient(port)
  return (await client.get('/')).status
}

test('listeners open before the routes are published, and close after it', async () => {
  const house = await start()
  const { reload, pool, log } = house
  const first = pool.listeners[0]!.port
  expect(await reload.take(house.config('two', SECOND))).toBe(true)
  const second = pool.listeners[0]!.port
  expect(log).toEqual([
    'published two',
    `info Listener second on http://127.0.0.1:${second}`,
    `info Listener first on http://127.0.0.1:${first} is no more; its connections live on`,
    'info The configuration is loaded anew',
  ])
  expect(await statusOn(second)).toBe(200)
  expect(reload.config.routes[0]?.name).toBe('two')
})

test('what stays as it is is not spoken of', async () => {
  const house = await start()
  expect(await house.reload.take(house.config('two', FIRST))).toBe(true)
  expect(house.log).toEqual(['published two', 'info The configuration is loaded anew'])
})

test('a listener may open up to other machines on the port that it has', async () => {
  const house = await start()
  const { port } = house.pool.listeners[0]!
  const wide = `{ name: first, host: 0.0.0.0, port: ${port} }`
  expect(await house.reload.take(house.config('two', wide))).toBe(true)
  expect(house.pool.listeners).toMatchObject([{ name: 'first', host: '0.0.0.0', port }])
  expect(await statusOn(port)).toBe(200)
})

test('an address that another process has leaves the old configuration in force', async () => {
  const house = await start()
  const { reload, pool, log } = house
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const address = other.address()
  const taken = typeof address === 'object' ? address!.port : 0
  const next = `{ name: taken, host: 127.0.0.1, port: ${taken} }`
  expect(await reload.take(house.config('two', next))).toBe(false)
  expect(log).toEqual([
    `error The configuration cannot be taken: Cannot listen on 127.0.0.1:${taken} (listener "taken"): another process listens there; stop it or choose another port; SIGHUP tries it again`,
  ])
  expect(reload).toMatchObject({ isSuccessful: false, succeededAtMs: 1_002 })
  expect(reload.config.routes[0]?.name).toBe('one')
  expect(names(house)).toBe('first')
  expect(await statusOn(pool.listeners[0]!.port)).toBe(200)
})

test('where the engine cannot take it, the old listeners stay and no other', async () => {
  const house = await start()
  house.failure = new Error('the store is away')
  expect(await house.reload.take(house.config('two', SECOND))).toBe(false)
  expect(names(house)).toBe('first')
  expect(house.log).toEqual([
    'error The configuration cannot be taken: the store is away; SIGHUP tries it again',
  ])
  house.failure = null
  expect(await house.reload.take(house.config('two', SECOND))).toBe(true)
  expect(names(house)).toBe('second')
  expect(house.reload.isSuccessful).toBe(true)
})

test('configurations are taken one after the other', async () => {
  const house = await start()
  const taken = [SECOND, FIRST, `${FIRST}, ${SECOND}`].map((listeners, i) =>
    house.reload.take(house.config(`r${i}`, listeners)),
  )
  expect(await Promise.all(taken)).toEqual([true, true, true])
  expect(house.log.filter((line) => line.startsWith('published'))).toEqual([
    'published r0',
    'published r1',
    'published r2',
  ])
  expect(names(house)).toBe('first,second')
})

test('what has to wait for a restart, and what may be a mistake, is said', async () => {
  const house = await start()
  const next = house.config('two', FIRST, 'control: { port: 9191 }')
  const warning = { file: 'f', line: 1, column: 2, path: 'upstreams.a.tls', message: 'is odd' }
  expect(await house.reload.take({ ...next, warnings: [warning] })).toBe(true)
  expect(house.log.slice(0, 2)).toEqual([
    'warn the address of the admin API changed from 127.0.0.1:9090 to 127.0.0.1:9191; restart to use it, until then the old one stays',
    'warn f:1:2 upstreams.a.tls: is odd',
  ])
})
