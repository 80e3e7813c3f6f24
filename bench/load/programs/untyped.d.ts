/** What the benchmark uses of packages that ship no types. */

declare module 'http-proxy' {
  import type { Agent, IncomingMessage, ServerResponse } from 'node:http'
  import type { Socket } from 'node:net'

  interface ProxyServer {
    web(request: IncomingMessage, response: ServerResponse): void
    on(
      event: 'error',
      listener: (error: Error, request: IncomingMessage, response: ServerResponse | Socket) => void,
    ): this
  }

  const httpProxy: {
    createProxyServer(options: { target: string; agent: Agent; xfwd: boolean }): ProxyServer
  }
  export default httpProxy
}

declare module 'autocannon' {
  interface Request {
    readonly method: string
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
  }

  interface Result {
    readonly '2xx': number
    readonly non2xx: number
    readonly errors: number
    readonly timeouts: number
    /** Seconds. */
    readonly duration: number
    readonly latency: { readonly p50: number; readonly p99: number }
    readonly throughput: { readonly total: number }
  }

  export default function autocannon(options: {
    url: string
    connections: number
    duration: number
    timeout: number
    requests: readonly Request[]
  }): Promise<Result>
}
