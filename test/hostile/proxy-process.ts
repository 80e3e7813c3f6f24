/**
 * A `ProxyServer` in a process of its own, so that a hostile case that kills or blocks it is seen to.
 *
 * Takes snapshots over IPC, one at a time, and answers each and every `ping` with how it is.
 */

import { setImmediate } from 'node:timers/promises'
import { createTallyBuffer, segment } from '../../src/analyzer/tally.ts'
import { ProxyServer } from '../../src/proxy/server.ts'
import type { Snapshot } from '../../src/proxy/snapshot.ts'

export type Command =
  | { readonly type: 'use'; readonly snapshot: Snapshot }
  | { readonly type: 'ping' }

export interface Health {
  readonly port: number
  readonly residentBytes: number
  readonly bugs: readonly string[]
}

const bugs: string[] = []
const server = new ProxyServer({
  tally: segment(createTallyBuffer(1), 0),
  nowMs: () => performance.now(),
  random: Math.random,
  report: (error) =>
    void bugs.push(error instanceof Error ? (error.stack ?? error.message) : String(error)),
})
let port = 0

process.on('disconnect', () => process.exit())
process.on('message', (command: Command) => void obey(command))

async function obey(command: Command): Promise<void> {
  if (command.type === 'use') {
    server.use(command.snapshot)
    if (port === 0)
      port = await server.listen({ name: 'hostile', host: '127.0.0.1', port: 0 }, false)
  }
  // What has arrived before the command is read before the answer.
  await setImmediate()
  await setImmediate()
  const health: Health = { port, residentBytes: process.memoryUsage.rss(), bugs }
  process.send?.(health)
}
