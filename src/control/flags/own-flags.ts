/**
 * The flags that Sluice keeps itself: the shell around `own.ts`.
 *
 * One change at a time, in the engine's order: record, route, tell. Switching off comes first in the queue, and is in force
 * also while the store fails; it is recorded as soon as that can be written. A ramp that is a rollout is started before it
 * is recorded here: should the process die in between, the flag is off, and a rollout without traffic is seen.
 */

import type { FlagProvider } from '../../proxy/snapshot.ts'
import { CodedError } from '../coded-error.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import type { Engine, RouteTarget } from '../rollout/engine.ts'
import { createQueue, type Lane } from '../rollout/queue.ts'
import type { KeptFlag, Store } from '../store/contract.ts'
import { compileOwn } from './definitions.ts'
import { FlagLedger } from './ledger.ts'
import { type FlagChange, moved, newFlag, type OwnFlag, shareFrom, standingOf } from './own.ts'
import { requireApprover, requireFlag, requireGeneration, requireRamp } from './refuse.ts'
import { sentenceOf } from './sentence.ts'
import { type Turn, turnOf } from './turn.ts'

/** Flags at a time. */
export const FLAG_LIMIT = 1_000

/** How long a store that fails is left alone, milliseconds. */
const RETRY_MS = 1_000

type FlagEngine = Pick<Engine, 'start' | 'act' | 'find' | 'republish' | 'targets'>

export interface OwnFlagsOptions {
  readonly store: Pick<Store, 'keepFlags'>
  /** Asked when it is there: it is made after the flags, which its first publication needs. */
  readonly engine: () => FlagEngine
  readonly config: () => Config
  readonly nowMs: () => number
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
}

/** Who asks, and which generation they believe to see; undefined: any. */
export interface FlagCaller {
  readonly actor: string
  readonly generation?: number | undefined
}

export class OwnFlags {
  readonly #options: OwnFlagsOptions
  readonly #flags = new Map<string, OwnFlag>()
  readonly #queue = createQueue()
  readonly #ledger: FlagLedger
  #retryAtMs = 0
  #isTicking = false

  /** `stored`: JSON, by key. */
  constructor(options: OwnFlagsOptions, stored: ReadonlyMap<string, string>) {
    this.#options = options
    const { store, engine } = options
    this.#ledger = new FlagLedger({ store, republish: () => engine().republish() })
    for (const [key, body] of stored) {
      this.#flags.set(key, readFlag(key, body))
    }
  }

  /** By key. */
  list(): readonly OwnFlag[] {
    return [...this.#flags.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }

  find(key: string): OwnFlag | undefined {
    return this.#flags.get(key)
  }

  /** What the threads get. */
  compile(targets: readonly RouteTarget[]): FlagProvider & { source: { kind: 'flagd' } } {
    return compileOwn(this.list(), targets)
  }

  /** Makes one, which is off. The very same one again is no mistake. */
  create(
    flag: Pick<OwnFlag, 'key' | 'description' | 'audience'>,
    { actor }: FlagCaller,
  ): Promise<OwnFlag> {
    return this.#take('usual', async (nowMs) => {
      const { key, description } = flag
      const known = this.#flags.get(key)
      if (known !== undefined) {
        const isSame =
          known.description === description &&
          JSON.stringify(known.audience) === JSON.stringify(flag.audience)
        if (isSame) return known
        throw new CodedError(
          'invalidTransition',
          `Cannot create flag "${key}": there is one already`,
        )
      }
      if (this.#flags.size >= FLAG_LIMIT) {
        const message = `Cannot create flag "${key}": there are ${FLAG_LIMIT} already; take one away`
        throw new CodedError('invalidTransition', message)
      }
      return this.#put(newFlag(flag, actor, nowMs), actor, 'created')
    })
  }

