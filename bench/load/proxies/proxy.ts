/** What the benchmark knows of a proxy that it measures. */

import type { Child } from '../children.ts'
import type { Scenario } from '../scenario.ts'

/** Where a proxy listens, and where it forwards to; all on 127.0.0.1. */
export interface Place {
  readonly port: number
  /** For an admin API. */
  readonly controlPort: number
  readonly stablePort: number
  readonly canaryPort: number
  /** Where HTTP/1.1 and HTTP/2 are served over TLS (by ALPN) besides; null: no scenario of the run needs it. */
  readonly tls: Tls | null
  /** The upstream of `TUNNEL_PATH`; null: no scenario of the run needs it. */
  readonly echoPort: number | null
  /** The upstream of `GRPC_PATH`, HTTP/2 in cleartext; null: no scenario of the run needs it. */
  readonly grpcPort: number | null
  /** Folder for its files, its own. */
  readonly folder: string
}

/** The same for every proxy: TLS 1.3, `CIPHER_SUITE`, one certificate (ECDSA P-256). */
export interface Tls {
  readonly port: number
  /** Absolute, PEM. */
  readonly certFile: string
  readonly keyFile: string
  /** What the scenarios of the run speak over it. */
  readonly protocols: readonly SecureProtocol[]
}

export type SecureProtocol = 'HTTP/1.1' | 'HTTP/2'

export interface Proxy {
  readonly name: string
  /**
   * `split`: half of the users to either upstream by a hash of their cookie, hop-by-hop and `x-sluice-*` fields
   * removed, forwarding fields and the variant set. `forward`: all to stable, with what the package does by itself.
   */
  readonly work: 'split' | 'forward'
  /** Those it takes part in. */
  readonly scenarios: readonly Scenario['name'][]
  /** Null where it is not installed. */
  readonly version: () => string | null
  /** Writes its files, returns the command that runs it in the foreground. */
  readonly command: (place: Place) => readonly string[]
  /** What is left to do once it answers; null: nothing. Throws if that fails. */
  readonly prepare: ((place: Place, child: Child) => Promise<void>) | null
}
