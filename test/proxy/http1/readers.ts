/** Streams of messages as they are read by us, one message after the other, and by node:http. */

import { createServer, request as sendRequest } from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { createPeer, forwardingLines, VIA_LINE } from '../../../src/proxy/forwarding.ts'
import { ChunkedDecoder } from '../../../src/proxy/http1/chunked.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../../../src/proxy/http1/framing.ts'
import { RequestHead } from '../../../src/proxy/http1/request-head.ts'
import { ResponseHead } from '../../../src/proxy/http1/response-head.ts'
import { latin1, LIMITS } from './heads.ts'

export interface RequestReading {
  readonly method: string
  /** As it stands in the request line. */
  readonly target: string
  readonly host: string
  readonly body: string
}

export interface Readings<T> {
  /** Messages that were read to their end. */
  readonly whole: readonly T[]
  /** What stopped the reader; null when it wants more. */
  readonly fault: string | null
}

const server = createServer({ keepAlive: true, maxHeaderSize: 65_536 })

export async function nodeReadsRequests(text: string): Promise<Readings<RequestReading>> {
  const whole: RequestReading[] = []
  let fault: string | null = null
  server.removeAllListeners('request').removeAllListeners('clientError')
  server.on('clientError', (error: NodeJS.ErrnoException) => {
    fault ??= error.code ?? error.message
  })
  server.on('request', (request, response) => {
    let body = ''
    request
      .setEncoding('latin1')
      .on('data', (piece: string) => {
        body += piece
      })
      .on('error', () => undefined)
      .on('end', () => {
        const { method = '', url = '', headers } = request
        whole.push({ method, target: url, host: headers.host ?? '', body })
      })
    response.on('error', () => undefined).end()
  })
  const stream = silentStream()
  server.emit('connection', stream)
  stream.push(latin1(text))
  await setImmediate()
  await setImmediate()
  stream.destroy()
  return { whole, fault }
}

/** Takes what is written and says nothing by itself. */
function silentStream(): Duplex {
  return new Duplex({ read: () => undefined, write: (_piece, _encoding, done) => done() })
}

/** The body that begins at `start`, or null when it is not whole, or -1 when it is malformed. */
function weReadBody(
  bytes: Buffer,
  start: number,
  framing: { readonly bodyKind: number; readonly contentLength: number },
): { readonly body: string; readonly end: number } | null | -1 {
  if (framing.bodyKind === NO_BODY) return { body: '', end: start }
  if (framing.bodyKind === BY_LENGTH) {
    const end = start + framing.contentLength
    return end > bytes.length ? null : { body: bytes.toString('latin1', start, end), end }
  }
  if (framing.bodyKind !== CHUNKED)
    return { body: bytes.toString('latin1', start), end: bytes.length }
  let body = ''
  const decoder = new ChunkedDecoder()
  const end = decoder.decode(bytes, start, bytes.length, {
    onChunkData(from, dataStart, dataEnd) {
      body += from.toString('latin1', dataStart, dataEnd)
    },
  })
  if (end < 0) return -1
  return decoder.isDone ? { body, end } : null
}

/** Also what an exchange would send on of each. */
export function weReadRequests(
  text: string,
): Readings<RequestReading> & { readonly passedOn: readonly string[] } {
  const bytes = latin1(text)
  const head = new RequestHead(LIMITS)
  const whole: RequestReading[] = []
  const passedOn: string[] = []
  let fault: string | null = null
  for (let at = 0; at < bytes.length;) {
    const headEnd = head.parse(bytes, at, bytes.length)
    if (headEnd < 0) fault = head.fault
    if (headEnd <= 0) break
    const found = weReadBody(bytes, headEnd, head)
    if (found === -1) fault = 'badChunk'
    if (found === null || found === -1) break
    at = found.end
    const { method, target, host } = head
    whole.push({ method, target, host, body: found.body })
    passedOn.push(written(head, found.body))
    if (!head.isPersistent) break
  }
  return { whole, passedOn, fault }
}

function written(head: RequestHead, body: string): string {
  let framed = '\r\n'
  if (head.bodyKind === BY_LENGTH) framed = `content-length: ${head.contentLength}\r\n\r\n${body}`
  if (head.bodyKind === CHUNKED) framed = `transfer-encoding: chunked\r\n\r\n${chunked(body)}`
  const forwarding = forwardingLines(createPeer('192.0.2.1', true), head)
  return `${head.method} ${head.target} HTTP/1.1\r\n${head.keptLines()}${forwarding}${framed}`
}

export interface AnswerReading {
  readonly status: number
  readonly reason: string
  readonly body: string
}

/** Reads the answer to one request, with the text as all there is; also what a client would be sent of it. */
export function weReadAnswer(
  method: string,
  text: string,
): Readings<AnswerReading> & { readonly passedOn: string } {
  const bytes = latin1(text)
  const head = new ResponseHead(LIMITS.responseHeadBytes)
  let at = 0
  do {
    at = head.parse(bytes, at, bytes.length, method)
    if (at <= 0 || head.status === 101) return { whole: [], passedOn: '', fault: 'head' }
  } while (head.status < 200)
  const found = weReadBody(bytes, at, head)
  if (found === null || found === -1) return { whole: [], passedOn: '', fault: 'body' }
  const { status, statusText } = head
  const whole = [{ status, reason: statusText.slice(4), body: found.body }]
  return { whole, passedOn: writtenAnswer(head, found.body), fault: null }
}

function writtenAnswer(head: ResponseHead, body: string): string {
  const { bodyKind, contentLength } = head
  const isChunked = bodyKind === CHUNKED || bodyKind === UNTIL_CLOSE
  const length = contentLength < 0 ? '' : `content-length: ${contentLength}\r\n`
  return (
    `HTTP/1.1 ${head.statusText}\r\n${head.lines}${VIA_LINE}` +
    (isChunked ? `transfer-encoding: chunked\r\n\r\n${chunked(body)}` : `${length}\r\n${body}`)
  )
}

function chunked(body: string): string {
  return `${body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`
}

/** Reads as much of the answer as it will; the body may break off where something is wrong behind it. */
export async function nodeReadsAnswer(
  method: string,
  text: string,
): Promise<Readings<AnswerReading>> {
  const whole: AnswerReading[] = []
  let fault: string | null = null
  let body = ''
  const stream = silentStream()
  const request = sendRequest({ method, createConnection: () => stream })
  request
    .on('error', (error: NodeJS.ErrnoException) => {
      fault ??= error.code ?? error.message
    })
    .on('response', (response) => {
      const { statusCode: status = 0, statusMessage: reason = '' } = response
      whole.push({ status, reason, body })
      response
        .setEncoding('latin1')
        .on('error', () => undefined)
        .on('data', (piece: string) => {
          body += piece
          whole[0] = { status, reason, body }
        })
    })
    .end()
  stream.push(latin1(text))
  stream.push(null)
  await setImmediate()
  await setImmediate()
  stream.destroy()
  return { whole, fault }
}
