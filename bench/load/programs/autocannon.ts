/**
 * autocannon as the load generator, in a process of its own so that it can be pinned: `autocannon.ts ORIGIN PATH
 * CONNECTIONS SECONDS` prints the same line as `wrk.lua`.
 */

import autocannon from 'autocannon'
import { BROWSER_HEADERS, USER_COUNT } from '../scenario.ts'

const [origin, path, connections, seconds] = process.argv.slice(2)

const result = await autocannon({
  url: origin ?? '',
  connections: Number(connections),
  duration: Number(seconds),
  timeout: 5,
  requests: Array.from({ length: USER_COUNT }, (_, user) => ({
    method: 'GET',
    path: path ?? '/',
    headers: { ...BROWSER_HEADERS, Cookie: `session=u${user}` },
  })),
})

const line = {
  requests: result['2xx'] + result.non2xx,
  bytes: result.throughput.total,
  seconds: result.duration,
  p50Ms: result.latency.p50,
  p99Ms: result.latency.p99,
  errors: { connection: result.errors, status: result.non2xx, timeout: result.timeouts },
}
process.stdout.write(`RESULT ${JSON.stringify(line)}\n`)
