/** A client on a bare socket: sends what it is told, reads answers by the letter. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Field, framingOf, type Head, readBody, readHead } from './message.ts'
import { BrokenOff, NotHttp, SocketReader } from './reader.ts'

export interface Answer extends Head {
  readonly status: number
  readonly body: Buffer
  readonly trailers: readonly Field[]
  /** The interim answers (1xx) before it. */
  readonly interim: readonly Head[]
}

export class Client {
  readonly socket: Socket
  readonly reader: SocketReader

  constructor(socket: Socket) {
    this.socket = socket
    this.reader = new SocketReader(socket)
  }

  send(bytes: string | Buffer): void {
    if (typeof bytes === 'string') this.socket.write(bytes, 'latin1')
    else this.socket.write(bytes)
  }

  /** Resolves with the next answer; `method` is that of its request. */
  async answer(method = 'GET'): Promise<Answer> {
    const interim: Head[] = []
    for (;;) {
      const head = await readHead(this.reader)
      if (head === null) throw new BrokenOff('waiting for an answer', this.reader.ending)
      const match = /^HTTP\/1\.1 ([1-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(head.startLine)
      if (match === null) throw new NotHttp(`not a status line: ${JSON.stringify(head.startLine)}`)
      const status = Number(match[1])
      if (status < 200) {
        interim.push(head)
        continue
      }
      return { ...head, status, interim, ...(await this.#body(head, { status, method })) }
    }
  }

  async #body(
    head: Head,
    of: { status: number; method: string },
  ): Promise<Pick<Answer, 'body' | 'trailers'>> {
    const framing = framingOf(head, { kind: 'untilClose' })
    if (of.method === 'HEAD' || of.status === 204 || of.status === 304) {
      return { body: Buffer.alloc(0), trailers: [] }
    }
    const pieces: Buffer[] = []
    const trailers = await readBody(this.reader, framing, (bytes) => void pieces.push(bytes))
    return { body: Buffer.concat(pieces), trailers }
  }

  /** Sends a request without body and resolves with its answer. */
  get(target: string, lines = ''): Promise<Answer> {
    this.send(`GET ${target} HTTP/1.1\r\nHost: test\r\n${lines}\r\n`)
    return this.answer()
  }

  /** Sends a FIN. */
  end(): void {
    this.socket.end()
  }

  /** Sends an RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }
}

/** Connects; the socket is closed when the test ends. Half-open: a FIN of the proxy is not answered by itself. */
export async function connectClient(port: number): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  const client = new Client(socket)
  await once(socket, 'connect')
  return client
}
