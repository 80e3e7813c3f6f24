/**
 * `npm run bench:slow [-- CLIENTS]`: whether thousands of slow clients (a byte every five seconds, half of them of a
 * head, half of a body) are felt by ordinary ones: 200 requests a second, with and without them, in turns. Each kind has
 * an upstream of its own: what is measured is whether they meet in Sluice.
 *
 * Table to stdout; exit code 1 when the 99th percentile with them is more than a quarter above that without, or
 * when an ordinary request fails.
 */

import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type Child,
  cleanUpAtExit,
  freePorts,
  makeFolder,
  runChild,
  startChild,
  stopChild,
  stopChildren,
} from './children.ts'
import { get, untilAnswered } from './http.ts'
import { choosePinning, pinSelf } from './pinning.ts'

const ROUNDS = 3
const SECONDS = 20
const REQUESTS_PER_SECOND = 200
const INTERVAL_MS = 5_000
/** Until all slow clients are there. */
const GATHER_MS = 12_000
/** Until they are all gone, at most. */
const LEAVE_LIMIT_MS = 30_000
const POLL_MS = 100
const P99_LIMIT = 1.25

const MAIN = fileURLToPath(new URL('../../src/control/main.ts', import.meta.url))
const STEADY = program('steady')
const SLOW = program('slow')

const clientCount = Number(process.argv[2] ?? 5_000)
cleanUpAtExit()
const pinning = choosePinning()
pinSelf(pinning.load)
const folder = makeFolder()
const { port, controlPort } = await startSluice({
  quick: await startQuickUpstream(),
  patient: await startPatientUpstream(),
})

const alone: number[] = []
const together: number[] = []
let failedCount = 0
let cutCount = 0
for (let round = 0; round < ROUNDS; round++) {
  alone.push(...(await steady()))
  const slow = await startSlow()
  together.push(...(await steady()))
  cutCount += await endSlow(slow)
  await untilAlone()
}
await stopChildren()

const ratio = percentile(together, 0.99) / percentile(alone, 0.99)
console.log(line('alone', alone))
console.log(line(`with ${clientCount} slow clients`, together))
console.log(
  `p99 ${ratio.toFixed(2)} times (limit ${P99_LIMIT}); ${failedCount} ordinary requests failed`,
)
console.log(`slow clients cut off: ${cutCount}`)
process.exit(ratio > P99_LIMIT || failedCount > 0 ? 1 : 0)

/** Reads the whole of a request before it answers, so that a slow body is slow for it too. Returns its port. */
async function startPatientUpstream(): Promise<number> {
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    request.resume().on('end', () => response.end('ok'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Answers the ordinary requests. Returns its port. */
async function startQuickUpstream(): Promise<number> {
  const [stable = 0, canary = 0] = await freePorts(2)
  const command = [process.execPath, program('upstream'), String(stable), String(canary)]
  const child = await startChild('upstream', command, pinning.load)
  await untilAnswered(child, stable, '/small')
  return stable
}

/** Returns its ports. */
async function startSluice(upstreams: {
  quick: number
  patient: number
}): Promise<{ port: number; controlPort: number }> {
  const [publicPort = 0, adminPort = 0] = await freePorts(2)
  const file = join(folder, 'sluice.yaml')
  writeFileSync(
    file,
    `
version: 1
proxy: { threads: 1, listeners: [{ name: public, host: 127.0.0.1, port: ${publicPort} }] }
upstreams:
  quick: { endpoints: ["http://127.0.0.1:${upstreams.quick}"] }
  patient: { endpoints: ["http://127.0.0.1:${upstreams.patient}"] }
routes:
  - { name: ordinary, match: { path: { prefix: /small } }, stable: quick }
  - { name: slow, stable: patient }
control: { port: ${adminPort} }
store: { path: ":memory:" }
`,
  )
  const child = await startChild(
    'sluice',
    [process.execPath, MAIN, 'run', '-c', file],
    pinning.proxy,
  )
  await untilAnswered(child, adminPort, '/readyz')
  return { port: publicPort, controlPort: adminPort }
}

async function steady(): Promise<readonly number[]> {
  const command = [
    process.execPath,
    STEADY,
    String(port),
    String(REQUESTS_PER_SECOND),
    String(SECONDS),
  ]
  const file = join(folder, 'latencies.json')
  await runChild('steady', [...command, file], { core: pinning.load, limitMs: 2_000 * SECONDS })
  const result: { failedCount: number; latenciesUs: readonly number[] } = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  failedCount += result.failedCount
  return result.latenciesUs
}

async function startSlow(): Promise<Child> {
  const command = [process.execPath, SLOW, String(port), String(clientCount), String(INTERVAL_MS)]
  const child = await startChild('slow', command, pinning.load)
  await sleep(GATHER_MS)
  return child
}

/** Returns how many were cut off. */
async function endSlow(child: Child): Promise<number> {
  await stopChild(child)
  const told: { openCount: number; cutCount: number; refusedCount: number } = JSON.parse(
    child.output(),
  )
  if (told.openCount < clientCount * 0.9) {
    throw new Error(`Only ${told.openCount} of ${clientCount} slow clients were there`)
  }
  return told.cutCount
}

/** Returns when nobody is connected: the end of a crowd would be felt by those that are measured next. */
async function untilAlone(): Promise<void> {
  const endMs = performance.now() + LEAVE_LIMIT_MS
  while (performance.now() < endMs) {
    const { body } = await get(controlPort, '/metrics')
    if (/^sluice_downstream_connections 0$/m.test(body)) return
    await sleep(POLL_MS)
  }
  throw new Error('The slow clients are gone, and some of their connections are not')
}

function program(name: string): string {
  return fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function line(what: string, values: readonly number[]): string {
  const us = [0.5, 0.99, 0.999].map((share) => `${percentile(values, share)} µs`)
  return `${what}: p50 ${us[0]}, p99 ${us[1]}, p99.9 ${us[2]} over ${values.length} requests`
}
