/** A real HTTP server on a free port that answers as a test says, and keeps what it was asked. */

import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Answering {
  /** Without a slash at the end. */
  readonly address: string
  readonly asked: readonly Asked[]
}

export type Answer = (asked: Asked, response: ServerResponse) => void

export async function answering(answer: Answer): Promise<Answering> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void take(request, response)
  })
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const url = new URL(request.url ?? '/', 'http://localhost')
    const one = { method: request.method ?? '', url, headers: request.headers, body }
    asked.push(one)
    answer(one, response)
  }
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise((resolve) => {
      server.close(() => resolve())
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return { address: `http://127.0.0.1:${address.port}`, asked }
}

/** Answers with JSON. */
export function json(body: unknown, status = 200): Answer {
  return (_asked, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

/** As Prometheus' API documents a success. */
export function prometheus(resultType: string, result: unknown): Answer {
  return json({ status: 'success', data: { resultType, result } })
}
