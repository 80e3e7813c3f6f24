/** A listening socket, which takes its settings from the table in force under its name. */

import { createServer, type Server, type Socket } from 'node:net'
import type { Listener } from '../snapshot.ts'
import { type CompiledListener, ListenerCompiler } from './listeners.ts'

/** Connections that the kernel holds for us until they are accepted. */
const BACKLOG = 1024

const SERVER_OPTIONS = { noDelay: true, allowHalfOpen: true, pauseOnConnect: true }

export interface OpenListenerOptions {
  /** The settings in force; undefined before they have come with a table, and after they have gone. */
  readonly settingsOf: (name: string) => CompiledListener | undefined
  readonly onConnection: (socket: Socket, settings: CompiledListener) => void
  readonly report: (error: unknown) => void
}

export class OpenListener {
  readonly #options: OpenListenerOptions
  readonly #server: Server
  readonly host: string
  #name: string
  #port: number
  /** The last ones that were in force. */
  #settings: CompiledListener

  constructor(listener: Listener, options: OpenListenerOptions) {
    this.#options = options
    this.host = listener.host
    this.#name = listener.name
    this.#port = listener.port
    this.#settings =
      options.settingsOf(listener.name) ??
      new ListenerCompiler().compile([listener]).get(listener.name)!
    this.#server = createServer(SERVER_OPTIONS, (socket) => this.#onConnection(socket))
  }

  /** Where it listens, once it does. */
  get port(): number {
    return this.#port
  }

  isAt({ host, port }: Listener): boolean {
    return host === this.host && port === this.#port
  }

  rename(name: string): void {
    this.#name = name
  }

  #onConnection(socket: Socket): void {
    this.#settings = this.#options.settingsOf(this.#name) ?? this.#settings
    this.#options.onConnection(socket, this.#settings)
  }

  /** `reusePort`: other threads listen on the same one. */
  open(reusePort: boolean): Promise<void> {
    const server = this.#server
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen({ host: this.host, port: this.#port, reusePort, backlog: BACKLOG }, () => {
      server.off('error', reject)
      server.on('error', this.#options.report)
      const address = server.address()
      if (typeof address === 'object' && address !== null) this.#port = address.port
      resolve()
    })
    return promise
  }

  /** Its connections live on. */
  close(): void {
    this.#server.close()
  }
}
