/** Real proxy threads: one port, one truth, and nobody missing for long. */

import { once } from 'node:events'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { valueOf } from '../proxy/exchange/message.ts'
import { snapshotOf, STABLE } from '../proxy/exchange/proxy.ts'
import { startUpstream, type Upstream } from '../proxy/exchange/upstream.ts'
import { faulty, listenerOn, type Pool, startPool } from './thread-pool.ts'

/** The kernel spreads connections by a hash of their addresses: that many reach both threads as good as surely. */
const CONNECTION_COUNT = 40

/** Connects that often; not every connection may be answered while a thread is being replaced. */
function connectMany(port: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: CONNECTION_COUNT }, () => connectClient(port)))
}

async function named(name: string): Promise<Upstream> {
  return startUpstream((received) => received.answer(200, name))
}

/** Asks over new connections until both threads have been asked; resolves with the different answers. */
async function answersOfAll({ port, counts }: Pool): Promise<Set<string>> {
  const before = counts('accepted')
  const answers = new Set<string>()
  const heard = (): boolean => counts('accepted').every((count, i) => count > before[i]!)
  while (!heard()) {
    const client = await connectClient(port)
    answers.add((await client.get('/')).body.toString())
    client.end()
  }
  return answers
}

test('all threads listen on the same port, and connections are spread over them', async () => {
  const upstream = await named('v1')
  const pool = await startPool(snapshotOf({ stable: [upstream.port] }))
  expect(pool.port).toBeGreaterThan(0)
  expect(pool.pool).toMatchObject({ threadCount: 2, liveCount: 2, restartCount: 0 })
  const clients = await connectMany(pool.port)
  await Promise.all(clients.map((client) => client.get('/')))
  const accepted = pool.counts('accepted')
  expect(accepted[0]! + accepted[1]!).toBe(CONNECTION_COUNT)
  expect(Math.min(...accepted)).toBeGreaterThan(0)
  expect(pool.total('finished', STABLE)).toBe(CONNECTION_COUNT)
  expect(pool.logged).toEqual([])
})

test('a publication is over when the last thread has taken it, and not before', async () => {
  const [v1, v2] = await Promise.all([named('v1'), named('v2')])
  const pool = await startPool(snapshotOf({ stable: [v1.port] }))
  const blockMs = 300
  const startMs = performance.now()
  const snapshot = faulty({ stable: [v2.port] }, 'block', { blockMs, threads: [1] })
  await pool.pool.publish(snapshot)
  expect(performance.now() - startMs).toBeGreaterThan(blockMs - 1)
  expect(pool.pool.version).toBe(snapshot.version)
  expect(await answersOfAll(pool)).toEqual(new Set(['v2']))
  expect(pool.pool.restartCount).toBe(0)
})

test.for(['exit', 'throw'] as const)(
  'a thread that dies (%s) is replaced with the newest snapshot, and its books are closed',
  async (kind) => {
    const v1 = await startUpstream(() => undefined)
    const v2 = await named('v2')
    const pool = await startPool(snapshotOf({ stable: [v1.port] }))
    const clients = await connectMany(pool.port)
    for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await v1.request(CONNECTION_COUNT - 1)
    const ofFirst = pool.counts('accepted')[0]!

    await pool.pool.publish(faulty({ stable: [v2.port] }, kind))
    await eventually(() => pool.pool.restartCount).toBe(1)
    await eventually(() => pool.pool.liveCount).toBe(2)
    expect(await answersOfAll(pool)).toEqual(new Set(['v2']))
    expect(pool.total('clientAborts', STABLE)).toBe(ofFirst)
    expect(v1.openCount).toBe(CONNECTION_COUNT - ofFirst)
    expect(pool.logged.join('\n')).toContain('warn Thread 0 is gone')
    if (kind === 'throw')
      expect(pool.logged.join('\n')).toContain('a fault that the test asked for')
  },
)

test('a thread that does not take a snapshot in time is ended, and only then is it published', async () => {
  const [v1, v2] = await Promise.all([named('v1'), named('v2')])
  const acknowledgeMs = 300
  const pool = await startPool(snapshotOf({ stable: [v1.port] }), { acknowledgeMs })
  const snapshot = faulty({ stable: [v2.port] }, 'block', { blockMs: 3_600_000 })
  const startMs = performance.now()
  await pool.pool.publish(snapshot)
  expect(performance.now() - startMs).toBeGreaterThan(acknowledgeMs - 1)
  expect(pool.pool.liveCount).toBe(1)
  await eventually(() => pool.pool.liveCount).toBe(2)
  expect(await answersOfAll(pool)).toEqual(new Set(['v2']))
  expect(pool.pool.restartCount).toBe(1)
  expect(pool.logged[0]).toBe(
    `error Thread 0 did not take snapshot ${snapshot.version} in 300 ms; it is replaced`,
  )
})

