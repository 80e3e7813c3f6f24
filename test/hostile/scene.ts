/** A proxy whose clock is put forward, and clients that take their time. */

import { onTestFinished } from 'vitest'
import type { Client } from '../proxy/exchange/client.ts'
import type { Script } from '../proxy/exchange/upstream.ts'
import type { Counts } from './proxy-process.ts'
import type { Http1Recorder } from './recorder.ts'
import { type ListenerName, ProxyProcess, type Settings } from './target.ts'

/** The defaults of the configuration, with few connections. */
export const SETTINGS = {
  timeouts: {
    headMs: 10_000,
    idleMs: 75_000,
    bodyStallMs: 30_000,
    responseHeadMs: 60_000,
    handshakeMs: 10_000,
    tunnelIdleMs: 3_600_000,
  },
  limits: { connections: 500, connectionsPerAddress: 400, bodyBytesPerSecond: 240 },
} as const satisfies Settings

/** How much later than due: the grain of the sweep, and the steps in which the test puts the clock forward. */
export const GRAIN_MS = 250

interface Steps {
  readonly ms: number
  /** Done before each. */
  readonly between?: () => void
  readonly patienceMs: number
}

export class Scene {
  readonly proxy: ProxyProcess
  readonly recorder: Http1Recorder

  /** A process for each: what one case leaves open is not the next one's. */
  static async prepare(script: Script, isTrusted = false): Promise<Scene> {
    const proxy = new ProxyProcess(SETTINGS)
    onTestFinished(() => proxy.end())
    const recorder = await proxy.record(script)
    await proxy.face(recorder, { protocol: 'http1', isTrusted })
    return new Scene(proxy, recorder)
  }

  private constructor(proxy: ProxyProcess, recorder: Http1Recorder) {
    this.proxy = proxy
    this.recorder = recorder
  }

  port(name: ListenerName = 'http1'): number {
    return this.proxy.port(name)
  }

  async counts(): Promise<Counts> {
    return (await this.proxy.ping()).counts
  }

  async openCount(): Promise<number> {
    return (await this.proxy.ping()).openCount
  }

  /** Puts the clock forward step by step until it is so; returns how long that took, at most `patienceMs`, else infinity. */
  async until(isSo: () => boolean | Promise<boolean>, steps: Steps): Promise<number> {
    for (let passedMs = steps.ms; passedMs <= steps.patienceMs; passedMs += steps.ms) {
      steps.between?.()
      await this.proxy.ping()
      await this.proxy.pass(steps.ms)
      // What was sent has met with a closed socket or with silence by then.
      for (let turn = 0; turn < 3; turn++) await this.proxy.ping()
      if (await isSo()) return passedMs
    }
    return Infinity
  }

  untilGone(client: Client, steps: Steps): Promise<number> {
    return this.until(() => client.reader.ending !== 'open', steps)
  }
}

/** Returns what sends a bit more, as long as there is somebody to send to. */
export function drip(client: Client, bytes = 'a'): () => void {
  return () => {
    if (client.reader.ending === 'open') client.send(bytes)
  }
}
