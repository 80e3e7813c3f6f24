/** The real `sluice run` with two threads, its configuration on disk, and one recording upstream for all cases. */

import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { residentBytes, sumOf } from '../e2e/house.ts'
import { type SluiceProcess, startSluice } from '../e2e/sluice-process.ts'
import { Client } from '../proxy/exchange/client.ts'
import type { Script } from '../proxy/exchange/upstream.ts'
import { Http1Recorder, Http2Recorder, type Recorder } from './recorder.ts'
import { type Facing, type ListenerName, type Reading, STALL_MS, type Target } from './target.ts'

function pemFile(name: string): string {
  return fileURLToPath(new URL(`../certificates/a.example.${name}.pem`, import.meta.url))
}

const BOTH = 'protocols: [http1, http2]'
const LISTENERS = [
  '{ name: public, host: 127.0.0.1, port: 0 }',
  '{ name: http2, host: 127.0.0.1, port: 0, protocols: [http2] }',
  `{ name: both, host: 127.0.0.1, port: 0, ${BOTH} }`,
  `{ name: tls, host: 127.0.0.1, port: 0, ${BOTH}, tls: { cert: ${pemFile('cert')}, key: ${pemFile('key')} } }`,
]
const PROXIED = '{ name: proxied, host: 127.0.0.1, port: 0, proxyProtocol: true }'
/** Connections on which pings go: so many that each thread has one, but for one start in 2^15. */
const PING_CONNECTIONS = 16
/** Answered by every thread by itself, whatever the upstream does. */
const PING = 'OPTIONS * HTTP/1.1\r\nHost: ping\r\nMax-Forwards: 0\r\n\r\n'

export class SluiceTarget implements Target {
  readonly #sluice: SluiceProcess
  readonly #recorder: Recorder
  #pings: readonly Client[] = []
  #slowestPingMs = 0

  /** `folder`: is made. */
  static async start(folder: string, { protocol, isTrusted }: Facing): Promise<SluiceTarget> {
    mkdirSync(folder)
    const recorder = protocol === 'http1' ? new Http1Recorder() : new Http2Recorder()
    await recorder.listen()
    const shop = { port: recorder.port, protocol }
    const sluice = await startSluice({
      folder,
      shops: { stable: shop, canary: shop },
      threads: 2,
      // What comes of one try is looked at.
      routeLines: ['retry: { attempts: 0 }'],
      listeners: [...LISTENERS, ...(isTrusted ? [PROXIED] : [])].join(', '),
      proxyEntries: [
        `timeouts: { bodyStall: ${STALL_MS}ms }`,
        ...(isTrusted ? ['trustedProxies: [127.0.0.1/32]'] : []),
      ],
    })
    return new SluiceTarget(sluice, recorder)
  }

  private constructor(sluice: SluiceProcess, recorder: Recorder) {
    this.#sluice = sluice
    this.#recorder = recorder
  }

  get isAlive(): boolean {
    try {
      return process.kill(this.#sluice.pid, 0)
    } catch {
      return false
    }
  }

  port(name: ListenerName): number {
    return portOf(this.#sluice, name === 'http1' ? 'public' : name)
  }

  record(script: Script): Promise<Http1Recorder> {
    const recorder = this.#recorder as Http1Recorder
    recorder.play(script)
    return Promise.resolve(recorder)
  }

  recordHttp2(raw: string): Promise<Http2Recorder> {
    const recorder = this.#recorder as Http2Recorder
    recorder.play(raw)
    return Promise.resolve(recorder)
  }

  async face(): Promise<Reading> {
    await this.#connectPings()
    const reading = await this.ping()
    this.#slowestPingMs = 0
    return reading
  }

  /** They may have been idle for too long while another process was played with. */
  async #connectPings(): Promise<void> {
    if (this.#pings.length > 0 && this.#pings.every(isOpen)) return
    for (const { socket } of this.#pings) socket.destroy()
    const port = this.port('http1')
    const connections = Array.from({ length: PING_CONNECTIONS }, () => connectTo(port))
    this.#pings = await Promise.all(connections)
  }

  async ping(): Promise<Reading> {
    const startMs = performance.now()
    for (const one of this.#pings) one.send(PING)
    await Promise.all(this.#pings.map((one) => one.answer()))
    this.#slowestPingMs = Math.max(this.#slowestPingMs, performance.now() - startMs)
    return {
      residentBytes: residentBytes(this.#sluice.pid),
      eventLoopDelayMs: this.#slowestPingMs,
      bugs: this.#sluice.stderr().match(/^\S+ error .*$/gm) ?? [],
    }
  }

  async pass(byMs: number): Promise<void> {
    const endMs = performance.now() + byMs
    while (performance.now() < endMs) await this.ping()
  }

  collect(): Promise<Reading> {
    return this.ping()
  }

  async errorCount(): Promise<number> {
    const response = await fetch(`${this.#sluice.adminUrl}/metrics`)
    return sumOf(await response.text(), 'sluice_request_errors_total')
  }

  async end(): Promise<void> {
    await this.#sluice.kill()
    for (const { socket } of this.#pings) socket.destroy()
    this.#recorder.close()
  }
}

function isOpen({ reader }: Client): boolean {
  return reader.ending === 'open'
}

async function connectTo(port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const client = new Client(socket)
  await once(socket, 'connect')
  return client
}

function portOf(sluice: SluiceProcess, listener: string): number {
  const match = new RegExp(`Listener ${listener} on https?://[^:]+:(\\d+)`).exec(sluice.stderr())
  if (match === null) throw new Error(`There is no listener ${listener}`)
  return Number(match[1])
}
