/** The real `sluice run` with two threads, its configuration on disk, and one recording upstream for all cases. */

import { readFileSync } from 'node:fs'
import { connectClient } from '../proxy/exchange/client.ts'
import type { Script } from '../proxy/exchange/upstream.ts'
import { type SluiceProcess, startSluice } from '../e2e/sluice-process.ts'
import { Http1Recorder } from './recorder.ts'
import { type ListenerName, type Reading, STALL_MS, type Target } from './target.ts'

const LISTENERS = [
  '{ name: public, host: 127.0.0.1, port: 0 }',
  '{ name: http2, host: 127.0.0.1, port: 0, protocols: [http2] }',
  '{ name: both, host: 127.0.0.1, port: 0, protocols: [http1, http2] }',
]
/** Connections of a ping: enough that each thread gets some. */
const PING_CONNECTIONS = 4
/** Refused by every thread by itself, whatever the upstream does. */
const PING = 'TRACE / HTTP/1.1\r\nHost: ping\r\n\r\n'

export class SluiceTarget implements Target {
  readonly #sluice: SluiceProcess
  readonly #recorder: Http1Recorder
  #slowestPingMs = 0

  static async start(folder: string): Promise<SluiceTarget> {
    const recorder = new Http1Recorder()
    await recorder.listen()
    const sluice = await startSluice({
      folder,
      shops: { stable: recorder, canary: recorder },
      threads: 2,
      listeners: LISTENERS.join(', '),
      proxyEntries: [`timeouts: { bodyStall: ${STALL_MS}ms }`],
    })
    return new SluiceTarget(sluice, recorder)
  }

  private constructor(sluice: SluiceProcess, recorder: Http1Recorder) {
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
    const logged = name === 'http1' ? 'public' : name
    const match = new RegExp(`Listener ${logged} on http://[^:]+:(\\d+)`).exec(
      this.#sluice.stderr(),
    )
    if (match === null) throw new Error(`There is no listener ${name}`)
    return Number(match[1])
  }

  record(script: Script): Promise<Http1Recorder> {
    this.#recorder.play(script)
    return Promise.resolve(this.#recorder)
  }

  async face(): Promise<Reading> {
    const reading = await this.ping()
    this.#slowestPingMs = 0
    return reading
  }

  async ping(): Promise<Reading> {
    const startMs = performance.now()
    await Promise.all(Array.from({ length: PING_CONNECTIONS }, () => this.#pingOnce()))
    this.#slowestPingMs = Math.max(this.#slowestPingMs, performance.now() - startMs)
    return {
      residentBytes: residentBytes(this.#sluice.pid),
      eventLoopDelayMs: this.#slowestPingMs,
      counts: null,
      bugs: this.#sluice.stderr().match(/^\S+ error .*$/gm) ?? [],
    }
  }

  async #pingOnce(): Promise<void> {
    const client = await connectClient(this.port('http1'))
    client.send(PING)
    await client.answer()
    client.socket.destroy()
  }

  async pass(byMs: number): Promise<void> {
    const endMs = performance.now() + byMs
    while (performance.now() < endMs) await this.ping()
  }

  collect(): Promise<Reading> {
    return this.ping()
  }

  async end(): Promise<void> {
    await this.#sluice.kill()
    this.#recorder.close()
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024
}