  /** Takes one away that is off. */
  remove(key: string, { actor, generation }: FlagCaller): Promise<void> {
    return this.#take('usual', async (nowMs) => {
      const flag = requireFlag(this.#flags, key)
      requireGeneration(flag, generation)
      if (flag.state.kind !== 'off') {
        const message = `Cannot take flag "${key}" away: it is in use; switch it off first`
        throw new CodedError('invalidTransition', message)
      }
      await this.#ledger.record({ key, body: null, atMs: nowMs, actor, what: 'taken away' })
      this.#flags.delete(key)
      await this.#ledger.route()
    })
  }

  /** Makes a change, or proposes it where the configuration asks for a second person. */
  change(key: string, change: FlagChange, { actor, generation }: FlagCaller): Promise<OwnFlag> {
    return this.#take('usual', async (nowMs) => {
      const flag = requireFlag(this.#flags, key)
      requireGeneration(flag, generation)
      const { config, engine } = this.#options
      if (change.type === 'rollout') requireRamp(config(), engine().targets(), flag, change.request)
      if (config().flags.approval === 'none') return this.#apply(flag, change, actor, nowMs)
      const proposal = { change, author: actor, atMs: nowMs }
      return this.#put(moved(flag, { proposal }, nowMs), actor, `proposed: ${sentenceOf(change)}`)
    })
  }

  /** Puts what was proposed in force; only somebody else than its author may. */
  approve(key: string, { actor, generation }: FlagCaller): Promise<OwnFlag> {
    return this.#take('usual', async (nowMs) => {
      const flag = requireFlag(this.#flags, key)
      requireGeneration(flag, generation)
      const { change, author } = requireApprover(flag, actor)
      const { config, engine } = this.#options
      if (change.type === 'rollout') requireRamp(config(), engine().targets(), flag, change.request)
      return this.#apply(flag, change, actor, nowMs, ` (proposed by ${author})`)
    })
  }

  /** Nobody has it any more when this resolves. Never proposed, never stale, and in force without the store. */
  off(key: string, reason: string, { actor }: FlagCaller): Promise<OwnFlag> {
    return this.#take('urgent', async (nowMs) => {
      const flag = requireFlag(this.#flags, key)
      if (flag.state.kind === 'off' && flag.proposal === null) return flag
      const why = reason === '' ? 'switched off' : `switched off: ${reason}`
      const next = moved(flag, { state: { kind: 'off', reason: why } }, nowMs)
      this.#flags.set(key, next)
      this.#ledger.force(keptOf(next, actor, why))
      // The route's own abort, which also is in force without the store; the flag is off whatever comes of it.
      const aborted = await this.#abort(flag, why, actor)
      await this.#ledger.settle()
      if (aborted !== null) throw aborted
      this.#options.log.info(`Flag "${key}" is ${why} by ${actor}`)
      return next
    })
  }

  /** What has come due is done, and what is not recorded yet is tried again; called every 100 ms. */
  tick(): void {
    const nowMs = this.#options.nowMs()
    if (this.#isTicking || nowMs < this.#retryAtMs || !this.#isAnythingDue(nowMs)) return
    this.#isTicking = true
    this.#take('usual', (atMs) => this.#onTick(atMs))
      .catch((error: unknown) => {
        this.#retryAtMs = this.#options.nowMs() + RETRY_MS
        this.#options.log.error('A flag could not be moved; it is tried again', {
          error: textOf(error),
        })
      })
      .finally(() => {
        this.#isTicking = false
      })
  }

  #isAnythingDue(nowMs: number): boolean {
    if (this.#ledger.isOverdue) return true
    return this.list().some((flag) => {
      const { state } = flag
      return state.kind === 'waiting' ? state.atMs <= nowMs : this.#turnOf(flag, nowMs) !== null
    })
  }

  #turnOf(flag: OwnFlag, nowMs: number): Turn | null {
    return turnOf(flag, nowMs, (id) => this.#options.engine().find(id))
  }

  async #onTick(nowMs: number): Promise<void> {
    if (this.#ledger.isOverdue) await this.#ledger.settle()
    for (const flag of this.list()) {
      const { state, proposal } = flag
      if (state.kind === 'waiting' && state.atMs <= nowMs) {
        await this.#startLate(flag, state, nowMs)
      }
      const turn = this.#turnOf(flag, nowMs)
      if (turn === null) continue
      await this.#put(moved(flag, { state: turn.state, proposal }, nowMs), 'sluice', turn.what)
    }
  }

  /** What could be done when it was asked for may not be any more. */
  async #startLate(
    flag: OwnFlag,
    { request, by }: Extract<OwnFlag['state'], { kind: 'waiting' }>,
    nowMs: number,
  ): Promise<void> {
    const change = { type: 'rollout', startMs: null, request } as const
    const { proposal } = flag
    let started: OwnFlag
    try {
      started = await this.#apply(flag, change, by, nowMs)
    } catch (error) {
      if (!(error instanceof CodedError) || error.code === 'storeUnavailable') throw error
      const reason = `its rollout could not start: ${error.message}`
      const state = { kind: 'off', reason } as const
      await this.#put(moved(flag, { state, proposal }, nowMs), 'sluice', reason)
      return
    }
    if (proposal === null) return
    await this.#put(moved(started, { proposal }, nowMs), 'sluice', 'what is proposed still waits')
  }

  async #apply(
    flag: OwnFlag,
    change: FlagChange,
    actor: string,
    nowMs: number,
    note = '',
  ): Promise<OwnFlag> {
    const what = sentenceOf(change) + note
    if (change.type === 'audience') {
      return this.#put(moved(flag, { audience: change.audience }, nowMs), actor, what)
    }
    if (change.type === 'share') {
      const failed = await this.#abort(flag, 'the flag gets a share by hand', actor)
      if (failed !== null) throw failed
      const { weightBp } = standingOf(flag, this.#options.engine().targets())
      const state = shareFrom(change, { nowMs, weightBp })
      return this.#put(moved(flag, { state }, nowMs), actor, what)
    }
    const { startMs, request } = change
    if (startMs !== null && startMs > nowMs) {
      const failed = await this.#abort(flag, 'the flag is ramped anew later', actor)
      if (failed !== null) throw failed
      const state = { kind: 'waiting', atMs: startMs, request, by: actor } as const
      return this.#put(moved(flag, { state }, nowMs), actor, what)
    }
    const isElsewhere = flag.state.kind === 'rollout' && flag.state.route !== request.route
    const failed = isElsewhere ? await this.#abort(flag, 'it is ramped elsewhere', actor) : null
    if (failed !== null) throw failed
    const { id, to, route } = await this.#options.engine().start(request, { actor })
    const state = { kind: 'rollout', route, rollout: id, to } as const
    return this.#put(moved(flag, { state }, nowMs), actor, `${what}, as rollout ${id}`)
  }

  /** Ends the rollout that decides the flag, where one does; returns what went wrong. */
  async #abort({ state, key }: OwnFlag, reason: string, actor: string): Promise<Error | null> {
    if (state.kind !== 'rollout') return null
    const { find, act } = boundEngine(this.#options.engine())
    const rollout = find(state.rollout)
    if (rollout === undefined || 'endedAtMs' in rollout) return null
    try {
      await act(rollout.id, { type: 'abort', reason: `flag "${key}": ${reason}` }, { actor })
      return null
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  async #put(flag: OwnFlag, actor: string, what: string): Promise<OwnFlag> {
    await this.#ledger.record(keptOf(flag, actor, what))
    this.#flags.set(flag.key, flag)
    await this.#ledger.route()
    this.#options.log.info(`Flag "${flag.key}": ${what} (${actor})`)
    return flag
  }

  #take<Result>(lane: Lane, work: (nowMs: number) => Promise<Result>): Promise<Result> {
    return this.#queue.run(lane, () => work(this.#options.nowMs()))
  }
}

/** Written by us; what is not JSON is damage. */
function readFlag(key: string, body: string): OwnFlag {
  try {
    const flag: OwnFlag = JSON.parse(body)
    return flag
  } catch (error) {
    throw new CodedError('storeCorrupt', `Cannot read flag "${key}" of the store: ${textOf(error)}`)
  }
}

function boundEngine(engine: FlagEngine): Pick<FlagEngine, 'find' | 'act'> {
  return { find: (id) => engine.find(id), act: (...args) => engine.act(...args) }
}

function keptOf(flag: OwnFlag, actor: string, what: string): KeptFlag {
  return { key: flag.key, body: JSON.stringify(flag), atMs: flag.changedAtMs, actor, what }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
