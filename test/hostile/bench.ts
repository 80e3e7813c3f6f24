/**
 * Runs one case: a proxy in a process of its own, the hostile side on bare sockets, and on the other side the
 * strict recording upstream or an honest client.
 *
 * When nothing moves any more is found by asking, not by waiting: the proxy answers a ping after it has read
 * what had arrived, and once several pings have changed nothing, nothing will.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { snapshotOf } from '../proxy/exchange/proxy.ts'
import {
  answerOk,
  type Received,
  type Script,
  startUpstream,
  type Upstream,
} from '../proxy/exchange/upstream.ts'
import { expand, type HostileCase } from './cases.ts'
import type { Outcome } from './outcome.ts'
import type { Command, Health } from './proxy-process.ts'

const QUIET_PINGS = 6
/** What is due by a timeout is due within this time; nothing else is waited for. */
const TIMEOUT_MS = 500

export class ProxyProcess {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(new URL('proxy-process.ts', import.meta.url), { stdio: 'inherit' })
  }

  async ask(command: Command): Promise<Health> {
    this.#child.send(command)
    const [health]: Health[] = await once(this.#child, 'message')
    return health!
  }

  /** False once it has died. */
  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Plays a hostile client. */
export async function playClient(one: HostileCase, proxy: ProxyProcess): Promise<Outcome> {
  const script: Script = (received) =>
    one.upstream === undefined ? answerHonestly(received) : received.send(one.upstream)
  const bench = await prepare(proxy, script)
  const client = await connectClient(bench.port)
  const { bytes } = expand(one)
  client.send(bytes)
  if (one.then === 'fin') client.end()
  if (one.then === 'rst') client.reset()
  if (one.then?.startsWith('send:hello') === true) {
    await bench.rest(client)
    client.send('hello')
  }
  await bench.rest(client)
  return bench.outcome(client, 'GET')
}

/** Plays a hostile upstream, and asks once more to see whether its connection is used again. */
export async function playUpstream(one: HostileCase, proxy: ProxyProcess): Promise<Outcome> {
  const { bytes, again } = expand(one)
  const isHanging = one.then === 'hang'
  const bench = await prepare(proxy, async (received) => {
    if (received.target === '/next') return received.answer(200, 'next')
    received.send(bytes)
    if (again.length > 0) await pour(received.socket, again)
    if (one.then === 'fin') received.end()
  })
  const client = await connectClient(bench.port)
  const isReading = one.assert?.maxRssGrowthMB === undefined
  if (!isReading) client.reader.hold()
  client.send(one.request ?? '')
  // The upstream's silence ends by a timeout, and its endless head by size.
  if (isHanging) await client.reader.end()
  await bench.rest(client)
  const other = await connectClient(bench.port)
  await other.get('/next')
  return bench.outcome(client, one.request?.split(' ')[0] ?? 'GET')
}

/** Waits for a 100 before the body where one is asked for, as an honest server does. */
async function answerHonestly(received: Received): Promise<void> {
  if (received.head.fields.some(([name]) => name === 'expect')) {
    received.send('HTTP/1.1 100 Continue\r\n\r\n')
  }
  await answerOk(received)
}

async function pour(socket: Socket, unit: Buffer): Promise<void> {
  const piece = Buffer.concat(Array<Buffer>(Math.ceil(16_384 / unit.length)).fill(unit))
  while (!socket.destroyed && socket.writable) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
}

class Bench {
  readonly port: number
  readonly #proxy: ProxyProcess
  readonly #upstream: Upstream
  readonly #before: Health
  #upstreamText = ''
  #upstreamBytes = 0
  mostConcurrent = 0

  constructor(proxy: ProxyProcess, upstream: Upstream, before: Health) {
    this.port = before.port
    this.#proxy = proxy
    this.#upstream = upstream
    this.#before = before
    upstream.onBytes = (bytes) => {
      this.#upstreamBytes += bytes.length
      if (this.#upstreamText.length < 1e6) this.#upstreamText += bytes.toString('latin1')
    }
  }

  /** Resolves when nothing moves any more. */
  async rest(client: Client): Promise<void> {
    let seen = ''
    for (let quiet = 0; quiet < QUIET_PINGS; quiet++) {
      await this.#proxy.ask({ type: 'ping' })
      const now = `${client.reader.receivedBytes} ${client.reader.ending} ${this.#upstreamBytes}`
      if (now !== seen) quiet = 0
      seen = now
    }
  }

  async outcome(client: Client, method: string): Promise<Outcome> {
    const health = await this.#proxy.ask({ type: 'ping' })
    const { reader } = client
    const requests = this.#upstream.requests.filter(({ target }) => target !== '/next')
    const next = this.#upstream.requests.find(({ target }) => target === '/next')
    const clientText = reader.unread
    return {
      ...readAnswers(clientText, { method, isEnded: reader.ending === 'ended' }),
      clientText,
      isClosed: reader.ending !== 'open',
      requests,
      upstreamText: this.#upstreamText,
      mostConcurrent: this.mostConcurrent,
      isReused: next !== undefined && requests.some((one) => one.connection === next.connection),
      rssGrowthBytes: health.residentBytes - this.#before.residentBytes,
    }
  }
}

async function prepare(proxy: ProxyProcess, script: Script): Promise<Bench> {
  const upstream = await startUpstream()
  const before = await proxy.ask({
    type: 'use',
    snapshot: snapshotOf({ stable: [upstream.port], timeouts: { bodyStallMs: TIMEOUT_MS } }),
  })
  const bench = new Bench(proxy, upstream, before)
  let concurrent = 0
  upstream.script = async (received) => {
    bench.mostConcurrent = Math.max(bench.mostConcurrent, ++concurrent)
    await script(received)
    concurrent--
  }
  return bench
}

/** Reads what a client got, as far as it came. */
function readAnswers(
  text: string,
  options: { method: string; isEnded: boolean },
): { statuses: number[]; head: string; body: string; isComplete: boolean } {
  const statuses: number[] = []
  let head = ''
  let body = ''
  let rest = text
  while (rest !== '') {
    const match = /^(HTTP\/1\.1 (\d{3}) .*?\r\n)\r\n/s.exec(rest)
    if (match === null) return { statuses, head, body, isComplete: false }
    rest = rest.slice(match[0].length)
    const status = Number(match[2])
    if (status < 200) continue
    statuses.push(status)
    head = match[1]!
    const found = readBodyText(rest, { head, status, ...options })
    body = found.body
    if (!found.isComplete) return { statuses, head, body, isComplete: false }
    rest = rest.slice(found.length)
  }
  return { statuses, head, body, isComplete: true }
}

function readBodyText(
  text: string,
  of: { head: string; status: number; method: string; isEnded: boolean },
): { body: string; length: number; isComplete: boolean } {
  if (of.method === 'HEAD' || of.status === 204 || of.status === 304) {
    return { body: '', length: 0, isComplete: true }
  }
  const length = /^content-length: (\d+)\r$/im.exec(of.head)
  if (length !== null) {
    const body = text.slice(0, Number(length[1]))
    return { body, length: body.length, isComplete: body.length === Number(length[1]) }
  }
  if (!/^transfer-encoding: chunked\r$/im.test(of.head)) {
    return { body: text, length: text.length, isComplete: of.isEnded }
  }
  let body = ''
  for (let at = 0; ;) {
    const size = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 20))
    if (size === null) return { body, length: at, isComplete: false }
    const start = at + size[0].length
    const byteCount = Number.parseInt(size[1]!, 16)
    if (byteCount === 0) {
      return { body, length: start + 2, isComplete: text.startsWith('\r\n', start) }
    }
    body += text.slice(start, start + byteCount)
    at = start + byteCount + 2
  }
}
