/**
 * One fault of one endpoint of four, under load: struck, and after a while healed.
 *
 * When it was ejected is taken from what Sluice says of it (`ejected.since`), and what clients saw from the clients.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { type EndpointView, type Fault, FaultHouse, type HouseOptions } from './house.ts'
import { Load, type Sample } from './load.ts'

export interface TrialOptions extends HouseOptions {
  /** Requests a second. */
  readonly rate: number
  /** Before the fault, and while it lasts. */
  readonly calmMs: number
  readonly faultMs: number
  /** From the healing until it must be back. */
  readonly readmitMs: number
}

export interface Trial {
  readonly fault: Fault
  readonly requestCount: number
  /** Requests that were not answered 200. */
  readonly errors: readonly Sample[]
  /** From the fault, in the thread that was last; null: never while it lasted. */
  readonly ejectedAfterMs: number | null
  readonly reason: string | null
  /** From the healing until it serves again; null: it did not. */
  readonly readmittedAfterMs: number | null
  /** By how much the load of another endpoint was off their mean at most, from 2 s after the fault to its end; 0 to 1. */
  readonly unevenRatio: number
  /** 99th percentile before, within the first 2 s of the fault, after them, and at the end. */
  readonly p99Ms: readonly number[]
  /** The longest that a client waited. */
  readonly slowestMs: number
}

const POLL_MS = 50
/** In which the endpoint must be ejected. */
export const EJECT_MS = 2_000
/** Of calm after it is back. */
const AFTER_MS = 2_000

export async function runTrial(fault: Fault, options: TrialOptions): Promise<Trial> {
  const house = new FaultHouse()
  try {
    await house.open(options)
    return await strike(house, fault, options)
  } finally {
    await house.close()
  }
}

async function strike(house: FaultHouse, fault: Fault, options: TrialOptions): Promise<Trial> {
  const victim = house.ports[1]!
  const load = new Load(`${house.proxy}/`, options.rate)
  load.start()
  const startMs = performance.now()
  await sleep(options.calmMs)
  const struckMs = performance.now()
  await house.strike(victim, fault)
  const isOut = (view: EndpointView): boolean => outCount(view, options.threads) === options.threads
  const out = await until(options.faultMs, () => house.endpoint(victim), isOut)
  await sleep(Math.max(0, struckMs + options.faultMs - performance.now()))
  await house.heal(victim, fault)
  const healedMs = performance.now()
  const servesAgain = (view: EndpointView): boolean =>
    outCount(view, options.threads) === 0 &&
    load.samples.some(({ atMs, servedBy }) => servedBy === victim && atMs > healedMs)
  const back = await until(options.readmitMs, () => house.endpoint(victim), servesAgain)
  const backMs = performance.now()
  await sleep(AFTER_MS)
  await load.stop()
  const { samples } = load
  return {
    fault,
    requestCount: samples.length,
    errors: samples.filter(({ status }) => status !== 200),
    // Sluice looks at its clock four times a second.
    ejectedAfterMs: out === null ? null : Math.max(0, outSinceMs(out) - struckMs),
    reason: out?.ejected?.reason ?? out?.health.reason ?? null,
    readmittedAfterMs: back === null ? null : backMs - healedMs,
    unevenRatio: uneven(
      between(samples, struckMs + EJECT_MS, healedMs),
      house.ports.filter((port) => port !== victim),
    ),
    p99Ms: [
      between(samples, startMs, struckMs),
      between(samples, struckMs, struckMs + EJECT_MS),
      between(samples, struckMs + EJECT_MS, healedMs),
      between(samples, backMs, Infinity),
    ].map(p99),
    slowestMs: samples.reduce((longest, { latencyMs }) => Math.max(longest, latencyMs), 0),
  }
}

/** In how many of so many threads it gets no requests. */
function outCount({ ejected, health }: EndpointView, threads: number): number {
  return health.status === 'unhealthy' ? threads : (ejected?.threads ?? 0)
}

/** On the clock of `performance.now`. */
function outSinceMs({ ejected, health }: EndpointView): number {
  return Date.parse(ejected?.since ?? health.since!) - performance.timeOrigin
}

/** Resolves with the first view that is as it should be; null: none was in that time. */
async function until(
  ms: number,
  look: () => Promise<EndpointView>,
  isIt: (view: EndpointView) => boolean,
): Promise<EndpointView | null> {
  for (const endMs = performance.now() + ms; performance.now() < endMs;) {
    const view = await look()
    if (isIt(view)) return view
    await sleep(POLL_MS)
  }
  return null
}

function between(samples: readonly Sample[], fromMs: number, toMs: number): readonly Sample[] {
  return samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
}

function uneven(samples: readonly Sample[], ports: readonly number[]): number {
  const counts = ports.map((port) => samples.filter(({ servedBy }) => servedBy === port).length)
  const mean = counts.reduce((sum, count) => sum + count, 0) / ports.length
  return mean === 0 ? 1 : Math.max(...counts.map((count) => Math.abs(count / mean - 1)))
}

function p99(samples: readonly Sample[]): number {
  const sorted = samples.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0
}
