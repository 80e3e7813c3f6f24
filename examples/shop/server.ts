/**
 * A shop so small that it only tells its version: something to put Sluice in front of.
 *
 *     node examples/shop/server.ts --port 9001 --version v1
 *     curl -X PUT -d '{"failRatio":0.3,"delayMs":0}' http://127.0.0.1:9001/_fault
 *
 * Faults strike what customers ask for and leave /healthz alone: a release that looks healthy to a health check
 * and fails its users is the one that a canary is for.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { parseArgs } from 'node:util'

export interface Fault {
  /** Share of the answers that are 500, from 0 to 1. */
  readonly failRatio: number
  /** Added to every answer, 0 to 60 000. */
  readonly delayMs: number
}

export interface ShopOptions {
  /** Told in every answer. */
  readonly version: string
  readonly fault?: Fault
  /** From 0 to 1; decides whether one answer fails. */
  readonly random?: () => number
}

const MAX_BODY_BYTES = 1_024
const MAX_DELAY_MS = 60_000

/** Returns the shop as a server that does not listen yet. */
export function createShop({ version, fault, random = Math.random }: ShopOptions): Server {
  let current = fault ?? { failRatio: 0, delayMs: 0 }
  let orderCount = 0
  let failedCount = 0

  const answer = (response: ServerResponse, status: number, body: object): void => {
    const text = `${JSON.stringify({ version, ...body })}\n`
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'x-shop-version': version,
    })
    response.end(text)
  }

  const serve = (response: ServerResponse, body: () => object): void => {
    const isFailing = random() < current.failRatio
    const send = (): void => {
      if (isFailing) {
        failedCount++
        answer(response, 500, { error: 'the shop is out of order' })
      } else answer(response, 200, body())
    }
    if (current.delayMs === 0) send()
    else setTimeout(send, current.delayMs)
  }

  return createServer((request, response) => {
    const path = request.url?.split('?')[0]
    switch (`${request.method} ${path}`) {
      case 'GET /':
        return serve(response, () => ({ shop: 'open' }))
      case 'GET /checkout':
      case 'POST /checkout':
        return serve(response, () => ({ order: ++orderCount }))
      case 'GET /healthz':
        return answer(response, 200, { healthy: true })
      case 'GET /_fault':
        return answer(response, 200, { ...current, failedCount })
      case 'PUT /_fault':
        return readFault(request, current, (next) => {
          if (next === undefined) {
            return answer(response, 400, {
              error: 'send {"failRatio": 0 to 1, "delayMs": 0 to 60000}',
            })
          }
          current = next
          answer(response, 200, current)
        })
      default:
        return answer(response, 404, { error: `there is no ${path} here` })
    }
  })
}

/** Calls back with the new fault, what is left out being as before; undefined where the body is no fault. */
function readFault(
  request: IncomingMessage,
  current: Fault,
  done: (fault: Fault | undefined) => void,
): void {
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => {
    if (text.length <= MAX_BODY_BYTES) text += chunk
  })
  request.on('end', () =>
    done(text.length > MAX_BODY_BYTES ? undefined : parseFault(text, current)),
  )
}

function parseFault(text: string, current: Fault): Fault | undefined {
  try {
    const given: Partial<Fault> = JSON.parse(text)
    const { failRatio, delayMs } = { ...current, ...given }
    const isFault =
      typeof failRatio === 'number' &&
      failRatio >= 0 &&
      failRatio <= 1 &&
      typeof delayMs === 'number' &&
      delayMs >= 0 &&
      delayMs <= MAX_DELAY_MS
    return isFault ? { failRatio, delayMs } : undefined
  } catch {
    return undefined
  }
}

/** Requests that take longer are cut off when the shop closes. */
const CLOSE_LIMIT_MS = 2_000

function main(): void {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9001' },
      version: { type: 'string', default: 'v1' },
      'fail-ratio': { type: 'string', default: '0' },
      'delay-ms': { type: 'string', default: '0' },
    },
  })
  const wanted = JSON.stringify({
    failRatio: Number(values['fail-ratio']),
    delayMs: Number(values['delay-ms']),
  })
  const fault = parseFault(wanted, { failRatio: 0, delayMs: 0 })
  if (fault === undefined) {
    console.error('--fail-ratio must be 0 to 1, --delay-ms 0 to 60000')
    process.exitCode = 2
    return
  }

  const server = createShop({ version: values.version, fault })
  server.once('error', (error) => {
    console.error(`cannot listen on port ${values.port}: ${error.message}`)
    process.exitCode = 1
  })
  server.listen(Number(values.port), '127.0.0.1', () => {
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : address
    console.log(`listening on http://127.0.0.1:${port}`)
  })
  const close = (): void => {
    server.close()
    setTimeout(() => server.closeAllConnections(), CLOSE_LIMIT_MS).unref()
  }
  process.once('SIGTERM', close)
  process.once('SIGINT', close)
}

if (import.meta.main) main()
