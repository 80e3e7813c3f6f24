/**
 * The flags of the control plane: every provider of the configuration and Sluice's own, what the threads get of them, what
 * the threads tell, and what OFREP is answered from.
 */

import type { FlagReport } from '../../proxy/flags/flags.ts'
import { FlagdFlags } from '../../proxy/flags/flagd.ts'
import type { Flags } from '../../proxy/snapshot.ts'
import type { Config } from '../config/config.ts'
import type { FlagdConfig, FlagProviderConfig } from '../config/flags.ts'
import { OWN_PROVIDER } from '../config/schema-flags.ts'
import type { Log } from '../log.ts'
import type { RouteTarget } from '../rollout/engine.ts'
import type { Flagship } from './evaluate.ts'
import type { OwnFlags } from './own-flags.ts'
import { FlagSource, type SourceState } from './sources.ts'

/** Rows of evaluations that are kept; what comes after them is one row a provider. */
export const EVALUATION_ROWS = 10_000

/** How long a start waits for definitions from elsewhere, milliseconds. */
const START_MS = 3_000

export interface FlagControlOptions {
  readonly config: () => Config
  readonly own: OwnFlags
  readonly targets: () => readonly RouteTarget[]
  readonly nowMs: () => number
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  /** Other definitions are in force: the threads want them. */
  readonly onChange: () => void
}

export interface ProviderState extends Pick<SourceState, 'flagCount' | 'loadedAtMs' | 'fault'> {
  readonly name: string
  readonly kind: FlagProviderConfig['source']['kind'] | 'own'
  readonly failureCount: number
}

export interface EvaluationRow {
  readonly labels: {
    readonly provider: string
    readonly flag: string
    readonly variant: string
    readonly reason: string
  }
  readonly value: number
}

export class FlagControl {
  readonly #options: FlagControlOptions
  /** By what they were made from. */
  readonly #sources = new Map<string, FlagSource>()
  readonly #newest = new Map<string, FlagSource>()
  readonly #rows = new Map<string, { -readonly [Key in keyof EvaluationRow]: EvaluationRow[Key] }>()
  /** What threads say of providers that they load themselves. */
  readonly #faults = new Map<string, string | null>()
  readonly #failureCounts = new Map<string, number>()
  #own: { readonly definitions: string; readonly flags: FlagdFlags } | null = null
  #isOpen = false

  constructor(options: FlagControlOptions) {
    this.#options = options
  }

  /** Asks every source for the first time; resolves when all have answered, or after three seconds. */
  async open(): Promise<void> {
    const { providers } = this.#options.config().flags
    const sources = providers.map(async (provider) => this.#obtain(provider)?.ready)
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, START_MS)
    await Promise.race([Promise.all(sources), promise])
    clearTimeout(timer)
    this.#isOpen = true
  }

  /** What the threads get with a snapshot. */
  compile(config: Config, targets: readonly RouteTarget[]): Flags {
    const { attributes, providers } = config.flags
    const compiled = providers.map((provider) => {
      const { name, variants, source } = provider
      if (source.kind === 'openFeature') return { name, variants, source }
      const { definitions } = this.#obtain(provider)!
      return { name, variants, source: { kind: 'flagd' as const, definitions, ramps: [], off: [] } }
    })
    // Also of the configuration in force: it stays where this one cannot be taken.
    this.#retain([...providers, ...this.#options.config().flags.providers])
    return { attributes, providers: [...compiled, this.#options.own.compile(targets)] }
  }

  /** A thread has evaluated flags, or met a provider that fails. */
  hear({ counts, faults }: FlagReport): void {
    for (const { provider, flag, variant, reason, count } of counts) {
      this.#rowOf({ provider, flag, variant, reason }).value += count
    }
    for (const { provider, fault } of faults) {
      const before = this.#faults.get(provider)
      this.#faults.set(provider, fault)
      if (fault === null) continue
      this.#failureCounts.set(provider, (this.#failureCounts.get(provider) ?? 0) + 1)
      if (fault === before) continue
      this.#options.log.error(`Flags of "${provider}" cannot be loaded: ${fault}`)
    }
  }

  evaluations(): readonly EvaluationRow[] {
    return [...this.#rows.values()]
  }

  /** Those of the configuration, then Sluice's own. */
  providers(): readonly ProviderState[] {
    const { config, own } = this.#options
    const configured = config().flags.providers.map((provider): ProviderState => {
      const { name, source } = provider
      const state = this.#obtain(provider)?.state
      if (state === undefined) {
        const fault = this.#faults.get(name) ?? null
        const failureCount = this.#failureCounts.get(name) ?? 0
        return { name, kind: source.kind, flagCount: 0, loadedAtMs: null, fault, failureCount }
      }
      const { flagCount, loadedAtMs, fault, failureCount } = state
      return { name, kind: source.kind, flagCount, loadedAtMs, fault, failureCount }
    })
    const flagCount = own.list().length
    const state = { flagCount, loadedAtMs: null, fault: null, failureCount: 0 }
    return [...configured, { name: OWN_PROVIDER, kind: 'own', ...state }]
  }

  /** What OFREP is answered from. */
  flagship(): Flagship {
    const { config, own, targets } = this.#options
    const now = targets()
    const { definitions, ramps } = own.compile(now).source
    if (this.#own?.definitions !== definitions) {
      this.#own = { definitions, flags: new FlagdFlags(definitions) }
    }
    const configured = config().flags.providers.flatMap((provider) => {
      const flags = this.#obtain(provider)?.flags
      return flags === undefined ? [] : [{ flags, ramps: [] }]
    })
    return { definitions: [{ flags: this.#own.flags, ramps }, ...configured], targets: now }
  }

  close(): void {
    for (const source of this.#sources.values()) source.close()
    this.#sources.clear()
  }

  /** Null where the threads load it themselves. */
  #obtain({ name, source }: FlagProviderConfig): FlagSource | null {
    if (source.kind === 'openFeature') return null
    const content = contentOf(name, source)
    let known = this.#sources.get(content)
    if (known === undefined) {
      const { nowMs, log, onChange } = this.#options
      const onOther = (): void => {
        if (this.#isOpen) onChange()
      }
      const before = this.#newest.get(name) ?? null
      known = new FlagSource({ name, config: source, before, nowMs, log, onChange: onOther })
      this.#newest.set(name, known)
      this.#sources.set(content, known)
    }
    return known
  }

  #retain(providers: readonly FlagProviderConfig[]): void {
    const kept = new Set(
      providers.flatMap(({ name, source }) =>
        source.kind === 'openFeature' ? [] : [contentOf(name, source)],
      ),
    )
    for (const [content, source] of this.#sources) {
      if (kept.has(content)) continue
      source.close()
      this.#sources.delete(content)
      for (const [name, newest] of this.#newest) if (newest === source) this.#newest.delete(name)
    }
  }

  #rowOf(labels: EvaluationRow['labels']): { value: number } {
    const isFull = this.#rows.size >= EVALUATION_ROWS
    const name = JSON.stringify(labels)
    const known = this.#rows.get(name)
    if (known !== undefined) return known
    if (isFull && labels.flag !== 'other') {
      return this.#rowOf({ ...labels, flag: 'other', variant: 'other', reason: 'other' })
    }
    const row = { labels, value: 0 }
    this.#rows.set(name, row)
    return row
  }
}

function contentOf(name: string, source: FlagdConfig): string {
  return JSON.stringify([name, source])
}
