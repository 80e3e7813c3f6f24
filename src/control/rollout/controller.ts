/**
 * The rollout engine: the shell around the machine.
 *
 * It turns people, clock, guard and configuration into events, one at a time, and carries out what the machine
 * asks for. It decides nothing itself but what may be asked: who is too late (`stale`), what cannot be done now
 * (`invalidTransition`), and what the configuration does not have.
 */

import type { WindowCounts } from '../../analyzer/window.ts'
import { CodedError } from '../coded-error.ts'
import type { Config } from '../config/config.ts'
import type { JournalEntry, Store, StoredState } from '../store/contract.ts'
import { eventOf, isEnded, isReached } from './actions.ts'
import { Alarms, type KeptAlarms, type Measuring } from './alarms.ts'
import { Book, type RunningRollout } from './book.ts'
import { type Change, changeOf, changesOf, stableChange } from './change.ts'
import type {
  Action,
  Analysis,
  Caller,
  Engine,
  Evidence,
  EvidenceOf,
  Expected,
  RouteTarget,
  Routing,
  StartRequest,
} from './engine.ts'
import { type Beside, type Finding, judgeWindow } from './guard.ts'
import type { Judge } from '../judge/judge.ts'
import type { Shelf } from '../judge/keeper.ts'
import { Ledger } from './ledger.ts'
import type { Log } from '../log.ts'
import { type PushedMetrics, readCustomOf } from '../providers/pushed.ts'
import { createQueue, type Lane } from './queue.ts'
import { settleStables, whyBlocked } from './reconcile.ts'
import { requireAllowed, requireExpected, requirePlace, requireStart } from './refuse.ts'
import type { Plan, Rollout, RolloutEvent } from './state.ts'
import { begin } from './transition.ts'
import { Watch } from './watch.ts'

export interface EngineOptions {
  readonly store: Store
  readonly routing: Routing
  readonly openEvidence: (of: EvidenceOf) => Evidence
  /** What the evidence says of what runs; left out: there is none. */
  readonly evidence?: Pick<Judge, 'opinion' | 'decision'>
  /** What is measured beside it; left out: nothing. */
  readonly metrics?: readonly Measuring[]
  /** What has been done about them; left out: it is forgotten with the process. */
  readonly alarms?: Shelf<KeptAlarms>
  /** What was pushed; left out: nobody can push. */
  readonly pushed?: Pick<PushedMetrics, 'newest'>
  readonly config: Config
  /** Milliseconds since 1970 that never go back. */
  readonly clock: { nowMs(): number }
  /** A fresh salt for a rollout's coin. */
  readonly newSalt: () => string
  readonly log: Log
  /** Left out: the guard's own, `judgeWindow`. */
  readonly judge?: (plan: Plan, counts: WindowCounts, beside: Beside) => Finding
}

