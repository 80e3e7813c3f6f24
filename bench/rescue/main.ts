/**
 * `npm run bench:rescue [-- ROUNDS [FAULT]]`: what clients see of a canary that breaks, with the fallback to stable and without,
 * side by side: half of the routes fall back, the other half do not. 10 % of 200 requests a second on each route.
 *
 * Table to stdout; exit code 1 where a client of a route that falls back has seen an error (half bodies excepted), or
 * where the verdict came later than without.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Behaviour, HEALTHY } from '../analysis/live/faults.ts'
import { LiveHouse, type RolloutView } from '../analysis/live/house.ts'
import type { Seen } from '../analysis/live/load.ts'
import { freePorts } from '../load/children.ts'

const RATE = 200
const WEIGHT = 10
/** Of each kind: with the fallback, and without. */
const ROUTES = 3
/** Before a rollout starts: warms connections, and tells how long answers take without one. */
const BEFORE_MS = 3_000
/** A canary that is not out by then stays. */
const LIMIT_MS = 30_000
const POLL_MS = 50
/** How much later the verdict may come: two ticks of the guard, and what chance does to a median of few. */
const LATER_S = 0.5

/** Stable fails nobody: each error that a client sees is the canary's. */
const WELL: Behaviour = { ...HEALTHY, failRatio: 0 }

interface Fault {
  readonly name: string
  readonly behaviour: Behaviour
  /** Nobody listens where the canary should be. */
  readonly isAway?: true
  /** What was passed on cannot be taken back. */
  readonly mayBreak?: true
}

const FAULTS: readonly Fault[] = [
  { name: 'refuses connections', behaviour: WELL, isAway: true },
  { name: 'resets', behaviour: { ...WELL, breaks: 'before' } },
  { name: 'answers 500', behaviour: { ...WELL, failRatio: 1, medianMs: 5 } },
  { name: 'hangs', behaviour: { ...WELL, hangs: true } },
  { name: 'ten times slower', behaviour: { ...WELL, medianMs: 200 } },
  { name: 'sends half a body', behaviour: { ...WELL, breaks: 'within' }, mayBreak: true },
]

/** What became of the routes of one kind, in all rounds. */
interface Half {
  readonly seen: Seen[]
  readonly verdictsS: number[]
}

const rounds = Number(process.argv[2] ?? 3)
const only = process.argv[3] ?? ''
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
let isMet = true
console.log(
  ['canary', 'fallback', 'requests', 'errors', 'half', 'p99', 'p99 before', 'verdict'].join('\t'),
)
for (const fault of FAULTS.filter(({ name }) => name.includes(only))) {
  const before: number[] = []
  const halves: readonly [Half, Half] = [
    { seen: [], verdictsS: [] },
    { seen: [], verdictsS: [] },
  ]
  for (let round = 0; round < rounds; round++)
    await play(fault, { seed: round + 1, before, halves })
  const [rescued, bare] = halves
  report(fault, { fallback: 'stable', half: rescued, before })
  report(fault, { fallback: 'none', half: bare, before })
  const errors = sum(rescued.seen, (seen) => seen.errorCount + seen.lostCount)
  const isLater = median(rescued.verdictsS) > median(bare.verdictsS) + LATER_S
  if (errors > 0 || isLater || (fault.mayBreak === undefined && halfCount(rescued) > 0))
    isMet = false
}
process.exit(isMet ? 0 : 1)

async function play(
  { behaviour, isAway }: Fault,
  { seed, before, halves }: { seed: number; before: number[]; halves: readonly [Half, Half] },
): Promise<void> {
  const [nobody = 0] = await freePorts(1)
  await using house = await new LiveHouse().open({
    routeCount: 2 * ROUTES,
    rate: RATE,
    seed,
    extras: (route) => (route < ROUTES ? '' : ', fallback: none'),
    ...(isAway && { canaryPort: nobody }),
  })
  house.behave(WELL, behaviour)
  await sleep(BEFORE_MS)
  for (const seen of await house.clients()) before.push(...seen.latenciesMs)
  const started = await Promise.all(
    Array.from({ length: 2 * ROUTES }, (_, route) => house.start(route, WEIGHT)),
  )
  const ended = await Promise.all(started.map(({ id }) => untilEnded(house, id)))
  const seen = await house.clients()
  for (const [kind, half] of halves.entries()) {
    const from = kind * ROUTES
    half.seen.push(...seen.slice(from, from + ROUTES))
    half.verdictsS.push(...ended.slice(from, from + ROUTES))
  }
}

/** Returns after how many seconds the rollout was taken back; `Infinity` where it was not. */
async function untilEnded(house: LiveHouse, id: string): Promise<number> {
  const endMs = performance.now() + LIMIT_MS
  while (performance.now() < endMs) {
    const rollout: RolloutView = await house.rollout(id)
    if (rollout.endedAt !== null) {
      return (Date.parse(rollout.endedAt) - Date.parse(rollout.startedAt)) / 1000
    }
    await sleep(POLL_MS)
  }
  return Infinity
}

function report(
  { name }: Fault,
  { fallback, half, before }: { fallback: string; half: Half; before: readonly number[] },
): void {
  const { seen } = half
  const latencies = seen.flatMap(({ latenciesMs }) => latenciesMs)
  const errors = sum(seen, ({ errorCount, lostCount }) => errorCount + lostCount)
  const requests = errors + halfCount(half) + sum(seen, ({ okCount }) => okCount)
  const verdict = median(half.verdictsS)
  console.log(
    [
      name,
      fallback,
      requests,
      errors,
      halfCount(half),
      `${p99(latencies).toFixed(0)} ms`,
      `${p99(before).toFixed(0)} ms`,
      Number.isFinite(verdict) ? `${verdict.toFixed(1)} s` : '-',
    ].join('\t'),
  )
}

function halfCount({ seen }: Half): number {
  return sum(seen, (each) => each.halfCount)
}

function sum(seen: readonly Seen[], of: (each: Seen) => number): number {
  return seen.reduce((total, each) => total + of(each), 0)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0
}
