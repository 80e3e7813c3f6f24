/**
 * Asks for each route at a rate of its own, at random times that wait for no answer (Poisson), in a process of its own.
 * Tells, when asked, what has come of it since it was asked last.
 *
 * Run by `house.ts` with an IPC channel; arguments: port, number of routes, requests a second for each, seed.
 */

import { Agent, get } from 'node:http'
import { Random } from '../random.ts'

/** What the clients of one route have seen. */
export interface Seen {
  okCount: number
  /** Answered 500 or above. */
  errorCount: number
  /** Broken off before any answer. */
  lostCount: number
  /** Broken off in the middle of one. */
  halfCount: number
  /** Of answers below 500. */
  readonly latenciesMs: number[]
}

/** To the parent. */
export interface LoadMessage {
  readonly routes: readonly Seen[]
}

const [port = 0, routeCount = 0, rate = 0, seed = 0] = process.argv.slice(2).map(Number)
const random = new Random(seed, 'load')
const agent = new Agent({ keepAlive: true })
/** Far beyond the latest verdict. */
const TIMEOUT_MS = 20_000
let routes: readonly Seen[] = nothingSeen()

function nothingSeen(): readonly Seen[] {
  return Array.from({ length: routeCount }, () => ({
    okCount: 0,
    errorCount: 0,
    lostCount: 0,
    halfCount: 0,
    latenciesMs: [],
  }))
}

function ask(route: number): void {
  setTimeout(() => ask(route), random.exponential(1000 / rate))
  const startMs = performance.now()
  let hasHead = false
  const request = get(
    { host: '127.0.0.1', port, path: `/r${route}/`, agent, timeout: TIMEOUT_MS },
    (response) => {
      hasHead = true
      response
        .on('end', () => {
          if (response.complete) count(route, response.statusCode ?? 0, performance.now() - startMs)
        })
        .on('error', () => void routes[route]!.halfCount++)
        .resume()
    },
  )
  request
    .on('timeout', () => request.destroy())
    .on('error', () => {
      if (!hasHead) routes[route]!.lostCount++
    })
}

function count(route: number, status: number, latencyMs: number): void {
  const seen = routes[route]!
  if (status >= 500) seen.errorCount++
  else {
    seen.okCount++
    seen.latenciesMs.push(latencyMs)
  }
}

process.on('message', () => {
  const message: LoadMessage = { routes }
  routes = nothingSeen()
  process.send!(message)
})
process.on('disconnect', () => process.exit())
for (let route = 0; route < routeCount; route++) ask(route)
