/**
 * Key sets that are asked for over HTTP: for all threads once, again every so often, and the last good one is kept.
 *
 * Time and size of an answer are bounded, redirects are not followed (`providers/http.ts`). Whether a set is asked for
 * when a token names an unknown key was considered and left out: it lets strangers make Sluice ask, and issuers show
 * new keys long before they sign with them.
 */

import type { TokenKey } from '../../proxy/cohort/token/settings.ts'
import { CodedError } from '../coded-error.ts'
import type { Config } from '../config/config.ts'
import { readKeySet } from '../config/key-set.ts'
import type { RemoteKeys } from '../config/tokens.ts'
import type { Log } from '../log.ts'
import { ProviderError } from '../providers/failure.ts'
import { HttpClient, type HttpLimits } from '../providers/http.ts'

const LIMITS: HttpLimits = {
  timeoutMs: 5_000,
  bodyBytes: 262_144,
  concurrency: 4,
  waiting: 1_024,
}
/** After a failure, where that is sooner than the next time anyway. */
const RETRY_MS = 10_000
/** How long a publication waits for sets that were never asked for; what comes later is published then. */
const FIRST_WAIT_MS = 3_000

export interface KeySetsOptions {
  /** Milliseconds that never go back. */
  readonly nowMs: () => number
  /** Resolves after that many milliseconds. */
  readonly wait: (ms: number) => Promise<void>
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Publishes anew, with the keys as they are now. */
  readonly republish: () => Promise<void>
}

interface KeySet {
  remote: RemoteKeys
  /** As it came; null: never. */
  text: string | null
  keys: readonly TokenKey[] | null
  dueAtMs: number
  isAsking: boolean
  /** What was told last, so that it is told once. */
  fault: string | null
}

export class KeySets {
  readonly #options: KeySetsOptions
  readonly #client = new HttpClient({ limits: LIMITS })
  #sets = new Map<string, KeySet>()
  #isStale = false
  #isPublishing = false

  constructor(options: KeySetsOptions) {
    this.#options = options
  }

  /** Null while it is not known. */
  keysAt(url: string): readonly TokenKey[] | null {
    return this.#sets.get(url)?.keys ?? null
  }

  /** Asks for what the configuration names and is new. Resolves when it has come, or in a while without it. */
  async prepare(config: Pick<Config, 'routes'>): Promise<void> {
    const asked = remotesIn(config)
      .filter(({ url }) => !this.#sets.has(url))
      .map((remote) => {
        const set = newSet(remote)
        this.#sets.set(remote.url, set)
        return this.#ask(set)
      })
    if (asked.length === 0) return
    await Promise.race([Promise.all(asked), this.#options.wait(FIRST_WAIT_MS)])
  }

  /** That configuration is in force: what it does not name is forgotten. */
  use(config: Pick<Config, 'routes'>): void {
    const before = this.#sets
    this.#sets = new Map()
    for (const remote of remotesIn(config)) {
      const set = before.get(remote.url) ?? newSet(remote)
      set.remote = remote
      this.#sets.set(remote.url, set)
    }
  }

  /** Called some times a second. */
  tick(): void {
    const nowMs = this.#options.nowMs()
    for (const set of this.#sets.values()) {
      if (!set.isAsking && nowMs >= set.dueAtMs) void this.#ask(set)
    }
    if (this.#isStale && !this.#isPublishing) void this.#republish()
  }

  async close(): Promise<void> {
    this.#sets.clear()
    await this.#client.close()
  }

  async #ask(set: KeySet): Promise<void> {
    const { nowMs, log } = this.#options
    const { url, refreshMs } = set.remote
    set.isAsking = true
    try {
      this.#take(set, await this.#client.ask({ method: 'GET', url, headers: {} }))
      set.dueAtMs = nowMs() + refreshMs
      if (set.fault !== null) log.info(`The key set ${url} is read again`)
      set.fault = null
    } catch (error) {
      set.dueAtMs = nowMs() + Math.min(RETRY_MS, refreshMs)
      this.#tell(set, error)
    } finally {
      set.isAsking = false
    }
  }

  #take(set: KeySet, { status, text }: { status: number; text: string }): void {
    if (status !== 200) throw new ProviderError(`${set.remote.url} answered ${status}`)
    if (text === set.text) return
    set.keys = readKeySet(text)
    set.text = text
    this.#isStale = true
  }

  #tell(set: KeySet, error: unknown): void {
    const isExpected = error instanceof ProviderError || error instanceof CodedError
    const reason = isExpected ? error.message : String(error)
    if (reason === set.fault) return
    set.fault = reason
    const rest =
      set.keys === null ? 'no token of its routes is believed' : 'the last good one stays in force'
    const whom = reason.startsWith(set.remote.url) ? '' : `${set.remote.url} `
    this.#options.log.warn(`Cannot read a key set: ${whom}${reason}; ${rest}`)
  }

  async #republish(): Promise<void> {
    this.#isStale = false
    this.#isPublishing = true
    try {
      await this.#options.republish()
    } catch (error) {
      this.#isStale = true
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log.warn(`Cannot publish new keys: ${reason}; it is tried again`)
    } finally {
      this.#isPublishing = false
    }
  }
}

function newSet(remote: RemoteKeys): KeySet {
  return { remote, text: null, keys: null, dueAtMs: 0, isAsking: false, fault: null }
}

/** Each address once, asked for as often as the most impatient route wants. */
function remotesIn({ routes }: Pick<Config, 'routes'>): readonly RemoteKeys[] {
  const remotes = new Map<string, RemoteKeys>()
  for (const { token } of routes) {
    const keys = token.verification?.keys
    if (keys === undefined || !('url' in keys)) continue
    const known = remotes.get(keys.url)
    if (known === undefined || keys.refreshMs < known.refreshMs) remotes.set(keys.url, keys)
  }
  return [...remotes.values()]
}
