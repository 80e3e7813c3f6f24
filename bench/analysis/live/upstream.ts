/**
 * The two builds behind every route, in a process of their own: one port for stable, one for the canary. How they answer is
 * told by messages, and the same for all routes; what the canary did wrong is counted by route.
 *
 * Run by `run.ts` with an IPC channel, and the seed as its argument.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Random } from '../random.ts'
import { type Behaviour, HEALTHY } from './faults.ts'

/** From the parent. */
export type UpstreamCommand =
  | { readonly type: 'behave'; readonly stable: Behaviour; readonly canary: Behaviour }
  | { readonly type: 'tell' }

/** To the parent. */
export type UpstreamMessage =
  | { readonly type: 'listening'; readonly stablePort: number; readonly canaryPort: number }
  /** Requests that the canary failed or left hanging, by route, since the last change. */
  | { readonly type: 'told'; readonly bad: Readonly<Record<string, number>> }

const SPREAD = 0.5

const random = new Random(Number(process.argv[2]), 'upstream')
const behaviours = { stable: HEALTHY, canary: HEALTHY }
let bad: Record<string, number> = {}

function answer(
  build: 'stable' | 'canary',
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { failRatio, medianMs, hangs, breaks } = behaviours[build]
  const isBad = random.uniform() < failRatio
  if (build === 'canary' && (isBad || hangs || breaks !== undefined)) {
    const route = request.url!.split('/')[1]!
    bad[route] = (bad[route] ?? 0) + 1
  }
  if (hangs) return
  if (breaks !== undefined) return breakOff(request, response, breaks === 'within')
  setTimeout(
    () => {
      response.statusCode = isBad ? 500 : 200
      response.end(build)
    },
    medianMs * Math.exp(SPREAD * random.normal()),
  )
}

function breakOff(request: IncomingMessage, response: ServerResponse, isWithin: boolean): void {
  const reset = (): void => void request.socket.resetAndDestroy()
  if (!isWithin) return reset()
  response.setHeader('content-length', 20)
  response.write('half a body', () => setTimeout(reset, 1))
}

function listen(build: 'stable' | 'canary'): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const server = createServer((request, response) => answer(build, request, response))
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1', () => {
    resolve((server.address() as AddressInfo).port)
  })
  return promise
}

function tell(message: UpstreamMessage): void {
  process.send!(message)
}

process.on('message', (command: UpstreamCommand) => {
  if (command.type === 'tell') return tell({ type: 'told', bad })
  behaviours.stable = command.stable
  behaviours.canary = command.canary
  bad = {}
})
process.on('disconnect', () => process.exit())

tell({
  type: 'listening',
  stablePort: await listen('stable'),
  canaryPort: await listen('canary'),
})