/** Looks at the threads as control does, until the test is over. */
function watch({ pool }: Pool): void {
  const looking = setInterval(() => pool.look(), 10)
  onTestFinished(() => clearInterval(looking))
}

test('a thread that hangs is replaced, and one that is idle is not', async () => {
  const upstream = await named('v1')
  const pool = await startPool(snapshotOf({ stable: [upstream.port] }), { hungLooks: 50 })
  watch(pool)
  await pool.pool.publish(faulty({ stable: [upstream.port] }, 'hang'))
  await eventually(() => pool.pool.restartCount).toBe(1)
  await eventually(() => pool.pool.liveCount).toBe(2)
  expect(await answersOfAll(pool)).toEqual(new Set(['v1']))
  expect(pool.logged[0]).toBe('error Thread 0 hangs; it is replaced')
  expect(pool.logged.join('\n')).not.toContain('Thread 1')
})

test('that a thread cannot be ended is told, once', async () => {
  const upstream = await named('v1')
  const folder = mkdtempSync(join(tmpdir(), 'sluice-hang-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const pool = await startPool(snapshotOf({ stable: [upstream.port] }), {
    hungLooks: 20,
    endMs: 300,
  })
  watch(pool)
  await pool.pool.publish(faulty({ stable: [upstream.port] }, 'native', { fifo }))
  await eventually(() => pool.logged).toEqual([
    'error Thread 0 hangs; it is replaced',
    'stuck Thread 0 hangs in native code and cannot be ended',
  ])
  expect(pool.pool.liveCount).toBe(2)
  closeSync(openSync(fifo, 'w'))
  await eventually(() => pool.pool.restartCount).toBe(1)
  await eventually(() => pool.pool.liveCount).toBe(2)
  expect(pool.logged.filter((line) => line.startsWith('stuck'))).toHaveLength(1)
})

test('a snapshot that kills every thread is published, and the next one brings them back', async () => {
  const upstream = await named('v1')
  const pool = await startPool(snapshotOf({ stable: [upstream.port] }))
  await pool.pool.publish(
    faulty({ stable: [upstream.port] }, 'throw', { times: 1_000_000, threads: [0, 1] }),
  )
  await eventually(() => pool.pool.liveCount).toBe(0)
  // They are started again and again, each time after twice as long.
  await eventually(() => pool.pool.restartCount).toBeGreaterThan(3)
  await pool.pool.publish(snapshotOf({ stable: [upstream.port] }))
  await eventually(() => pool.pool.liveCount).toBe(2)
  expect(await answersOfAll(pool)).toEqual(new Set(['v1']))
})

test('draining lets requests under way finish and ends every thread', async () => {
  const upstream = await startUpstream(() => undefined)
  const pool = await startPool(snapshotOf({ stable: [upstream.port] }))
  const clients = await connectMany(pool.port)
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await upstream.request(CONNECTION_COUNT - 1)
  const drained = pool.pool.drain(60_000)
  for (const received of upstream.requests) received.answer(200, 'done')
  const answers = await Promise.all(clients.map((client) => client.answer()))
  for (const answer of answers) {
    expect(answer.body.toString()).toBe('done')
  }
  for (const client of clients) client.end()
  await drained
  expect(pool.pool).toMatchObject({ liveCount: 0, restartCount: 0 })
  expect(pool.counts('closed')).toEqual(pool.counts('accepted'))
  expect(answers.some((answer) => valueOf(answer, 'connection') === 'close')).toBe(true)
})

test('draining is over in time, whatever the threads do', async () => {
  const upstream = await startUpstream(() => undefined)
  const pool = await startPool(snapshotOf({ stable: [upstream.port] }))
  const client = await connectClient(pool.port)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await upstream.request(0)
  await pool.pool.drain(100)
  expect(await client.reader.end()).not.toBe('open')
  expect(pool.total('clientAborts', STABLE)).toBe(1)
})

test('where a port is taken nothing starts, and nothing is left', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address!.port : 0
  const listeners = [listenerOn(port, { name: 'public' })]
  const started = startPool(snapshotOf({ stable: [] }), { listeners })
  await expect(started).rejects.toMatchObject({
    code: 'cannotListen',
    message: expect.stringContaining(`Cannot listen on 127.0.0.1:${port} (listener "public"): `),
  })
})
