/** One cell: as many rollouts at once as there are runs, each on a route of its own, and when each was taken back. */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Behaviour, type Cell, HEALTHY } from './faults.ts'
import { LiveHouse } from './house.ts'

/** Requests a second on each route. */
export const RATE = 100
/** Until stable's latencies are known. */
const STABLE_ALONE_MS = 12_000
/** For what begins later: beyond the warm-up of a canary. */
const BEFORE_FAULT_MS = 40_000
/** When a run that was not taken back is given up. */
const PATIENCE_MS = 60_000
const POLL_MS = 200

/** What the healthy ones live through, milliseconds from their start: both builds alike. */
const TROUBLES: readonly { readonly atMs: number; readonly both: Behaviour }[] = [
  { atMs: 20_000, both: { ...HEALTHY, medianMs: 35 } },
  { atMs: 40_000, both: { ...HEALTHY, failRatio: 0.3 } },
  { atMs: 50_000, both: { ...HEALTHY, failRatio: 0.02, medianMs: 25 } },
  { atMs: 75_000, both: { ...HEALTHY, failRatio: 1, medianMs: 5 } },
  { atMs: 80_000, both: HEALTHY },
]
const HEALTHY_MS = 120_000

export interface Outcome {
  /** From the fault's beginning, or the rollout's, to its end; null where it was not taken back. */
  readonly seconds: number | null
  /** Requests that the canary failed or left hanging until then. */
  readonly badCount: number
  readonly reason: string | null
}

export async function runCell(
  cell: Cell,
  options: { readonly runs: number; readonly seed: number },
): Promise<readonly Outcome[]> {
  const house = new LiveHouse()
  try {
    await house.open({ routeCount: options.runs, rate: RATE, seed: options.seed })
    await sleep(STABLE_ALONE_MS)
    if (cell.fault !== null && cell.begins === 'first') house.behave(HEALTHY, cell.fault)
    const routes = Array.from({ length: options.runs }, (_, route) => route)
    const started = await Promise.all(routes.map((route) => house.start(route, cell.weight)))
    const ids = started.map(({ id }) => id)
    if (cell.fault === null) return await watchHealthy(house, ids)
    if (cell.begins === 'first') return await watchFaulty(house, ids, null)
    await sleep(BEFORE_FAULT_MS)
    house.behave(HEALTHY, cell.fault)
    return await watchFaulty(house, ids, Date.now())
  } finally {
    await house.close()
  }
}

/** `faultAtMs`: null where it was there from each rollout's beginning. */
async function watchFaulty(
  house: LiveHouse,
  ids: readonly string[],
  faultAtMs: number | null,
): Promise<readonly Outcome[]> {
  const untilMs = Date.now() + PATIENCE_MS
  let views = await all(house, ids)
  while (views.some(({ endedAt }) => endedAt === null) && Date.now() < untilMs) {
    await sleep(POLL_MS)
    views = await all(house, ids)
  }
  const bad = await house.badCounts()
  return views.map(({ startedAt, endedAt, reason }, route) => ({
    seconds:
      endedAt === null ? null : (Date.parse(endedAt) - (faultAtMs ?? Date.parse(startedAt))) / 1000,
    badCount: bad[`r${route}`] ?? 0,
    reason,
  }))
}

async function watchHealthy(house: LiveHouse, ids: readonly string[]): Promise<readonly Outcome[]> {
  const startMs = Date.now()
  for (const { atMs, both } of TROUBLES) {
    await sleep(startMs + atMs - Date.now())
    house.behave(both, both)
  }
  await sleep(startMs + HEALTHY_MS - Date.now())
  const views = await all(house, ids)
  return views.map(({ startedAt, endedAt, reason }) => ({
    seconds: endedAt === null ? null : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000,
    badCount: 0,
    reason,
  }))
}

function all(house: LiveHouse, ids: readonly string[]) {
  return Promise.all(ids.map((id) => house.rollout(id)))
}
