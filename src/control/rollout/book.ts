/**
 * What the engine knows: all rollouts, and the stable upstream of each route. The fold of the journal, kept up
 * to date entry by entry.
 */

import type { Config } from '../config/config.ts'
import type { NewEntry, StoredState } from '../store/contract.ts'
import { applyBody, type Stable } from '../store/fold.ts'
import { isEnded } from './actions.ts'
import type { RouteTarget } from './engine.ts'
import type { Rollout } from './state.ts'

/** A rollout that holds its route. */
export type RunningRollout = Exclude<Rollout, { endedAtMs: number }>

export class Book {
  readonly #rollouts: Map<string, Rollout>
  readonly #stables: Map<string, Stable>
  /** Ids of running rollouts, by route. */
  readonly #running = new Map<string, string>()
  /** The highest running number that a route has given. */
  readonly #numbers = new Map<string, number>()

  constructor(stored: StoredState) {
    this.#rollouts = new Map(stored.rollouts)
    this.#stables = new Map(stored.stables)
    for (const rollout of stored.rollouts.values()) this.#index(rollout)
  }

  apply({ route, body }: NewEntry): void {
    applyBody(body, route, this.#rollouts, this.#stables)
    if (body.kind === 'rollout') this.#index(body.state)
  }

  find(id: string): Rollout | undefined {
    return this.#rollouts.get(id)
  }

  /** Newest first. */
  list(): readonly Rollout[] {
    return [...this.#rollouts.values()].toReversed()
  }

  running(): readonly RunningRollout[] {
    return [...this.#running.keys()].flatMap((route) => this.runningOn(route) ?? [])
  }

  runningOn(route: string): RunningRollout | undefined {
    const rollout = this.#rollouts.get(this.#running.get(route) ?? '')
    return rollout === undefined || isEnded(rollout) ? undefined : rollout
  }

  stables(): ReadonlyMap<string, Stable> {
    return this.#stables
  }

  /** The upstream that is stable on a route: what was decided last, else what the file says. */
  stableOf(route: Config['routes'][number]): string {
    return this.#stables.get(route.name)?.upstream ?? route.stable
  }

  /** The id of the route's next rollout, such as `shop-4`. */
  nextId(route: string): string {
    return `${route}-${(this.#numbers.get(route) ?? 0) + 1}`
  }

  /** Where the traffic of each configured route goes. A blocked canary is not in it at all. */
  targets(config: Config): readonly RouteTarget[] {
    return config.routes.map((route) => {
      const rollout = this.runningOn(route.name)
      const hasCanary = rollout !== undefined && rollout.phase !== 'blocked'
      const canary = hasCanary
        ? {
            rollout: rollout.id,
            upstream: rollout.to,
            weightBp: rollout.weightBp,
            salt: rollout.salt,
            attempt: rollout.attempt,
          }
        : null
      return { route: route.name, stable: this.stableOf(route), canary }
    })
  }

  /** The fold up to entry `seq`, which must be the last one applied. */
  state(seq: number): StoredState {
    return { seq, rollouts: this.#rollouts, stables: this.#stables }
  }

  #index({ id, route, ...rollout }: Rollout): void {
    if ('endedAtMs' in rollout) {
      if (this.#running.get(route) === id) this.#running.delete(route)
    } else {
      this.#running.set(route, id)
    }
    const number = Number(id.slice(route.length + 1))
    this.#numbers.set(route, Math.max(number, this.#numbers.get(route) ?? 0))
  }
}
