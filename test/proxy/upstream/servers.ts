/** Upstreams that the tests talk to: Node's own over HTTP/2 and TLS, and one that says any frames there can be. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  createSecureServer,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
  type SecureServerOptions,
} from 'node:http2'
import { createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Frame, FrameReader, HEADERS, PREFACE } from '../../hostile/frames.ts'
import { HeaderDecoder } from '../../hostile/hpack.ts'

/** Returns a file of `test/certificates`. */
export function certificate(name: string): string {
  return readFileSync(new URL(`../../certificates/${name}`, import.meta.url), 'utf8')
}

export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as { port: number }).port
}

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => void

/** One of Node's, with what it was connected by. */
interface Http2Upstream {
  readonly port: number
  readonly sessions: ServerHttp2Session[]
}

export async function startHttp2(
  onStream: OnStream,
  options: ServerOptions | SecureServerOptions = {},
): Promise<Http2Upstream> {
  const isSecure = 'cert' in options
  const server = isSecure ? createSecureServer(options) : createHttp2Server(options)
  const sessions: ServerHttp2Session[] = []
  server
    .on('session', (session) => {
      sessions.push(session)
      session.on('error', () => undefined)
    })
    .on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => {
      stream.on('error', () => undefined)
      onStream(stream, headers, flags)
    })
  return { port: await listen(server), sessions }
}

/** A connection to a server that knows frames and nothing else. */
export class FrameConnection {
  readonly socket: Socket
  /** Without SETTINGS and acknowledgements of them. */
  readonly frames: Frame[] = []
  /** Requests in the order of their streams. */
  readonly requests: (readonly (readonly [string, string])[])[] = []
  readonly #decoder = new HeaderDecoder()

  constructor(socket: Socket, onFrame: (frame: Frame, connection: FrameConnection) => void) {
    this.socket = socket
    const reader = new FrameReader()
    let skip = PREFACE.length
    socket.on('data', (bytes: Buffer) => {
      const rest = bytes.subarray(Math.min(skip, bytes.length))
      skip -= bytes.length - rest.length
      for (const frame of reader.read(rest)) {
        this.frames.push(frame)
        if (frame.type === HEADERS) this.requests.push(this.#decoder.decode(frame.payload))
        onFrame(frame, this)
      }
    })
  }

  /** `frames`: latin1. */
  send(...frames: readonly string[]): void {
    this.socket.write(frames.join(''), 'latin1')
  }

  count(type: number): number {
    return this.frames.filter((frame) => frame.type === type).length
  }
}

interface FrameUpstream {
  readonly port: number
  readonly connections: FrameConnection[]
}

/** Calls back with each frame that comes; sends nothing of its own accord. */
export async function startFrames(
  onFrame: (frame: Frame, connection: FrameConnection) => void,
): Promise<FrameUpstream> {
  const connections: FrameConnection[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    connections.push(new FrameConnection(socket, onFrame))
  })
  return { port: await listen(server), connections }
}
