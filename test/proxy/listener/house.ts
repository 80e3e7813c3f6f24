/**
 * A `ProxyServer` with a listener to try, an upstream that tells what it was told, and a clock that the test can put
 * forward. When a test ends, every connection that was accepted is closed, and no bug was reported.
 */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { expect, onTestFinished } from 'vitest'
import { createTallyBuffer, segment, THREAD } from '../../../src/analyzer/tally.ts'
import { CONNECTION_REFUSALS, type RefusalReport } from '../../../src/proxy/refusals.ts'
import { ProxyServer } from '../../../src/proxy/server.ts'
import type { Certificate, Listener, ListenerTls } from '../../../src/proxy/snapshot.ts'
import { Client } from '../exchange/client.ts'
import { eventually } from '../exchange/eventually.ts'
import { LISTENER, type Setup, snapshotOf } from '../exchange/proxy.ts'
import { startUpstream } from '../exchange/upstream.ts'

/** Returns a file of `test/certificates`. */
export function pem(name: string): string {
  return readFileSync(new URL(`../../certificates/${name}.pem`, import.meta.url), 'utf8')
}

function certificate(name: string, names: readonly string[]): Certificate {
  return { names, cert: pem(`${name}.cert`), key: pem(`${name}.key`) }
}

export const A_EXAMPLE: Certificate = certificate('a.example', ['a.example', 'localhost'])
export const B_EXAMPLE: Certificate = certificate('wildcard.b.example', ['*.b.example'])

/** For a.example, without client certificates. */
export const TLS: ListenerTls = {
  certificates: [A_EXAMPLE],
  minVersion: 'TLSv1.2',
  clients: null,
  ticketKeys: Buffer.alloc(48, 'k'),
}

export const BOTH = { http1: true, http2: true }
export const HTTP2 = { http1: false, http2: true }

export class House {
  readonly server: ProxyServer
  readonly bugs: unknown[] = []
  readonly reports: RefusalReport[] = []
  /** Fields of the requests that the upstream got, by name. */
  readonly told: ReadonlyMap<string, string>[] = []
  readonly #words = segment(createTallyBuffer(1), 0)
  readonly #upstreamPort: number
  #offsetMs = 0
  port = 0

  constructor(upstreamPort: number) {
    this.#upstreamPort = upstreamPort
    this.server = new ProxyServer({
      tally: this.#words,
      nowMs: () => performance.now() + this.#offsetMs,
      random: Math.random,
      report: (error) => void this.bugs.push(error),
      tellRefusal: (report) => void this.reports.push(report),
    })
  }

  use(setup: Omit<Setup, 'stable'>): void {
    this.server.use({
      ...snapshotOf({ ...setup, stable: [this.#upstreamPort] }),
      tellsRefusals: true,
    })
  }

  /** Has it serve by that from now on, where it is. */
  async listen(listener: Partial<Listener>): Promise<void> {
    await this.server.listenOnly([{ ...LISTENER, ...listener, port: this.port }], false)
  }

  count(counter: 'accepted' | 'closed' | 'refused'): number {
    return this.#words[THREAD[counter]]!
  }

  /** Refused connections by reason, with only those that there were. */
  get refused(): Readonly<Record<string, number>> {
    const counts = CONNECTION_REFUSALS.map(
      (reason, i) => [reason, this.#words[THREAD.refusedConnections + i]!] as const,
    )
    return Object.fromEntries(counts.filter(([, count]) => count > 0))
  }

  /** Puts the clock forward and does what is due by then, after what was sent until now is read. */
  async advance(byMs: number): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    this.#offsetMs += byMs
    this.server.sweep()
    this.server.sweep()
  }
}

/** Its upstream answers every request with `hello`, or with as many bytes as `/bytes/COUNT` asks for. */
export async function startHouse(setup: Omit<Setup, 'stable'> = {}): Promise<House> {
  const upstream = await startUpstream((received) => {
    house.told.push(
      new Map(received.head.fields.map(([name, value]) => [name.toLowerCase(), value])),
    )
    const count = /^\/bytes\/(?<count>\d+)$/.exec(received.target)?.groups?.['count']
    if (count === undefined) received.answer(200, 'hello')
    else received.answer(200, Buffer.alloc(Number(count), 'x'))
  })
  const house = new House(upstream.port)
  house.use(setup)
  house.port = await house.server.listen({ ...LISTENER, ...setup.listener }, false)
  onTestFinished(async () => {
    house.server.close()
    await eventually(() => house.count('closed')).toBe(house.count('accepted'))
    expect(house.server.clientCount).toBe(0)
    expect(house.bugs).toEqual([])
  })
  return house
}

/** Of the tests' authority, for a.example, by HTTP/1.1 unless it says otherwise. */
export function secureOptions(port: number, options: ConnectionOptions = {}): ConnectionOptions {
  return { port, host: '127.0.0.1', ca: pem('ca'), servername: 'a.example', ...options }
}

/** Resolves when the handshake is done; in TLS 1.3 the server may still refuse the client's certificate. */
export async function secureSocket(port: number, options?: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls(secureOptions(port, options))
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

export async function secureClient(port: number, options?: ConnectionOptions): Promise<Client> {
  return new Client(await secureSocket(port, options))
}

/** Resolves with `served` or with the code of the error that the client meets, `ended` where it meets none. */
export async function outcomeOf(port: number, options?: ConnectionOptions): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connectTls(secureOptions(port, options))
  onTestFinished(() => void socket.destroy())
  socket
    .on('secureConnect', () => void socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'))
    .on('data', (bytes: Buffer) => {
      resolve(bytes.toString('latin1').startsWith('HTTP/1.1 200') ? 'served' : String(bytes))
    })
    .on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    .on('close', () => resolve('ended'))
  return promise
}
