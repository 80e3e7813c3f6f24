/**
 * Flags by flagd's definitions, evaluated in this process and at once by `@openfeature/flagd-core`.
 *
 * Its `resolve` methods want to be told a type beforehand; a rule takes what there is, so the flag itself is asked.
 * Dynamic code generation is off: it was no faster (697 against 677 ns), and definitions come from outside.
 */

import { ErrorCode } from '@openfeature/core'
import { type FeatureFlag, FlagdCore } from '@openfeature/flagd-core'
import { type FlagContext, isAscii, overBytes, withBytes } from './bytes.ts'
import { expand, isObject } from './references.ts'

/** Of one flag for one context, as OpenFeature tells it. */
export interface FlagDetails {
  /** Undefined: the caller's own default. */
  readonly value: unknown
  readonly variant: string | null
  readonly reason: string
  readonly errorCode: string | null
  readonly metadata: Readonly<Record<string, string | number | boolean>>
}

/** Definitions of one source. */
export class FlagdFlags {
  readonly #flags: ReadonlyMap<string, FlagdFlag>

  /** Throws an `Error` with what is wrong where these are no definitions. */
  constructor(definitions: string) {
    const content = expand(definitions)
    const { flags } = content
    if (!isObject(flags)) throw new Error('has no "flags", or they are no JSON object')
    const core = coreOf(content)
    this.#flags = new Map(
      [...core.getFlags()].map(([key, flag]) => [key, new FlagdFlag(flag, flags[key], content)]),
    )
  }

  get keys(): readonly string[] {
    return [...this.#flags.keys()]
  }

  find(key: string): FlagdFlag | undefined {
    return this.#flags.get(key)
  }
}

export class FlagdFlag {
  /** As JSON: what it names can be looked for. */
  readonly targeting: unknown
  readonly isEnabled: boolean
  readonly #flag: FeatureFlag
  /** Text beyond ASCII stands in the definition itself. */
  readonly #needsBytes: boolean
  readonly #definition: unknown
  readonly #metadata: unknown
  #overBytes: FeatureFlag | null = null

  constructor(flag: FeatureFlag, definition: unknown, content: Readonly<Record<string, unknown>>) {
    this.#flag = flag
    this.#definition = definition
    this.#metadata = content['metadata']
    this.targeting = isObject(definition) ? definition['targeting'] : undefined
    this.isEnabled = flag.state === 'ENABLED'
    this.#needsBytes = !isAscii(flag.key) || !isAscii(JSON.stringify(definition))
  }

  /** Whether its targeting can be evaluated at all. */
  get isSound(): boolean {
    return this.#flag.evaluate({}, SILENT).errorCode !== ErrorCode.PARSE_ERROR
  }

  /** `isPlain`: all text in the context is ASCII. */
  details(context: FlagContext, isPlain: boolean): FlagDetails {
    if (!this.isEnabled) return this.#answer(undefined, null, 'DISABLED')
    const isUsual = isPlain && !this.#needsBytes
    const found = isUsual
      ? this.#flag.evaluate(context, SILENT)
      : this.#bytesFlag().evaluate(withBytes(context), SILENT)
    return {
      value: found.value,
      variant: found.variant ?? null,
      reason: found.reason,
      errorCode: found.errorCode ?? null,
      metadata: this.#flag.metadata,
    }
  }

  #answer(value: unknown, variant: string | null, reason: string): FlagDetails {
    return { value, variant, reason, errorCode: null, metadata: this.#flag.metadata }
  }

  /** Compiled when it is first needed: few are. */
  #bytesFlag(): FeatureFlag {
    if (this.#overBytes !== null) return this.#overBytes
    const { key } = this.#flag
    const definition = isObject(this.#definition) ? { ...this.#definition } : {}
    if (definition['targeting'] !== undefined) {
      definition['targeting'] = overBytes(definition['targeting'], key)
    }
    const core = coreOf({ flags: { [key]: definition }, metadata: this.#metadata })
    this.#overBytes = core.getFlag(key)!
    return this.#overBytes
  }
}

function coreOf(content: Readonly<Record<string, unknown>>): FlagdCore {
  const core = new FlagdCore(undefined, SILENT, { disableDynamicCodeGeneration: true })
  try {
    core.setConfigurations(JSON.stringify(content))
  } catch (error) {
    // What it throws says no more than that something is wrong; its cause says what.
    const inner: unknown = error instanceof Error ? error.cause : undefined
    throw inner instanceof Error ? inner : error
  }
  return core
}

/** What it tells stands in its answers too. */
const SILENT = { error() {}, warn() {}, info() {}, debug() {} }
