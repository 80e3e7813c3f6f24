/** Endpoints that break while requests go to them, over real sockets; and what a thread tells of endpoints. */

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { RULES } from '../upstream/fleet.ts'
import { type Client, connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { type Proxy, type Setup, startProxy } from './proxy.ts'
import { answerOk, type Script, startUpstream, type Upstream } from './upstream.ts'

const RETRY = { attempts: 3, statuses: [503], methods: null, perTryMs: 500 }
const CLIENT_COUNT = 8

async function start(size: number, setup: Partial<Setup> = {}) {
  const upstreams = await Promise.all(Array.from({ length: size }, () => startUpstream(answerOk)))
  const proxy = await startProxy({
    stable: upstreams.map(({ port }) => port),
    upstream: { outlier: RULES },
    ...setup,
  })
  return { upstreams, proxy, ids: upstreams.map(({ port }) => `http1://127.0.0.1:${port}`) }
}

/** Clients that ask one request after the other until they are told to stop. Resolves with all statuses. */
class Crowd {
  isDone = false
  readonly statuses: Promise<readonly number[]>

  constructor(clients: readonly Client[]) {
    this.statuses = Promise.all(clients.map((client) => this.#ask(client))).then((all) =>
      all.flat(),
    )
  }

  async #ask(client: Client): Promise<readonly number[]> {
    const statuses: number[] = []
    while (!this.isDone) {
      statuses.push((await client.get('/')).status)
      await sleep(10)
    }
    return statuses
  }

  stop(): Promise<readonly number[]> {
    this.isDone = true
    return this.statuses
  }
}

async function crowdOn(proxy: Proxy): Promise<Crowd> {
  return new Crowd(
    await Promise.all(Array.from({ length: CLIENT_COUNT }, () => connectClient(proxy.port))),
  )
}

const hang: Script = () => undefined

const slow: Script = async (received) => {
  await sleep(60)
  received.answer(200, 'ok')
}

function kill(upstream: Upstream): void {
  upstream.script = (received) => received.reset()
  for (const socket of upstream.sockets) socket.resetAndDestroy()
}

const FAULTS: readonly (readonly [string, (upstream: Upstream) => void])[] = [
  ['killed', kill],
  ['hung', (upstream) => void (upstream.script = hang)],
  ['slow', (upstream) => void (upstream.script = slow)],
  ['failing', (upstream) => void (upstream.script = (received) => received.answer(503, 'no'))],
]

test.for(FAULTS)(
  'one of four that is %s is out, and no client sees an error',
  async ([, breakIt]) => {
    const { upstreams, proxy, ids } = await start(4, { route: { retry: RETRY } })
    const crowd = await crowdOn(proxy)
    await eventually(() => upstreams[1]!.requests.length).toBeGreaterThan(20)
    breakIt(upstreams[1]!)
    await eventually(() => proxy.reports.get(ids[1]!)?.ejected ?? null).not.toBeNull()
    for (const id of [ids[0]!, ids[2]!, ids[3]!]) expect(proxy.reports.get(id)?.ejected).toBeNull()
    const statuses = await crowd.stop()
    expect(statuses.filter((status) => status !== 200)).toEqual([])
  },
)

describe('where an endpoint answers nothing any more', () => {
  const PATIENT = { ...RETRY, perTryMs: null }

  test('requests that wait for it go elsewhere as soon as it is out', async () => {
    const { upstreams, proxy, ids } = await start(3, { route: { retry: PATIENT } })
    const crowd = await crowdOn(proxy)
    await eventually(() => upstreams[1]!.requests.length).toBeGreaterThan(20)
    upstreams[1]!.script = hang
    await eventually(() => proxy.reports.get(ids[1]!)?.ejected?.reason).toBe('silence')
    const statuses = await crowd.stop()
    expect(statuses.filter((status) => status !== 200)).toEqual([])
    expect(proxy.counted().retries).toBeGreaterThan(1)
  })

  test('one that must not be sent twice waits on, and has its answer', async () => {
    const { upstreams, proxy, ids } = await start(2, { route: { retry: PATIENT } })
    upstreams[1]!.script = hang
    proxy.server.setUnhealthy([ids[0]!])
    const posting = await connectClient(proxy.port)
    posting.send('POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n')
    const answer = posting.answer('POST')
    const received = await upstreams[1]!.request(0)
    proxy.server.setUnhealthy([])
    const crowd = await crowdOn(proxy)
    await eventually(() => proxy.reports.get(ids[1]!)?.ejected?.reason).toBe('silence')
    received.answer(201)
    await expect(answer).resolves.toMatchObject({ status: 201 })
    await crowd.stop()
  })

  test('who asks for the canary waits on too, as nothing else may be asked', async () => {
    const [stable, well, silent] = await Promise.all([0, 1, 2].map(() => startUpstream()))
    const proxy = await startProxy({
      stable: [stable!.port],
      canary: { endpoints: [well!.port, silent!.port], weightBp: 9_999 },
      upstream: { outlier: RULES },
      route: { fallback: true, forceHeader: 'x-variant' },
    })
    const [wellId, silentId] = [well!, silent!].map(({ port }) => `http1://127.0.0.1:${port}`)
    silent!.script = hang
    proxy.server.setUnhealthy([wellId!])
    const asking = await connectClient(proxy.port)
    const answer = asking.get('/', 'X-Variant: canary\r\n')
    const received = await silent!.request(0)
    proxy.server.setUnhealthy([])
    const crowd = await crowdOn(proxy)
    await eventually(() => proxy.reports.get(silentId!)?.ejected?.reason).toBe('silence')
    received.answer(201)
    await expect(answer).resolves.toMatchObject({ status: 201 })
    await crowd.stop()
  })
})

test.for([
  ['streams of events that nothing came on', 'text/event-stream', 2, 12],
  ['bodies that stop, of an only endpoint,', 'text/plain', 1, 4],
] as const)('%s eject nobody', async ([, type, size, count]) => {
  const { upstreams, proxy, ids } = await start(size, {
    upstream: { outlier: RULES, panic: 'refuse' },
    timeouts: { tunnelIdleMs: 60_000 },
  })
  for (const upstream of upstreams) {
    upstream.script = (received) =>
      received.send(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: 9\r\n\r\n1`)
  }
  const broken: Promise<unknown>[] = []
  for (let i = 0; i < count; i++) {
    const client = await connectClient(proxy.port)
    broken.push(client.get('/').catch((error: unknown) => error))
    await eventually(() => client.reader.receivedBytes).toBeGreaterThan(60)
  }
  await proxy.advance(61_000)
  await Promise.all(broken)
  for (let i = 0; i < 4; i++) await proxy.advance(250)
  for (const id of ids) expect(proxy.reports.get(id)!.ejected).toBeNull()
  expect(proxy.counted().failures).toEqual({ stalled: count })
})

test('how long a client takes to send its body says nothing of the endpoint', async () => {
  const { proxy, ids, upstreams } = await start(1)
  const client = await connectClient(proxy.port)
  client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\na')
  await eventually(() => upstreams[0]!.requests.length).toBe(1)
  await sleep(500)
  await proxy.advance(500)
  client.send('b')
  expect((await client.answer('POST')).status).toBe(200)
  for (let i = 0; i < 4; i++) await proxy.advance(250)
  expect(proxy.reports.get(ids[0]!)!.latencyUs).toBeLessThan(400_000)
})

test('control hears of each endpoint what it has to do and how it fares, and nothing twice', async () => {
  const { proxy, ids, upstreams } = await start(2)
  const client = await connectClient(proxy.port)
  for (let i = 0; i < 20; i++) await client.get('/')
  for (let i = 0; i < 4; i++) await proxy.advance(250)
  const reports = ids.map((id) => proxy.reports.get(id)!)
  expect(reports[0]!.requestCount + reports[1]!.requestCount).toBe(20)
  for (const [index, report] of reports.entries()) {
    expect(report).toMatchObject({
      outstandingCount: 0,
      connectionCount: upstreams[index]!.openCount,
      ejected: null,
      failureCount: 0,
    })
    expect(report.latencyUs).toBeGreaterThan(0)
  }
  proxy.reports.clear()
  for (let i = 0; i < 4; i++) await proxy.advance(250)
  expect(proxy.reports.size).toBe(0)
})

test('an endpoint that is told to be unhealthy gets no request from then on', async () => {
  const { upstreams, proxy, ids } = await start(2)
  const client = await connectClient(proxy.port)
  proxy.server.setUnhealthy([ids[0]!])
  for (let i = 0; i < 20; i++) await client.get('/')
  expect(upstreams.map(({ requests }) => requests.length)).toEqual([0, 20])
  proxy.server.setUnhealthy(ids)
  expect((await client.get('/')).status).toBe(200)
})

test('where all are unhealthy the request is answered 503, if that is what the file says', async () => {
  const { proxy, ids } = await start(2, { upstream: { panic: 'refuse' } })
  const client = await connectClient(proxy.port)
  proxy.server.setUnhealthy(ids)
  expect((await client.get('/')).status).toBe(503)
  expect(proxy.counted().failures).toEqual({ unavailable: 1 })
})
