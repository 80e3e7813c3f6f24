/**
 * Where flagd's definitions come from: files that are looked at, addresses that are asked, the configuration itself.
 *
 * Definitions count once they have been tried; those that cannot be used leave the last good ones in force, are logged
 * once, counted and shown. A file's content is hashed rather than watched by the kernel, as the configuration's is, and
 * counts once it was read twice alike. Its first reading counts at once, so that a start has its flags.
 */

import { setImmediate } from 'node:timers/promises'
import { FlagdFlags } from '../../proxy/flags/flagd.ts'
import type { FlagdConfig } from '../config/flags.ts'
import type { Log } from '../log.ts'
import { type Answered, DefinitionsPoll, readDefinitions } from './read.ts'

/** How many flags are looked at before others have their turn. */
const FLAGS_A_TURN = 20

/** Between two looks at a file. */
const LOOK_MS = 1_000

export interface SourceState {
  readonly flagCount: number
  /** Flags whose targeting cannot be evaluated; they name no variant. */
  readonly unsound: readonly string[]
  /** When definitions were last taken; null: never. */
  readonly loadedAtMs: number | null
  /** Why the newest ones are not in force; null: they are. */
  readonly fault: string | null
  /** Since the process started. */
  readonly failureCount: number
}

export interface SourceOptions {
  /** For the log. */
  readonly name: string
  readonly config: FlagdConfig
  /** Whose definitions are in force until there are others; null: nobody's. */
  readonly before: Pick<FlagSource, 'definitions' | 'flags'> | null
  readonly nowMs: () => number
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  /** Between two looks at a file, milliseconds; default 1000. */
  readonly lookMs?: number
  /** Other definitions are in force. */
  readonly onChange: () => void
}

const NO_DEFINITIONS = '{"flags":{}}'

/** The definitions of one provider. */
export class FlagSource {
  readonly #options: SourceOptions
  readonly #poll: DefinitionsPoll | null
  #definitions: string
  #flags: FlagdFlags
  #state: SourceState = {
    flagCount: 0,
    unsound: [],
    loadedAtMs: null,
    fault: null,
    failureCount: 0,
  }
  /** What was found at the last look, and what was told of last. */
  #found: Answered | null = null
  #told: Answered | null = null
  #timer: NodeJS.Timeout | undefined
  /** Settles once it was asked for the first time. */
  readonly ready: Promise<void>

  constructor(options: SourceOptions) {
    this.#options = options
    const { config, before, lookMs = LOOK_MS } = options
    this.#definitions = before?.definitions ?? NO_DEFINITIONS
    this.#flags = before?.flags ?? new FlagdFlags(NO_DEFINITIONS)
    this.#poll = config.kind === 'url' ? new DefinitionsPoll(config.url) : null
    if (config.kind === 'url') {
      this.ready = this.#ask()
      this.#timer = setInterval(() => void this.#ask(), config.intervalMs).unref()
    } else {
      this.ready = Promise.resolve()
      this.#take(this.#read())
      if (config.kind === 'file') {
        this.#timer = setInterval(() => this.#look(), lookMs).unref()
      }
    }
  }

  /** Those in force: JSON. */
  get definitions(): string {
    return this.#definitions
  }

  /** The same, to be evaluated here. */
  get flags(): FlagdFlags {
    return this.#flags
  }

  get state(): SourceState {
    return this.#state
  }

  close(): void {
    clearInterval(this.#timer)
    void this.#poll?.close()
  }

  #read(): Answered {
    const { config } = this.#options
    if (config.kind === 'inline') return { text: config.definitions }
    return config.kind === 'file' ? readDefinitions(config.file) : { fault: 'is not asked yet' }
  }

  #look(): void {
    const found = this.#read()
    const isTwice = isSame(found, this.#found)
    this.#found = found
    if (isTwice && this.#take(found)) this.#options.onChange()
  }

  async #ask(): Promise<void> {
    const answered = await this.#poll!.ask()
    if (answered !== null && this.#take(answered)) this.#options.onChange()
  }

  /** Returns whether other definitions are in force now. */
  #take(found: Answered): boolean {
    const { nowMs, name, log } = this.#options
    if (isSame(found, this.#told)) return false
    this.#told = found
    if (found.text === undefined) return this.#refuse(found.fault)
    let flags: FlagdFlags
    try {
      flags = new FlagdFlags(found.text)
    } catch (error) {
      return this.#refuse(error instanceof Error ? error.message : String(error))
    }
    const isOther = found.text !== this.#definitions
    this.#definitions = found.text
    this.#flags = flags
    this.#state = {
      ...this.#state,
      flagCount: flags.keys.length,
      unsound: [],
      loadedAtMs: nowMs(),
      fault: null,
    }
    void this.#warnOfUnsound(flags)
    log.info(`Flags of "${name}" are loaded: ${flags.keys.length}`)
    return isOther
  }

  /** A few at a time, since each is compiled for it. */
  async #warnOfUnsound(flags: FlagdFlags): Promise<void> {
    const { name, log } = this.#options
    for (const [i, key] of flags.keys.entries()) {
      if (i % FLAGS_A_TURN === 0) await setImmediate()
      if (flags !== this.#flags) return
      if (flags.find(key)!.isSound) continue
      this.#state = { ...this.#state, unsound: [...this.#state.unsound, key] }
      log.warn(`Flag "${key}" of "${name}" cannot be evaluated: its targeting is not JSON logic`)
    }
  }

  #refuse(fault: string): false {
    const { name, log } = this.#options
    const { failureCount, loadedAtMs } = this.#state
    this.#state = { ...this.#state, fault, failureCount: failureCount + 1 }
    const meanwhile =
      loadedAtMs === null ? 'there are none yet' : 'the last good ones stay in force'
    log.error(`Flags of "${name}" cannot be loaded: ${fault}; ${meanwhile}`)
    return false
  }
}

function isSame(a: Answered, b: Answered | null): boolean {
  return b !== null && a.text === b.text && a.fault === b.fault
}
