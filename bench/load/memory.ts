/**
 * `npm run bench:memory [-- REQUESTS]`: the resident memory of Sluice over a million requests (unless told), as a
 * curve: small bodies and now and then large ones, everything on as in the load benchmark.
 *
 * The first tenth warms up; from there on the memory should be flat. Table to stdout; exit code 1 when the last
 * tenth lies more than `GROWTH_LIMIT` above the first one after the warm-up.
 */

import { readFileSync } from 'node:fs'
import { cleanUpAtExit, stopChildren } from './children.ts'
import { startProxy } from './contestants.ts'
import { http1LoadGenerator } from './generators.ts'
import { choosePinning, pinSelf } from './pinning.ts'
import { sluice } from './proxies/sluice.ts'
import { SCENARIOS } from './scenario.ts'
import { startUpstream } from './upstream.ts'

/** How much more memory the end may take than what the warm-up left. */
const GROWTH_LIMIT = 1.15
/** Length of one turn of load, seconds. */
const TURN_SECONDS = 3
/** Every so many turns the bodies are large. */
const LARGE_EVERY = 5

interface Point {
  readonly requestCount: number
  readonly rssMib: number
}

const goal = Number(process.argv[2] ?? 1_000_000)
cleanUpAtExit()
const pinning = choosePinning()
pinSelf(pinning.load)
const load = http1LoadGenerator(pinning.load)
const upstream = await startUpstream([], pinning.upstream)
const where = { upstream, scenarios: [], core: pinning.proxy }
const { started, standing } = await startProxy(sluice(null), where)
if (started === null) throw new Error(`Sluice cannot be measured: ${standing.fault}`)

const curve: Point[] = [{ requestCount: 0, rssMib: rssMib(started.child.pid) }]
let requestCount = 0
for (let turn = 1; requestCount < goal; turn++) {
  const scenario = SCENARIOS[turn % LARGE_EVERY === 0 ? 1 : 0]!
  const result = await load.run(started.place.port, scenario, TURN_SECONDS)
  requestCount += result.requests
  curve.push({ requestCount, rssMib: rssMib(started.child.pid) })
}
await stopChildren()

for (const point of curve) {
  console.log(
    `${String(point.requestCount).padStart(9)} requests  ${point.rssMib.toFixed(1).padStart(6)} MiB`,
  )
}
const settled = curve.filter((point) => point.requestCount >= requestCount / 10)
const first = mean(settled.slice(0, Math.ceil(settled.length / 4)))
const last = mean(settled.slice(-Math.ceil(settled.length / 4)))
console.log(
  `${requestCount} requests: ${first.toFixed(1)} MiB after the warm-up, ${last.toFixed(1)} MiB at the end (${(last / first).toFixed(3)} times)`,
)
process.exit(last / first > GROWTH_LIMIT ? 1 : 0)

function mean(points: readonly Point[]): number {
  return points.reduce((sum, { rssMib: rss }) => sum + rss, 0) / points.length
}

function rssMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}
