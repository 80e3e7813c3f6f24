/** @fastify/reply-from over undici, logging off: `reply-from.ts PORT UPSTREAM_PORT`. */

import replyFrom from '@fastify/reply-from'
import fastify from 'fastify'

const [port, upstreamPort] = process.argv.slice(2).map(Number)

const server = fastify({ logger: false })
await server.register(replyFrom, {
  base: `http://127.0.0.1:${upstreamPort}`,
  disableRequestLogging: true,
  undici: { connections: 256, pipelining: 1, keepAliveTimeout: 60_000 },
})
server.all('/*', (request, reply) => reply.from(request.url))
await server.listen({ port: port ?? 0, host: '127.0.0.1' })
