/** A real Sluice before four endpoints, each in a process of its own; all end with `close`, whatever state they are in. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UpstreamView } from '../../src/control/api/upstream-view.ts'
import type { EndpointCommand, EndpointMessage } from './endpoint.ts'

const MAIN = join(import.meta.dirname, '../../src/control/main.ts')
const ENDPOINT = join(import.meta.dirname, 'endpoint.ts')
const READY_MS = 20_000
export const ENDPOINT_COUNT = 4
/** So many times as slow is one that is not. */
const SLOW_FACTOR = 10

export const FAULTS = ['killed', 'hung', 'slow'] as const
export type Fault = (typeof FAULTS)[number]

export interface HouseOptions {
  readonly threads: number
  /** Mean of an endpoint that is well. */
  readonly latencyMs: number
  /** YAML beside the endpoints, such as `outlier: { baseEjection: 2s }`. */
  readonly upstreamEntries: readonly string[]
}

export type EndpointView = UpstreamView['endpoints'][number]

export class FaultHouse {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'sluice-faults-'))
  readonly #endpoints: { port: number; process: ChildProcess }[] = []
  #latencyMs = 0
  #sluice: ChildProcess | null = null
  #stderr = ''
  #proxy = ''
  #admin = ''
  readonly #end = (): void => this.#kill()

  async open({ threads, latencyMs, upstreamEntries }: HouseOptions): Promise<this> {
    process.on('exit', this.#end)
    this.#latencyMs = latencyMs
    for (let i = 0; i < ENDPOINT_COUNT; i++) this.#endpoints.push(await startEndpoint(0, latencyMs))
    const urls = this.ports.map((port) => `'http://127.0.0.1:${port}'`)
    const upstream = [`endpoints: [${urls.join(', ')}]`, ...upstreamEntries].join(', ')
    const file = join(this.#folder, 'sluice.yaml')
    writeFileSync(
      file,
      `version: 1
proxy: { threads: ${threads}, listeners: [{ name: public, host: 127.0.0.1, port: 0 }] }
control: { host: 127.0.0.1, port: 0 }
store: { path: ':memory:' }
upstreams: { shop: { ${upstream} } }
routes: [{ name: shop, stable: shop, retry: { attempts: 2, perTryTimeout: 500ms } }]
`,
    )
    this.#sluice = fork(MAIN, ['run', '-c', file], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#sluice.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    await this.#ready()
    return this
  }

  /** Where requests go. */
  get proxy(): string {
    return this.#proxy
  }

  get ports(): readonly number[] {
    return this.#endpoints.map(({ port }) => port)
  }

  /** What Sluice has logged. */
  get stderr(): string {
    return this.#stderr
  }

  /** As `GET /v1/upstreams` shows the endpoint of that port. */
  async endpoint(port: number): Promise<EndpointView> {
    const response = await fetch(`${this.#admin}/v1/upstreams/shop`)
    const { endpoints } = (await response.json()) as UpstreamView
    return endpoints.find(({ url }) => url.endsWith(`:${port}`))!
  }

  /** Resolves when the fault is there. */
  async strike(port: number, fault: Fault): Promise<void> {
    const { process: child } = this.#at(port)
    if (fault === 'slow') return tell(child, this.#latencyMs * SLOW_FACTOR)
    child.kill(fault === 'killed' ? 'SIGKILL' : 'SIGSTOP')
    if (fault === 'killed') await once(child, 'exit')
  }

  /** Resolves when the endpoint is well again. */
  async heal(port: number, fault: Fault): Promise<void> {
    const endpoint = this.#at(port)
    if (fault === 'slow') return tell(endpoint.process, this.#latencyMs)
    if (fault === 'hung') endpoint.process.kill('SIGCONT')
    else endpoint.process = (await startEndpoint(port, this.#latencyMs)).process
  }

  async close(): Promise<void> {
    this.#kill()
    process.off('exit', this.#end)
    await Promise.all(
      this.#children.map(
        async (child) => child.exitCode ?? child.signalCode ?? (await once(child, 'exit')),
      ),
    )
  }

  get #children(): readonly ChildProcess[] {
    const endpoints = this.#endpoints.map((endpoint) => endpoint.process)
    return this.#sluice === null ? endpoints : [this.#sluice, ...endpoints]
  }

  /** A stopped process is killed as well. */
  #kill(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #at(port: number): { port: number; process: ChildProcess } {
    return this.#endpoints.find((endpoint) => endpoint.port === port)!
  }

  async #ready(): Promise<void> {
    for (const untilMs = performance.now() + READY_MS; performance.now() < untilMs;) {
      await sleep(20)
      const proxy = /Listener public on (http:\S+)/.exec(this.#stderr)?.[1]
      const admin = /Admin API on (http:[^\s,]+)/.exec(this.#stderr)?.[1]
      if (this.#sluice?.exitCode !== null) break
      if (proxy === undefined || admin === undefined) continue
      this.#proxy = proxy
      this.#admin = admin
      return
    }
    throw new Error(`Sluice is not ready:\n${this.#stderr}`)
  }
}

async function startEndpoint(
  port: number,
  latencyMs: number,
): Promise<{ port: number; process: ChildProcess }> {
  const child = fork(ENDPOINT, [String(port), String(latencyMs)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const [message] = (await once(child, 'message')) as [EndpointMessage]
  return { port: message.port, process: child }
}

function tell(child: ChildProcess, latencyMs: number): void {
  const command: EndpointCommand = { latencyMs }
  child.send(command)
}
