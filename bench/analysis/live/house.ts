/** A real Sluice with its builds and its load, each in a process of its own; all end with `close`. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Behaviour } from './faults.ts'
import type { LoadMessage } from './load.ts'
import type { UpstreamCommand, UpstreamMessage } from './upstream.ts'

const MAIN = join(import.meta.dirname, '../../../src/control/main.ts')
const READY_MS = 20_000

/** A rollout as the API shows it. */
export interface RolloutView {
  readonly id: string
  readonly phase: string
  readonly reason: string | null
  readonly startedAt: string
  readonly endedAt: string | null
}

export interface HouseOptions {
  readonly routeCount: number
  /** Requests a second for each route. */
  readonly rate: number
  readonly seed: number
  /** What stands in that route's configuration beside its name, path and upstream; default nothing. */
  readonly extras?: (route: number) => string
  /** Where the canary is said to be; default: where it is. */
  readonly canaryPort?: number
}

export class LiveHouse {
  readonly #children: ChildProcess[] = []
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'sluice-live-'))
  readonly #end = (): void => this.#kill()
  #upstream!: ChildProcess
  #load!: ChildProcess
  #admin = ''

  async open(options: HouseOptions): Promise<this> {
    const { routeCount, rate, seed, extras = () => '' } = options
    process.on('exit', this.#end)
    this.#upstream = this.#fork(join(import.meta.dirname, 'upstream.ts'), [seed])
    const ports = await heard(this.#upstream, 'listening')
    const [proxyPort, adminPort] = await Promise.all([freePort(), freePort()])
    const config = join(this.#folder, 'sluice.yaml')
    const canaryPort = options.canaryPort ?? ports.canaryPort
    const { stablePort } = ports
    writeFileSync(
      config,
      configText({ routeCount, proxyPort, adminPort, stablePort, canaryPort, extras }),
    )
    this.#admin = `http://127.0.0.1:${adminPort}`
    this.#fork(MAIN, ['run', '-c', config])
    await this.#ready()
    this.#load = this.#fork(join(import.meta.dirname, 'load.ts'), [
      proxyPort,
      routeCount,
      rate,
      seed + 1,
    ])
    return this
  }

  behave(stable: Behaviour, canary: Behaviour): void {
    const command: UpstreamCommand = { type: 'behave', stable, canary }
    this.#upstream.send(command)
  }

  /** Requests that the canary failed or left hanging, by route, since it was last told how to behave. */
  async badCounts(): Promise<Readonly<Record<string, number>>> {
    const command: UpstreamCommand = { type: 'tell' }
    const told = heard(this.#upstream, 'told')
    this.#upstream.send(command)
    return (await told).bad
  }

  /** What the clients of each route have seen since they were last asked. */
  async clients(): Promise<LoadMessage['routes']> {
    const { promise, resolve } = Promise.withResolvers<LoadMessage>()
    this.#load.once('message', resolve)
    this.#load.send('tell')
    return (await promise).routes
  }

  /** Starts a rollout on a route that stays at `weight` percent. */
  async start(route: number, weight: number): Promise<RolloutView> {
    return this.#ask('/v1/rollouts', {
      route: `r${route}`,
      to: 'canary',
      strategy: { canary: { steps: [{ setWeight: weight }, { pause: { duration: '10m' } }] } },
    })
  }

  rollout(id: string): Promise<RolloutView> {
    return this.#ask(`/v1/rollouts/${id}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
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

  #kill(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #fork(file: string, args: readonly (string | number)[]): ChildProcess {
    const child = fork(file, args.map(String), { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    this.#children.push(child)
    return child
  }

  async #ready(): Promise<void> {
    const untilMs = performance.now() + READY_MS
    for (;;) {
      const isReady = await fetch(`${this.#admin}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (isReady) return
      if (performance.now() > untilMs) throw new Error('Sluice is not ready')
      await sleep(50)
    }
  }

  async #ask(path: string, body?: unknown): Promise<RolloutView> {
    const response = await fetch(
      `${this.#admin}${path}`,
      body === undefined
        ? {}
        : {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          },
    )
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as RolloutView
  }
}

function heard<Type extends UpstreamMessage['type']>(
  child: ChildProcess,
  type: Type,
): Promise<Extract<UpstreamMessage, { type: Type }>> {
  const { promise, resolve } = Promise.withResolvers<Extract<UpstreamMessage, { type: Type }>>()
  const listen = (message: UpstreamMessage): void => {
    if (message.type !== type) return
    child.off('message', listen)
    resolve(message as Extract<UpstreamMessage, { type: Type }>)
  }
  child.on('message', listen)
  return promise
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function configText(options: {
  readonly routeCount: number
  readonly proxyPort: number
  readonly adminPort: number
  readonly stablePort: number
  readonly canaryPort: number
  readonly extras: (route: number) => string
}): string {
  const { routeCount, proxyPort, adminPort, stablePort, canaryPort, extras } = options
  const routes = Array.from(
    { length: routeCount },
    (_, n) =>
      `  - { name: r${n}, match: { path: { prefix: /r${n}/ } }, stable: stable${extras(n)} }`,
  )
  return `version: 1
proxy: { threads: 1, listeners: [{ name: public, host: 127.0.0.1, port: ${proxyPort} }] }
control: { host: 127.0.0.1, port: ${adminPort} }
store: { path: ':memory:' }
upstreams:
  stable: { endpoints: ['http://127.0.0.1:${stablePort}'] }
  canary: { endpoints: ['http://127.0.0.1:${canaryPort}'] }
routes:
${routes.join('\n')}
`
}
