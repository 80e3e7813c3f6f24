/**
 * One endpoint in a process of its own, so that it can be killed and stopped by its id: it answers each request after a while,
 * with its port as its name. How long that while is can be told by a message.
 *
 * Run by `house.ts` with an IPC channel; arguments: port (0: any), mean latency in milliseconds.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** From the parent. */
export interface EndpointCommand {
  readonly latencyMs: number
}

/** To the parent, once it listens. */
export interface EndpointMessage {
  readonly port: number
}

const [port = 0, meanMs = 0] = process.argv.slice(2).map(Number)
let latencyMs = meanMs

const server = createServer((request, response) => {
  request.resume()
  response.setHeader('x-served-by', String((server.address() as AddressInfo).port))
  setTimeout(() => response.end('fine'), latencyMs * (0.5 + Math.random()))
})
server.keepAliveTimeout = 120_000
server.listen(port, '127.0.0.1', () => {
  const message: EndpointMessage = { port: (server.address() as AddressInfo).port }
  process.send!(message)
})
process.on('message', (command: EndpointCommand) => {
  latencyMs = command.latencyMs
})
process.on('disconnect', () => process.exit())
