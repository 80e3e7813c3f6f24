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
  /** Folder for its files, its own. */
  readonly folder: string
}

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
