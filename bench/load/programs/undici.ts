/**
 * The best that `node:http` and undici give together, and so what Sluice's own HTTP/1.1 path is measured against:
 * a plain server, undici's lowest level (`dispatch`), no promise, no stream between the two but the sockets' own.
 * `undici.ts PORT UPSTREAM_PORT`. It removes hop-by-hop fields and sets the forwarding ones; it does not split.
 */

import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { type Dispatcher, Pool } from 'undici'

const [port, upstreamPort] = process.argv.slice(2).map(Number)

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** Set by us below, so not taken from the client. */
const OWN = new Set(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'])

const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, {
  connections: 256,
  pipelining: 1,
  keepAliveTimeout: 60_000,
  headersTimeout: 30_000,
  bodyTimeout: 30_000,
})

/** One exchange: undici's handler that writes to the client's response. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse
  #controller: Dispatcher.DispatchController | null = null

  constructor(response: ServerResponse) {
    this.#response = response
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (statusCode < 200) return
    const fields: (string | string[])[] = []
    for (const name in headers) {
      const value = headers[name]
      if (value !== undefined && !HOP_BY_HOP.has(name)) fields.push(name, value)
    }
    this.#response.writeHead(statusCode, fields)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#response.write(chunk)) {
      controller.pause()
      this.#response.once('drain', () => controller.resume())
    }
  }

  onResponseEnd(): void {
    this.#response.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#response.headersSent) this.#response.destroy(error)
    else this.#response.writeHead(502).end()
  }

  /** The client has gone before the end. */
  abort(): void {
    if (!this.#response.writableFinished) this.#controller?.abort(new Error('client gone'))
  }
}

function upstreamFields(request: IncomingMessage): string[] {
  const { rawHeaders } = request
  const fields: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const lowerName = name.toLowerCase()
    if (!HOP_BY_HOP.has(lowerName) && !OWN.has(lowerName))
      fields.push(name, rawHeaders[i + 1] ?? '')
  }
  fields.push(
    'x-forwarded-for',
    request.socket.remoteAddress ?? '',
    'x-forwarded-host',
    request.headers.host ?? '',
    'x-forwarded-proto',
    'http',
    'via',
    '1.1 bench',
  )
  return fields
}

createServer((request, response) => {
  const hasBody = 'content-length' in request.headers || 'transfer-encoding' in request.headers
  const exchange = new Exchange(response)
  response.once('close', () => exchange.abort())
  pool.dispatch(
    {
      path: request.url ?? '/',
      method: request.method ?? 'GET',
      headers: upstreamFields(request),
      body: hasBody ? request : null,
    },
    exchange,
  )
}).listen(port, '127.0.0.1')
