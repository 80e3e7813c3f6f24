/**
 * Asks for each route at a rate of its own, at random times that wait for no answer (Poisson), in a process of its own.
 *
 * Run by `run.ts` with an IPC channel; arguments: port, number of routes, requests a second for each, seed.
 */

import { Agent, get } from 'node:http'
import { Random } from '../random.ts'

const [port = 0, routeCount = 0, rate = 0, seed = 0] = process.argv.slice(2).map(Number)
const random = new Random(seed, 'load')
const agent = new Agent({ keepAlive: true })
/** Far beyond the latest verdict. */
const TIMEOUT_MS = 20_000

function ask(route: number): void {
  setTimeout(() => ask(route), random.exponential(1000 / rate))
  const request = get(
    { host: '127.0.0.1', port, path: `/r${route}/`, agent, timeout: TIMEOUT_MS },
    (response) => response.resume(),
  )
  request.on('timeout', () => request.destroy()).on('error', () => undefined)
}

process.on('disconnect', () => process.exit())
for (let route = 0; route < routeCount; route++) ask(route)
