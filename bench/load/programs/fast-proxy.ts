/** fast-proxy 2 over undici: `fast-proxy.ts PORT UPSTREAM_PORT`. */

import { createServer } from 'node:http'
import fastProxy from 'fast-proxy'

const [port, upstreamPort] = process.argv.slice(2).map(Number)

const proxy = fastProxy({
  base: `http://127.0.0.1:${upstreamPort}`,
  undici: { connections: 256, pipelining: 1, keepAliveTimeout: 60_000 },
})

createServer((request, response) => proxy.proxy(request, response, request.url ?? '/', {})).listen(
  port,
  '127.0.0.1',
)
