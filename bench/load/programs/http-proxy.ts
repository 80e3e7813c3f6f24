/** http-proxy 1.18 with a keep-alive agent: `http-proxy.ts PORT UPSTREAM_PORT`. */

import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [port, upstreamPort] = process.argv.slice(2).map(Number)

const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstreamPort}`,
  agent: new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 }),
  xfwd: true,
})
proxy.on('error', (_error, _request, response) => {
  if ('writeHead' in response && !response.headersSent) response.writeHead(502)
  response.end()
})

createServer((request, response) => proxy.web(request, response)).listen(port, '127.0.0.1')
