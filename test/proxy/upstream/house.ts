/** What the upstream side of a thread needs around it, with a clock that the test puts forward. */

import { expect, onTestFinished } from 'vitest'
import { createTallyBuffer, segment, THREAD } from '../../../src/analyzer/tally.ts'
import { ThreadContext } from '../../../src/proxy/context.ts'
import type { Endpoint as Address, Limits } from '../../../src/proxy/snapshot.ts'
import { compileTable } from '../../../src/proxy/table.ts'
import type { Endpoint } from '../../../src/proxy/upstream/endpoint.ts'
import { eventually } from '../exchange/eventually.ts'
import { LIMITS } from '../http1/heads.ts'
import { endpointOf, ROUTE, snapshotOf } from '../routes.ts'
import { ask, type Asker, type Question } from './asker.ts'

export class House {
  readonly context: ThreadContext
  readonly endpoint: Endpoint
  readonly bugs: unknown[] = []
  readonly #words = segment(createTallyBuffer(1), 0)

  constructor(port: number, changes: Partial<Address>, limits: Partial<Limits>) {
    this.context = new ThreadContext({
      tally: this.#words,
      nowMs: 0,
      random: Math.random,
      report: (error) => void this.bugs.push(error),
    })
    const { context } = this
    const snapshot = snapshotOf([ROUTE], { limits: { ...LIMITS, ...limits } })
    context.use(compileTable(snapshot, context))
    this.endpoint = context.endpoints.obtain(endpointOf(port, changes))
  }

  /** Connections open or being opened. */
  get openCount(): number {
    return this.#words[THREAD.upstreamOpened]! - this.#words[THREAD.upstreamClosed]!
  }

  get openedCount(): number {
    return this.#words[THREAD.upstreamOpened]!
  }

  ask(question?: Question): Asker {
    return ask(this.context, this.endpoint, question)
  }

  /** Puts the clock forward and does what is due. */
  advance(byMs: number): void {
    this.context.nowMs += byMs
    const { upstreamIdleMs } = this.context.table.timeouts
    this.context.endpoints.closeIdle(this.context.nowMs - upstreamIdleMs)
  }
}

/** Where the test ends nothing must be left: no connection, no request counted as under way, no bug. */
export function startHouse(
  port: number,
  options: { readonly address?: Partial<Address>; readonly limits?: Partial<Limits> } = {},
): House {
  const house = new House(port, { protocol: 'http2', ...options.address }, options.limits ?? {})
  onTestFinished(async () => {
    house.context.endpoints.retain(new Set())
    await eventually(() => house.openCount).toBe(0)
    expect(house.endpoint.connectionCount).toBe(0)
    expect(house.endpoint.outstandingCount).toBe(0)
    expect(house.bugs).toEqual([])
  })
  return house
}
