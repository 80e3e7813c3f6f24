/**
 * Clients of the real process that leave, at every point of a request and in every way, thousands of them: nothing is
 * left of them, no connection on either side, no file descriptor, no memory.
 */

import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { CA } from '../clients/servers.ts'
import { eventually } from '../proxy/exchange/eventually.ts'
import {
  ENDINGS,
  HALF_HANDSHAKE,
  type Link,
  MARK,
  type Phase,
  PHASES,
  PIPELINED,
} from './abort-phases.ts'
import { type CountingUpstream, startCounting } from './counting-upstream.ts'
import { type House, startHouse } from './house.ts'

const MIB = 1024 * 1024
const CERTIFICATES = join(import.meta.dirname, '../certificates')

/** Clients at a time, which leave in all ways. */
const AT_ONCE = 24
/** Each of them is every phase, in cleartext and over TLS. */
const ROUND_COUNT = 8
/** Of which two leave all that is made once for good. */
const WARM_UP_COUNT = 2
/** Of the heap, without garbage. A kilobyte of each client would be more. */
const GROWTH_LIMIT_BYTES = 2 * MIB
const PROBE = ['--expose-gc', '--import', join(import.meta.dirname, 'heap-probe.ts')]

const BOTH = 'host: 127.0.0.1, port: 0, protocols: [http1, http2]'
const CERTIFICATE = `cert: ${CERTIFICATES}/a.example.cert.pem, key: ${CERTIFICATES}/a.example.key.pem`
const LISTENERS = `{ name: public, ${BOTH} }, { name: secure, ${BOTH}, tls: { ${CERTIFICATE} } }`

/** Connections on which the test itself asks for metrics. */
const OUR_DESCRIPTOR_COUNT = 2

const GAUGES = [
  'sluice_requests_active',
  'sluice_tunnels_active',
  'sluice_downstream_connections',
  'sluice_upstream_connections',
] as const

test.for(['http1', 'http2'] as const)(
  'of clients that leave nothing is left, where the upstream speaks %s',
  { timeout: 180_000 },
  async (protocol) => {
    const upstream = await startCounting(protocol)
    const house = await startHouse(upstream, {
      listeners: LISTENERS,
      proxyEntries: ['timeouts: { upstreamIdle: 250ms }'],
      nodeOptions: PROBE,
    })
    const crowd = new Crowd(house, upstream)
    let warmBytes = 0
    for (let round = 0; round < ROUND_COUNT; round++) {
      if (round === WARM_UP_COUNT) warmBytes = await heapBytes(house)
      await crowd.comeAndGo()
      await crowd.expectNothingLeft()
    }
    expect((await heapBytes(house)) - warmBytes).toBeLessThan(GROWTH_LIMIT_BYTES)
    expect(house.sluice.stderr()).not.toMatch(/bug/)
  },
)

test('clients that leave with requests behind the one that waits are found out by its deadline', async () => {
  const upstream = await startCounting('http1')
  const house = await startHouse(upstream, {
    listeners: LISTENERS,
    proxyEntries: ['timeouts: { upstreamIdle: 250ms, responseHead: 2s }'],
  })
  const crowd = new Crowd(house, upstream)
  for (const isSecure of [false, true]) {
    await crowd.play(PIPELINED, isSecure)
    await crowd.expectNothingLeft()
  }
  // The second one is on its way when the answer to the first shows that nobody is there.
  expect(upstream.seenCount).toBeLessThanOrEqual(2 * 2 * AT_ONCE)
})

/** What comes, and what it comes through. */
class Crowd {
  readonly #house: House
  readonly #upstream: CountingUpstream
  readonly #securePort: number
  /** Without anybody. */
  readonly #descriptorCount: number

  constructor(house: House, upstream: CountingUpstream) {
    this.#house = house
    this.#upstream = upstream
    this.#descriptorCount = house.descriptorCount()
    const [, port] = /Listener secure on \S+:(\d+)/.exec(house.sluice.stderr())!
    this.#securePort = Number(port)
  }

  async comeAndGo(): Promise<void> {
    for (const phase of PHASES)
      for (const isSecure of [false, true]) await this.play(phase, isSecure)
    await this.#play(HALF_HANDSHAKE, () => plainLink(this.#securePort))
  }

  play(phase: Phase, isSecure: boolean): Promise<void> {
    if (isSecure) return this.#play(phase, () => secureLink(this.#securePort, phase))
    return this.#play(phase, () => plainLink(this.#house.port))
  }

  async #play(phase: Phase, dial: () => Promise<Link>): Promise<void> {
    const seenCount = this.#upstream.seenCount + AT_ONCE
    const descriptorCount = this.#descriptorCount + AT_ONCE / 2
    const clients = await Promise.all(
      Array.from({ length: AT_ONCE }, async () => new Client(await dial(), phase)),
    )
    await {
      proxy: () => eventually(() => this.#house.descriptorCount()).toBeGreaterThan(descriptorCount),
      upstream: () => eventually(() => this.#upstream.seenCount).toBeGreaterThanOrEqual(seenCount),
      client: () => eventually(() => clients.every(({ hasMark }) => hasMark)).toBe(true),
    }[phase.seenBy]()
    for (const [i, { link }] of clients.entries()) ENDINGS[i % ENDINGS.length]!(link)
    await Promise.all(clients.map(({ gone }) => gone))
  }

  async expectNothingLeft(): Promise<void> {
    for (const gauge of GAUGES) await expect.poll(() => this.#house.metric(gauge)).toBe(0)
    await eventually(() => this.#upstream.openCount).toBe(0)
    const descriptorCount = () => this.#house.descriptorCount() - this.#descriptorCount
    await eventually(descriptorCount).toBeLessThanOrEqual(OUR_DESCRIPTOR_COUNT)
  }
}

class Client {
  readonly link: Link
  readonly gone: Promise<unknown>
  hasMark = false
  #text = ''

  constructor(link: Link, { bytes }: Phase) {
    this.link = link
    this.gone = new Promise((resolve) => link.raw.once('close', resolve))
    link.socket.write(bytes, 'latin1')
    link.socket.setEncoding('latin1').on('data', (text: string) => {
      this.#text += text
      this.hasMark ||= this.#text.includes(MARK)
    })
  }
}

async function plainLink(port: number): Promise<Link> {
  const raw = connect(port, '127.0.0.1').on('error', () => undefined)
  onTestFinished(() => void raw.destroy())
  await once(raw, 'connect')
  return { socket: raw, raw }
}

async function secureLink(port: number, { protocol }: Phase): Promise<Link> {
  const { raw } = await plainLink(port)
  const ALPNProtocols = [protocol === 'http2' ? 'h2' : 'http/1.1']
  const socket = connectTls({ socket: raw, ca: CA, servername: 'a.example', ALPNProtocols })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return { socket, raw }
}

/** What both threads hold, without garbage. */
async function heapBytes({ sluice }: House): Promise<number> {
  const told = () =>
    [...sluice.stderr().matchAll(/^heap (\d+)$/gm)].map(([, bytes]) => Number(bytes))
  const { length } = told()
  process.kill(sluice.pid, 'SIGUSR2')
  await eventually(() => told().length).toBe(length + 1)
  return told()[length]!
}
