/** One GET at a time, for the checks before and after the load; what a user would see, read whole. */

import { type IncomingHttpHeaders, get as httpGet } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from './children.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const ANSWER_LIMIT_MS = 5_000
const START_LIMIT_MS = 15_000
const POLL_MS = 50

/** Asks once on a new connection. Throws if there is no whole answer within five seconds. */
export function get(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
    const request = httpGet({ host: '127.0.0.1', port, path, headers, signal, agent: false })
    request.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject).on('data', (chunk: Buffer) => void chunks.push(chunk))
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('latin1')
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body })
      })
    })
  })
}

/**
 * Returns when `path` is answered 200. Throws, with what the child said, if the child ends before that or 15 seconds
 * are over.
 */
export async function untilAnswered(child: Child, port: number, path: string): Promise<void> {
  const deadlineMs = performance.now() + START_LIMIT_MS
  let found = 'nothing'
  while (performance.now() < deadlineMs && !child.hasEnded()) {
    found = await get(port, path).then(
      ({ status }) => `status ${status}`,
      (error: Error) => error.message,
    )
    if (found === 'status 200') return
    await sleep(POLL_MS)
  }
  const state = child.hasEnded() ? 'ended' : `does not answer ${path} (${found})`
  throw new Error(`${child.name} ${state}; it said: ${child.output() || 'nothing'}`)
}

/** Reads what `/echo` tells: the fields that arrived upstream, by name in lower case. */
export function echoedFields(body: string): ReadonlyMap<string, string> {
  const lines = body.split(/\r?\n/)
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(': ')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)] as const
    }),
  )
}
