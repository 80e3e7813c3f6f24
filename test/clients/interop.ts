/** The service of `interop.proto`, as a server of @grpc/grpc-js, and a client of the same that comes through Sluice. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type MethodDefinition,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { onTestFinished } from 'vitest'
import type { Proxy } from '../proxy/exchange/proxy.ts'
import { CA_FILE } from './servers.ts'

/** Metadata with these names are sent back, at the beginning and at the end. */
export const ECHO_INITIAL = 'x-echo-initial'
export const ECHO_TRAILING = 'x-echo-trailing-bin'

export type Empty = Readonly<Record<string, never>>
export interface Payload {
  readonly body: Buffer
}
export interface Order {
  readonly size?: number
  readonly body?: Buffer
  readonly status?: { readonly code: number; readonly message?: string } | null
}
interface Orders {
  readonly sizes: readonly number[]
}
interface Total {
  readonly bytes: number
}

interface Interop {
  readonly EmptyCall: MethodDefinition<Empty, Empty>
  readonly UnaryCall: MethodDefinition<Order, Payload>
  readonly OutputCall: MethodDefinition<Orders, Payload>
  readonly InputCall: MethodDefinition<Payload, Total>
  readonly DuplexCall: MethodDefinition<Order, Payload>
}

const FILE = join(import.meta.dirname, 'interop.proto')
const SERVICE = loadSync(FILE)['sluice.test.Interop']
export const INTEROP = SERVICE as unknown as Interop

/** What the server has heard besides messages. */
export interface Heard {
  cancelled: number
  metadata: Metadata[]
}

/** Starts the service; resolves with its port. */
export async function serveInterop(): Promise<{ port: number; heard: Heard }> {
  const server = new Server()
  const heard: Heard = { cancelled: 0, metadata: [] }
  server.addService(SERVICE as ServiceDefinition, serviceOf(heard))
  onTestFinished(() => server.forceShutdown())
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  return { port, heard }
}

function serviceOf(heard: Heard) {
  function begin(call: {
    metadata: Metadata
    sendMetadata(metadata: Metadata): void
    on(event: 'cancelled', listener: () => void): unknown
  }): Metadata {
    heard.metadata.push(call.metadata)
    call.on('cancelled', () => heard.cancelled++)
    const initial = call.metadata.clone()
    for (const name of Object.keys(initial.getMap())) {
      if (name !== ECHO_INITIAL) initial.remove(name)
    }
    if (initial.get(ECHO_INITIAL).length > 0) call.sendMetadata(initial)
    const trailing = call.metadata.clone()
    for (const name of Object.keys(trailing.getMap())) {
      if (name !== ECHO_TRAILING) trailing.remove(name)
    }
    return trailing
  }
  return {
    EmptyCall(call: ServerUnaryCall<Empty, Empty>, reply: sendUnaryData<Empty>): void {
      reply(null, {}, begin(call))
    },
    UnaryCall(call: ServerUnaryCall<Order, Payload>, reply: sendUnaryData<Payload>): void {
      const trailing = begin(call)
      const { status, size = 0 } = call.request
      if (status === null || status === undefined) reply(null, payload(size), trailing)
      else reply({ code: status.code, details: status.message ?? '', metadata: trailing })
    },
    OutputCall(call: ServerWritableStream<Orders, Payload>): void {
      const trailing = begin(call)
      for (const size of call.request.sizes) call.write(payload(size))
      call.end(trailing)
    },
    InputCall(call: ServerReadableStream<Payload, Total>, reply: sendUnaryData<Total>): void {
      const trailing = begin(call)
      let bytes = 0
      call.on('data', ({ body }: Payload) => (bytes += body.length))
      call.on('end', () => reply(null, { bytes }, trailing))
    },
    DuplexCall(call: ServerDuplexStream<Order, Payload>): void {
      const trailing = begin(call)
      call.on('data', ({ size = 0, status }: Order) => {
        if (status !== null && status !== undefined) {
          call.emit('error', { code: status.code, details: status.message })
        } else if (size > 0) call.write(payload(size))
      })
      call.on('end', () => call.end(trailing))
      call.on('error', () => undefined)
    },
  }
}

/** A body of that many bytes. */
export function payload(size: number): Payload {
  return { body: Buffer.alloc(size, 'x') }
}

/** How a call ended, besides its messages. */
export interface Ended {
  readonly status: StatusObject
  readonly initial: Metadata | null
}

export interface UnaryEnded<Reply> extends Ended {
  readonly reply: Reply | null
}

interface CallOptions {
  readonly metadata?: Metadata
  readonly deadline?: number
}

export class InteropClient {
  readonly #client: Client

  constructor(address: string, credentials: ChannelCredentials) {
    this.#client = new Client(address, credentials, {
      'grpc.enable_retries': 0,
      'grpc.ssl_target_name_override': 'a.example',
    })
  }

  close(): void {
    this.#client.close()
  }

  unary<Request, Reply>(
    method: MethodDefinition<Request, Reply>,
    request: Request,
    { metadata = new Metadata(), ...options }: CallOptions = {},
  ): Promise<UnaryEnded<Reply>> {
    const { path, requestSerialize, responseDeserialize } = method
    return new Promise((resolve) => {
      let initial: Metadata | null = null
      let reply: Reply | null = null
      this.#client
        .makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          options,
          (_, message) => (reply = message ?? null),
        )
        .on('metadata', (received) => (initial = received))
        .on('status', (status) => resolve({ status, initial, reply }))
    })
  }

  output(sizes: readonly number[]): ClientReadableStream<Payload> {
    const { path, requestSerialize, responseDeserialize } = INTEROP.OutputCall
    const request = { sizes }
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    )
  }

  input(reply: (total: Total | undefined) => void): ClientWritableStream<Payload> {
    const { path, requestSerialize, responseDeserialize } = INTEROP.InputCall
    return this.#client
      .makeClientStreamRequest(path, requestSerialize, responseDeserialize, (_, total) =>
        reply(total),
      )
      .on('error', () => undefined)
  }

  duplex({ metadata = new Metadata(), ...options }: CallOptions = {}): ClientDuplexStream<
    Order,
    Payload
  > {
    const { path, requestSerialize, responseDeserialize } = INTEROP.DuplexCall
    return this.#client
      .makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, options)
      .on('error', () => undefined)
  }
}

/** A client of what Sluice serves, over TLS or not; closed when the test ends. */
export function dialInterop(proxy: Proxy, isSecure = false): InteropClient {
  const credentials = isSecure
    ? ChannelCredentials.createSsl(readFileSync(CA_FILE))
    : ChannelCredentials.createInsecure()
  const client = new InteropClient(`127.0.0.1:${proxy.port}`, credentials)
  onTestFinished(() => client.close())
  return client
}
