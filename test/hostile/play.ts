/**
 * Plays one case: the hostile side on bare sockets, and on the other side the strict recording upstream or an
 * honest client.
 */

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connectClient } from '../proxy/exchange/client.ts'
import { answerOk, type Received, type Script } from '../proxy/exchange/upstream.ts'
import { Bench, connectHttp2, type Http2Listener } from './bench.ts'
import { expand, type HostileCase } from './cases.ts'
import { PREFACE } from './frames.ts'
import type { Outcome } from './outcome.ts'
import type { Recorder } from './recorder.ts'
import type { Facing, ListenerName, Target } from './target.ts'

const FLOOD_NOTICED_MS = 500
const CUT_COUNT = 24

export interface Stage {
  readonly target: Target
  readonly facing: Facing
}

export type Play = (one: HostileCase, stage: Stage) => Promise<Outcome>

/** Plays a hostile client over HTTP/1.1, or one that is. */
export function playClient(listener: ListenerName): Play {
  return async (one, stage) => {
    const { target } = stage
    const bench = await Bench.start(stage, await record(one, stage), one)
    const proxyName = one.template === undefined ? '' : await bench.findProxyName(listener)
    const client = await connectClient(target.port(listener))
    client.send(expand(one, proxyName).bytes)
    if (one.then === 'fin') client.end()
    if (one.then === 'rst') client.reset()
    if (one.then?.startsWith('send:') === true) {
      await bench.rest(client.reader)
      client.send(/^send:(\S*)/.exec(one.then)![1]!)
    }
    await bench.rest(client.reader)
    return bench.http1Outcome(client, 'GET')
  }
}

/** Plays a hostile client over HTTP/2: with prior knowledge, or agreed on by ALPN. `isCut`: its bytes come in small pieces. */
export function playHttp2Client(listener: Http2Listener, { isCut = false } = {}): Play {
  return async (one, stage) => {
    const { target } = stage
    const bench = await Bench.start(stage, await record(one, stage), one)
    if (one.assert?.repeat !== undefined) {
      await bench.repeat(one, listener, Math.ceil(one.assert.repeat / 4))
      await bench.forget()
      await bench.repeat(one, listener, one.assert.repeat)
    }
    const client = await connectHttp2(target.port(listener), listener)
    if (one.client === 'no-read') client.reader.hold()
    const { bytes } = expand(one)
    if (isCut) await writeCut(client.socket, bytes, target)
    else client.socket.write(bytes)
    await bench.rest(client.reader)
    client.reader.resume()
    // A flood may be noticed by looking at what has come from time to time.
    if (one.repeatUnit !== undefined) await target.pass(FLOOD_NOTICED_MS)
    await bench.rest(client.reader)
    return bench.http2Outcome(client)
  }
}

/** Plays a hostile upstream, and asks once more to see whether its connection is used again. */
export const playUpstream: Play = async (one, stage) => {
  const { bytes, again } = expand(one)
  const recorder = await stage.target.record(async (received) => {
    received.send(bytes)
    if (again.length > 0) await pour(received.socket, again)
    if (one.then === 'fin') received.end()
    if (one.then === 'rst') received.reset()
  })
  return playRequest(one, stage, recorder)
}

/** As `playUpstream`, over HTTP/2. */
export const playHttp2Upstream: Play = async (one, stage) =>
  playRequest(one, stage, await stage.target.recordHttp2(one.raw))

function record(one: HostileCase, { target, facing }: Stage): Promise<Recorder> {
  return facing.protocol === 'http1' ? target.record(scriptOf(one)) : target.recordHttp2('')
}

async function playRequest(one: HostileCase, stage: Stage, recorder: Recorder): Promise<Outcome> {
  const bench = await Bench.start(stage, recorder, one)
  const client = await connectClient(stage.target.port('http1'))
  if (one.client === 'no-read') client.reader.hold()
  client.send(one.request ?? '')
  // The upstream's silence ends by a timeout.
  if (one.then === 'hang') await client.reader.end()
  await bench.rest(client.reader)
  return bench.http1Outcome(client, one.request?.split(' ')[0] ?? 'GET')
}

function scriptOf(one: HostileCase): Script {
  return (received) =>
    one.upstream === undefined ? answerHonestly(received) : received.send(one.upstream)
}

/** Waits for a 100 before the body where one is asked for, as an honest server does. */
async function answerHonestly(received: Received): Promise<void> {
  if (received.head.fields.some(([name]) => name === 'expect')) {
    received.send('HTTP/1.1 100 Continue\r\n\r\n')
  }
  await answerOk(received)
}

/** Each piece is read before the next one comes: the first and the last few, and what is between at once. */
async function writeCut(socket: Socket, bytes: Buffer, target: Target): Promise<void> {
  const places = Array.from({ length: CUT_COUNT }, (_, index) => PREFACE.length - 1 + index * 7)
  const end = bytes.length
  const cuts = [...places, end - 3, end - 1, end].filter((at) => at > 0 && at <= end)
  let start = 0
  for (const at of cuts) {
    if (at <= start) continue
    socket.write(bytes.subarray(start, at))
    start = at
    await target.ping()
  }
}

async function pour(socket: Socket, unit: Buffer): Promise<void> {
  const piece = Buffer.concat(Array<Buffer>(Math.ceil(16_384 / unit.length)).fill(unit))
  while (!socket.destroyed && socket.writable) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  }
}
