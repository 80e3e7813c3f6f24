/** What is under test, as a case needs it: a proxy with several listeners, in front of one recording upstream. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { LISTENER, snapshotOf } from '../proxy/exchange/proxy.ts'
import type { Script } from '../proxy/exchange/upstream.ts'
import type { Limits, Listener, Timeouts } from '../../src/proxy/snapshot.ts'
import type { Command, Health } from './proxy-process.ts'
import { Http1Recorder, Http2Recorder, type Recorder } from './recorder.ts'

export type ListenerName = 'http1' | 'http2' | 'both' | 'tls' | 'proxied'

/** How the proxy is at a moment, as far as that can be seen. */
export interface Reading {
  readonly residentBytes: number
  readonly eventLoopDelayMs: number
  readonly bugs: readonly string[]
}

export interface Facing {
  /** The upstream's. */
  readonly protocol: 'http1' | 'http2'
  /** Whether the case's client is a proxy that is believed. */
  readonly isTrusted: boolean
}

export interface Target {
  readonly isAlive: boolean
  port(name: ListenerName): number
  /** Resolves with an upstream that answers by the script, with nothing recorded yet. */
  record(script: Script): Promise<Http1Recorder>
  /** As `record`, over HTTP/2; `raw` is its answer. */
  recordHttp2(raw: string): Promise<Http2Recorder>
  /** From now on all requests go to that upstream. */
  face(recorder: Recorder, facing: Facing): Promise<Reading>
  /** Answered after the proxy has read everything that had arrived. */
  ping(): Promise<Reading>
  /** Lets so much time go by for the proxy. */
  pass(byMs: number): Promise<void>
  /** Frees what is not used, so that memory can be compared. */
  collect(): Promise<Reading>
  /** Requests that were errors, so far. */
  errorCount(): Promise<number>
}

/** What is due by a timeout is due within this time; nothing else is waited for. */
export const STALL_MS = 500

function pem(name: string): string {
  return readFileSync(new URL(`../certificates/${name}.pem`, import.meta.url), 'utf8')
}

const LISTENERS: readonly (Listener & { readonly name: ListenerName })[] = [
  { ...LISTENER, name: 'http1' },
  { ...LISTENER, name: 'http2', protocols: { http1: false, http2: true } },
  { ...LISTENER, name: 'both', protocols: { http1: true, http2: true } },
  { ...LISTENER, name: 'proxied', proxyProtocol: true },
  {
    ...LISTENER,
    name: 'tls',
    protocols: { http1: true, http2: true },
    tls: {
      certificates: [
        { names: ['a.example'], cert: pem('a.example.cert'), key: pem('a.example.key') },
      ],
      minVersion: 'TLSv1.2',
      clients: null,
      ticketKeys: Buffer.alloc(48, 7),
    },
  },
]

export interface Settings {
  readonly timeouts?: Partial<Timeouts>
  readonly limits?: Partial<Limits>
}

/** A `ProxyServer` in a process of its own; one upstream a case. */
export class ProxyProcess implements Target {
  readonly #child: ChildProcess
  readonly #settings: Settings
  #last: Promise<unknown> = Promise.resolve()
  #ports: Readonly<Record<string, number>> = {}

  constructor(settings: Settings = {}) {
    this.#settings = settings
    this.#child = fork(new URL('proxy-process.ts', import.meta.url), {
      stdio: 'inherit',
      serialization: 'advanced',
      execArgv: ['--expose-gc'],
    })
  }

  /** Commands are obeyed one after the other. */
  async ask(command: Command): Promise<Health> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    try {
      this.#child.send(command)
      const [health]: Health[] = await once(this.#child, 'message')
      this.#ports = health!.ports
      return health!
    } finally {
      resolve()
    }
  }

  port(name: ListenerName): number {
    return this.#ports[name]!
  }

  async record(script: Script): Promise<Http1Recorder> {
    const recorder = new Http1Recorder()
    recorder.play(script)
    await recorder.listen()
    return recorder
  }

  async recordHttp2(raw: string): Promise<Http2Recorder> {
    const recorder = new Http2Recorder()
    recorder.play(raw)
    await recorder.listen()
    return recorder
  }

  face(recorder: Recorder, { protocol, isTrusted }: Facing): Promise<Health> {
    onTestFinished(() => recorder.close())
    const { timeouts, limits } = this.#settings
    const place = { host: '127.0.0.1', port: recorder.port, protocol }
    const snapshot = snapshotOf({
      stable: [place],
      timeouts: { bodyStallMs: STALL_MS, ...timeouts },
      limits: limits ?? {},
      trustedProxies: isTrusted ? ['127.0.0.1/32'] : [],
    })
    return this.ask({ type: 'use', snapshot, listeners: LISTENERS })
  }

  ping(): Promise<Health> {
    return this.ask({ type: 'ping' })
  }

  async pass(byMs: number): Promise<void> {
    await this.ask({ type: 'advance', byMs })
  }

  collect(): Promise<Health> {
    return this.ask({ type: 'collect' })
  }

  async errorCount(): Promise<number> {
    return (await this.ping()).counts.errors
  }

  /** False once it has died. */
  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}
