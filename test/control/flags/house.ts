/** Sluice's own flags over a real store and a real engine, whose clock and routing the test holds. */

import { OwnFlags } from '../../../src/control/flags/own-flags.ts'
import type { RampRequest } from '../../../src/control/flags/own.ts'
import { ThreadFlags } from '../../../src/proxy/flags/flags.ts'
import type { PENDING } from '../../../src/proxy/flags/evaluator.ts'
import { subjectOf } from '../../proxy/flags/subject.ts'
import { configOf, type House, newHouse } from '../rollout/house.ts'
import { PLAN } from '../rollout/fixtures.ts'

export const ANN = { actor: 'ann' }
export const BOB = { actor: 'bob' }
export const RAMP: RampRequest = { route: 'shop', to: 'shop-v2', plan: PLAN }
export const AT_ONCE = { type: 'rollout', startMs: null, request: RAMP } as const

/** A share of so many basis points, at once. */
export function share(weightBp: number) {
  return { type: 'share', startMs: null, steps: [{ afterMs: 0, weightBp }] } as const
}

export class FlagHouse {
  readonly inner: House
  flags: OwnFlags
  readonly said: string[] = []
  storeFault: Error | null = null
  approval: 'none' | 'required' = 'none'
  /** How often a publication had each number of canary units, of a hundred. */
  readonly published: number[] = []

  private constructor(inner: House) {
    this.inner = inner
    this.flags = this.#make(new Map())
    inner.duringPublish = () => void this.published.push(this.canaries('checkout'))
  }

  static async open(): Promise<FlagHouse> {
    return new FlagHouse(await newHouse())
  }

  #make(stored: ReadonlyMap<string, string>): OwnFlags {
    const say = (level: string) => (message: string) => void this.said.push(`${level}: ${message}`)
    return new OwnFlags(
      {
        store: {
          keepFlags: async (changes) => {
            if (this.storeFault !== null) throw this.storeFault
            await this.inner.store.keepFlags(changes)
          },
        },
        engine: () => this.inner.engine,
        config: () => {
          const config = configOf()
          return { ...config, flags: { ...config.flags, approval: this.approval } }
        },
        nowMs: () => this.inner.nowMs,
        log: { info: say('info'), warn: say('warn'), error: say('error') },
      },
      stored,
    )
  }

  /** As after a crash: what is in memory is gone. */
  async restart(): Promise<void> {
    this.flags = this.#make(await this.inner.store.flags())
  }

  /** Lets time pass in ticks of 100 ms. */
  async pass(durationMs: number): Promise<void> {
    if (durationMs <= 0) return
    await this.inner.pass(100)
    this.flags.tick()
    await this.settled()
    await this.pass(durationMs - 100)
  }

  /** When all that was asked for is done. */
  async settled(): Promise<void> {
    await this.flags.approve('nothing', ANN).catch(() => {})
  }

  /** What a thread says of a unit. */
  evaluate(key: string, unit: string, route = 'cart'): string | null | typeof PENDING {
    return this.#thread().evaluate(
      'sluice',
      key,
      subjectOf(unit, { route, 'header.x-plan': 'gold' }),
    )
  }

  #thread(): ThreadFlags {
    const thread = new ThreadFlags({
      nowMs: () => 0,
      after: () => undefined,
      load: () => Promise.reject(new Error('nothing to load')),
      report: (error) => {
        throw error
      },
    })
    const own = this.flags.compile(this.inner.engine.targets())
    thread.use({ providers: [own], attributes: {} })
    return thread
  }

  /** Of a hundred units. */
  canaries(key: string): number {
    const thread = this.#thread()
    const facts = { route: 'cart', 'header.x-plan': 'gold' }
    const units = Array.from({ length: 100 }, (_, i) => subjectOf(`unit ${i}`, facts))
    return units.filter((unit) => thread.evaluate('sluice', key, unit) === 'canary').length
  }

  async create(key = 'checkout', audience: unknown = null): Promise<void> {
    await this.flags.create({ key, description: '', audience }, ANN)
  }
}