/**
 * Loads the store, tells running rollouts that the process is back, and publishes.
 *
 * Rejects with the `CodedError` of the store, or with `routingFailed`.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const controller = new Controller(options, await options.store.load())
  await controller.restart()
  return controller
}

class Controller implements Engine {
  readonly #options: EngineOptions
  readonly #book: Book
  readonly #ledger: Ledger
  readonly #watch: Watch
  readonly #alarms: Alarms
  readonly #queue = createQueue()
  #config: Config
  #isTicking = false
  #stopping: Promise<void> | null = null

  constructor(options: EngineOptions, stored: StoredState) {
    const { openEvidence, judge = judgeWindow, evidence = NO_EVIDENCE, log } = options
    const { metrics = [] } = options
    this.#options = options
    this.#config = options.config
    this.#book = new Book(stored)
    this.#alarms = new Alarms({ evidence, metrics, shelf: options.alarms })
    const opinion = (rollout: RunningRollout) => evidence.opinion(rollout)
    const readCustom = readCustomOf(options.pushed)
    const standings = (rollout: RunningRollout) =>
      metrics.flatMap((each) => each.standings(rollout))
    this.#watch = new Watch({ openEvidence, judge, opinion, readCustom, standings, log })
    const config = () => this.#config
    this.#ledger = new Ledger({ ...options, book: this.#book, config }, stored.seq)
  }

  start(request: StartRequest, caller: Caller): Promise<Rollout> {
    return this.#take('usual', () => this.#start(request, caller))
  }

  act(id: string, action: Action, caller: Caller, expected: Expected = {}): Promise<Rollout> {
    const lane = action.type === 'abort' ? 'urgent' : 'usual'
    return this.#take(lane, () => this.#act(id, action, caller, expected))
  }

  list(): readonly Rollout[] {
    return this.#book.list()
  }

  find(id: string): Rollout | undefined {
    return this.#book.find(id)
  }

  runningOn(route: string): Rollout | undefined {
    return this.#book.runningOn(route)
  }

  running(): readonly RunningRollout[] {
    return this.#book.running()
  }

  targets(): readonly RouteTarget[] {
    return this.#book.targets(this.#config)
  }

  analysis(id: string): Analysis | null {
    const rollout = this.#book.find(id)
    return rollout === undefined || isEnded(rollout) ? null : this.#watch.analysis(rollout)
  }

  onEntry(listener: (entry: JournalEntry) => void): () => void {
    return this.#ledger.onEntry(listener)
  }

  reconfigure(config: Config): Promise<void> {
    return this.#take('usual', () => this.#adopt(config, []))
  }

  republish(): Promise<void> {
    return this.#take('urgent', () => {
      this.#ledger.invalidate()
      return this.#ledger.route()
    })
  }

  tick(): void {
    this.#alarms.keepOnly(this.#book.running())
    if (this.#stopping !== null || this.#isTicking || !this.#isAnythingDue()) return
    this.#isTicking = true
    this.#take('urgent', () => this.#onTick())
      .catch((error: unknown) => this.#options.log.error('A tick failed', { error }))
      .finally(() => {
        this.#isTicking = false
      })
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#finish()
    return this.#stopping
  }

  /** The first event after a stop or crash, for every rollout that runs. */
  restart(): Promise<void> {
    const event: RolloutEvent = { type: 'restart', atMs: this.#options.clock.nowMs() }
    return this.#take('usual', () => this.#adopt(this.#config, [event]))
  }

  /** One change at a time; afterwards the guard looks at what runs then. */
  async #take<Result>(lane: Lane, work: () => Promise<Result>): Promise<Result> {
    if (this.#stopping !== null) {
      throw new CodedError('storeUnavailable', 'Cannot take the change: Sluice is stopping')
    }
    return this.#queue.run(lane, async () => {
      try {
        return await work()
      } finally {
        this.#watch.follow(this.#book, this.#options.clock.nowMs())
      }
    })
  }

  async #finish(): Promise<void> {
    try {
      await this.#queue.run('usual', () => this.#ledger.commit([]))
    } catch (error) {
      this.#options.log.error('Sluice stops before everything is recorded and routed', { error })
    }
    this.#watch.close()
  }

  /** Over a running rollout it is one record and one publication; the old one ends superseded. */
  async #start(request: StartRequest, { actor, keep }: Caller): Promise<Rollout> {
    const { clock, newSalt } = this.#options
    const route = requireStart(this.#config, this.#book, request)
    const id = this.#book.nextId(route.name)
    const atMs = clock.nowMs()
    const from = this.#book.stableOf(route)
    const seed = {
      id,
      route: route.name,
      from,
      to: request.to,
      plan: request.plan,
      salt: newSalt(),
    }
    const event = { type: 'start', atMs, actor } as const
    const started = begin(seed, event)
    const running = this.#book.runningOn(route.name)
    const ended =
      running === undefined
        ? []
        : this.#changes(running, [{ type: 'supersede', atMs, actor, by: id }])
    const changes = [...ended, changeOf(null, event, started, route.stable)]
    await this.#ledger.commit(changes, keep?.(started.state))
    return started.state
  }

  async #act(
    id: string,
    action: Action,
    { actor, keep }: Caller,
    expected: Expected,
  ): Promise<Rollout> {
    const rollout = this.#book.find(id)
    if (rollout === undefined) throw new CodedError('notFound', `There is no rollout "${id}"`)
    if (action.type !== 'abort') requireExpected(rollout, action, expected)
    if (!isReached(rollout, action)) {
      requireAllowed(rollout, action)
      requirePlace(this.#config, this.#book, rollout, action)
    }
    const changes = this.#changes(rollout, [eventOf(action, this.#options.clock.nowMs(), actor)])
    const next = changes.at(-1)?.state ?? rollout
    try {
      await this.#ledger.commit(changes, keep?.(next))
    } catch (error) {
      if (action.type !== 'abort') throw error
      this.#afterFailedAbort(next, changes.length > 0, error)
    }
    return next
  }

  /** An abort is in force without the store; what is missing then is the record, and the caller hears of it. */
  #afterFailedAbort({ id }: Rollout, hasChanged: boolean, error: unknown): void {
    if (!this.#ledger.isRouted()) throw error
    if (this.#ledger.isUnrecorded(id)) {
      const why = error instanceof Error ? error.message : String(error)
      const message = `Rollout "${id}" is out of traffic, but that is not recorded, and until it is, a restart would bring the canary back (recording is tried again each second): ${why}`
      throw new CodedError('storeUnavailable', message)
    }
    if (hasChanged) throw error
    this.#options.log.warn(`The reply to an abort of "${id}" is not kept`, { error })
  }

  /** Takes a configuration, all of it or nothing; `first` are events for every running rollout before it. */
  async #adopt(config: Config, first: readonly RolloutEvent[]): Promise<void> {
    const atMs = this.#options.clock.nowMs()
    const settled = settleStables(config, this.#book.stables(), atMs).map(stableChange)
    const moved = this.#book.running().flatMap((rollout) => {
      const reason = whyBlocked(config, rollout)
      const events: readonly RolloutEvent[] =
        reason === null ? first : [...first, { type: 'block', atMs, reason }]
      return this.#changes(rollout, events)
    })
    const changes = [...settled, ...moved]
    if (changes.length > 0) await this.#ledger.record(changes)
    this.#config = config
    this.#ledger.invalidate()
    await this.#ledger.route()
  }

  async #onTick(): Promise<void> {
    const nowMs = this.#options.clock.nowMs()
    const changes = this.#book.running().flatMap((rollout) => {
      const judged = this.#watch.isDue(rollout, nowMs) ? this.#watch.judge(rollout, nowMs) : null
      const alarm = this.#alarms.due(rollout, nowMs)
      const events: RolloutEvent[] = [alarm?.event ?? null, judged].filter((each) => each !== null)
      if (alarm !== null) this.#alarms.raised(rollout, alarm)
      if (this.#isOver(rollout, nowMs)) events.push({ type: 'deadline', atMs: nowMs })
      return this.#changes(rollout, events)
    })
    if (changes.length > 0 || this.#ledger.isOverdue(nowMs)) await this.#ledger.commit(changes)
  }

  #isAnythingDue(): boolean {
    const nowMs = this.#options.clock.nowMs()
    const isDue = (rollout: RunningRollout): boolean =>
      this.#watch.isDue(rollout, nowMs) ||
      this.#alarms.due(rollout, nowMs) !== null ||
      this.#isOver(rollout, nowMs)
    return this.#ledger.isOverdue(nowMs) || this.#book.running().some(isDue)
  }

  /** A step is not left while the store fails, so it need not be tried ten times a second. */
  #isOver({ deadlineMs }: RunningRollout, nowMs: number): boolean {
    return deadlineMs !== null && nowMs >= deadlineMs && !this.#ledger.isResting(nowMs)
  }

  #changes(rollout: Rollout, events: readonly RolloutEvent[]): readonly Change[] {
    const route = this.#config.routes.find(({ name }) => name === rollout.route)
    return changesOf(rollout, events, route?.stable ?? rollout.from)
  }
}

const NO_EVIDENCE: Pick<Judge, 'opinion' | 'decision'> = {
  opinion: () => null,
  decision: () => null,
}
