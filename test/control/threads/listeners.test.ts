/** What real proxy threads listen on can change while they run, and no connection notices. */

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../../../bench/load/children.ts'
import { faulty, listenerOn, startPool } from '../../e2e/thread-pool.ts'
import { type Client, connectClient } from '../../proxy/exchange/client.ts'
import { eventually } from '../../proxy/exchange/eventually.ts'
import { snapshotOf } from '../../proxy/exchange/proxy.ts'
import { startUpstream } from '../../proxy/exchange/upstream.ts'
import { outcomeOf, TLS } from '../../proxy/listener/house.ts'

/** Connections that reach both threads as good as surely. */
const CONNECTION_COUNT = 20

const FIRST = listenerOn(0, { name: 'first' })
const SECOND = listenerOn(0, { name: 'second' })

async function start() {
  const upstream = await startUpstream((received) => received.answer(200, 'hello'))
  const setup = { stable: [upstream.port] }
  const started = await startPool(snapshotOf(setup), { listeners: [FIRST] })
  return { ...started, setup }
}

async function clientsOf(port: number): Promise<Client[]> {
  const ports = Array.from({ length: CONNECTION_COUNT }, () => port)
  return Promise.all(ports.map((each) => connectClient(each)))
}

async function answersOf(clients: readonly Client[]): Promise<Set<string>> {
  const answers = await Promise.all(clients.map((client) => client.get('/')))
  return new Set(answers.map(({ body }) => body.toString()))
}

/** The code of the error with which a new connection ends before it is one; null where it is taken. */
async function refusal(port: number): Promise<string | null> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  try {
    await once(socket, 'connect')
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

/** A port that another process has, as far as we are concerned. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  return typeof address === 'object' ? address!.port : 0
}

test('a listener comes and the other one goes, and its connections live on', async () => {
  const { pool, port } = await start()
  const old = await clientsOf(port)
  expect(await answersOf(old)).toEqual(new Set(['hello']))

  await pool.open([SECOND])
  expect(pool.listeners.map(({ name }) => name)).toEqual(['first', 'second'])
  const second = pool.listeners[1]!.port
  expect(await answersOf([...(await clientsOf(port)), ...(await clientsOf(second))])).toEqual(
    new Set(['hello']),
  )

  await pool.keep([SECOND])
  expect(pool.listeners).toEqual([{ ...SECOND, port: second }])
  expect(await refusal(port)).toBe('ECONNREFUSED')
  expect(await answersOf(old)).toEqual(new Set(['hello']))
  expect(await answersOf(await clientsOf(second))).toEqual(new Set(['hello']))
  expect(pool).toMatchObject({ liveCount: 2, restartCount: 0 })
})

test('a listener on any port keeps the one that it has', async () => {
  const { pool, port } = await start()
  expect(pool.missing([FIRST, SECOND])).toEqual([SECOND])
  await pool.open([FIRST, SECOND])
  await pool.keep([FIRST])
  expect(pool.listeners).toEqual([{ ...FIRST, port }])
  expect(await refusal(port)).toBe(null)
})

test('where an address cannot be had, all is as before', async () => {
  const { pool, port } = await start()
  const taken = listenerOn(await takenPort(), { name: 'taken' })
  await expect(pool.open([FIRST, SECOND, taken])).rejects.toMatchObject({
    code: 'cannotListen',
    message: expect.stringContaining(`Cannot listen on 127.0.0.1:${taken.port} (listener "taken")`),
  })
  expect(pool.listeners).toEqual([{ ...FIRST, port }])
  expect(await answersOf(await clientsOf(port))).toEqual(new Set(['hello']))
  expect(pool).toMatchObject({ liveCount: 2, restartCount: 0 })
})

test('a listener may take another name, and another host on the same port', async () => {
  const { pool, port } = await start()
  const old = await clientsOf(port)
  for (const next of [
    listenerOn(port, { name: 'renamed' }),
    listenerOn(port, { name: 'renamed', host: '0.0.0.0' }),
  ]) {
    await pool.open([next])
    await pool.keep([next])
    expect(pool.listeners).toEqual([next])
    expect(await answersOf(await clientsOf(port))).toEqual(new Set(['hello']))
  }
  expect(await answersOf(old)).toEqual(new Set(['hello']))
})

test('a thread that dies comes back with the listeners of now', async () => {
  const { pool, setup, counts } = await start()
  await pool.open([SECOND])
  await pool.keep([SECOND])
  await pool.publish(faulty(setup, 'exit'))
  await eventually(() => pool.restartCount).toBe(1)
  await eventually(() => pool.liveCount).toBe(2)
  const before = counts('accepted')
  expect(await answersOf(await clientsOf(pool.listeners[0]!.port))).toEqual(new Set(['hello']))
  const isHeard = counts('accepted').map((count, i) => count > before[i]!)
  expect(isHeard).toEqual([true, true])
})

test('listeners change also while a thread is being replaced', async () => {
  const { pool, setup, port } = await start()
  await pool.publish(faulty(setup, 'exit'))
  await pool.open([SECOND])
  await pool.keep([SECOND])
  await eventually(() => pool.liveCount).toBe(2)
  expect(await refusal(port)).toBe('ECONNREFUSED')
  expect(await answersOf(await clientsOf(pool.listeners[0]!.port))).toEqual(new Set(['hello']))
})

test('a listener that moves takes its settings along, and leaves the old ones where it was', async () => {
  const { pool, setup, port } = await start()
  const [free = 0] = await freePorts(1)
  const target = listenerOn(free, { name: 'first', tls: TLS })
  const served = async () => [await speaks(port), await speaks(target.port)]

  await pool.open([target])
  expect(await served()).toEqual(['http', 'https'])
  await pool.publish(snapshotOf(setup))
  expect(await served()).toEqual(['http', 'https'])
  await pool.keep([target])
  expect(await served()).toEqual([null, 'https'])

  await pool.open([listenerOn(port, { name: 'first' })])
  expect(await served()).toEqual(['http', 'https'])
  await pool.keep([target])
  expect(await served()).toEqual([null, 'https'])
})

test('listeners that change places change their settings too', async () => {
  const { pool, port } = await start()
  const [free = 0] = await freePorts(1)
  const secure = listenerOn(free, { name: 'second', tls: TLS })
  const plain = listenerOn(port, { name: 'first' })
  await pool.open([plain, secure])
  await pool.keep([plain, secure])
  const swapped = [
    { ...plain, port: secure.port },
    { ...secure, port },
  ]
  expect(pool.missing(swapped)).toEqual([])
  await pool.open(swapped)
  expect([await speaks(port), await speaks(secure.port)]).toEqual(['http', 'https'])
  await pool.keep(swapped)
  expect([await speaks(port), await speaks(secure.port)]).toEqual(['https', 'http'])
})

/** What is served there, in every thread; null where nobody is. */
async function speaks(port: number): Promise<'http' | 'https' | null> {
  if ((await refusal(port)) !== null) return null
  const ports = Array.from({ length: CONNECTION_COUNT }, () => port)
  const outcomes = new Set(await Promise.all(ports.map((each) => outcomeOf(each))))
  if (outcomes.has('served')) {
    expect([...outcomes]).toEqual(['served'])
    return 'https'
  }
  expect(await answersOf(await clientsOf(port))).toEqual(new Set(['hello']))
  return 'http'
}
