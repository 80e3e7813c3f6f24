/**
 * A listening socket, and what connections to it are served by.
 *
 * The settings belong to the address, and not to the name: while a listener moves, its name stands at the old port and
 * at the new one, each with its own.
 */

import { createServer, type Server, type Socket } from 'node:net'
import type { Listener } from '../snapshot.ts'
import type { CompiledListener } from './listeners.ts'

/** Connections that the kernel holds for us until they are accepted. */
const BACKLOG = 1024

const SERVER_OPTIONS = { noDelay: true, allowHalfOpen: true, pauseOnConnect: true }

export interface OpenListenerOptions {
  readonly settings: CompiledListener
  readonly onConnection: (socket: Socket, settings: CompiledListener) => void
  readonly report: (error: unknown) => void
}

export class OpenListener {
  readonly host: string
  /** What the next connection meets. */
  settings: CompiledListener
  readonly #report: (error: unknown) => void
  readonly #server: Server
  #port: number

  constructor({ host, port }: Listener, { settings, onConnection, report }: OpenListenerOptions) {
    this.host = host
    this.settings = settings
    this.#port = port
    this.#report = report
    this.#server = createServer(SERVER_OPTIONS, (socket) => onConnection(socket, this.settings))
  }

  /** Where it listens, once it does. */
  get port(): number {
    return this.#port
  }

  isAt({ host, port }: Listener): boolean {
    return host === this.host && port === this.#port
  }

  /** `reusePort`: other threads listen on the same one. */
  open(reusePort: boolean): Promise<void> {
    const server = this.#server
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen({ host: this.host, port: this.#port, reusePort, backlog: BACKLOG }, () => {
      server.off('error', reject)
      server.on('error', this.#report)
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
