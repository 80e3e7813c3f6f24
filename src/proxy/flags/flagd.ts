/**
 * Flags by flagd's definitions, evaluated in this process and at once by `@openfeature/flagd-core`.
 *
 * Of it the flag alone is used. Its set of flags hashes each of them to tell what has changed (0.7 s for 3 000 flags, in which
 * no request would be served), and wants to be told a type beforehand, where a rule takes what there is. Dynamic code
 * generation is off: it was no faster (697 against 677 ns), and definitions come from outside.
 */

import { ErrorCode } from '@openfeature/core'
import { FeatureFlag } from '@openfeature/flagd-core'
import { type FlagContext, isAscii, overBytes, withBytes } from './bytes.ts'
import { expand, isDeeper, isObject } from './references.ts'

/** Of one flag for one context, as OpenFeature tells it. */
export interface FlagDetails {
  /** Undefined: the caller's own default. */
  readonly value: unknown
  readonly variant: string | null
  readonly reason: string
  readonly errorCode: string | null
  readonly metadata: Readonly<Record<string, string | number | boolean>>
}

/** Definitions of one source. A flag is compiled when it is first asked for: 150 µs each, and few of many are. */
export class FlagdFlags {
  readonly #definitions: ReadonlyMap<string, Definition>
  readonly #metadata: Readonly<Record<string, unknown>>
  readonly #flags = new Map<string, FlagdFlag>()

  /** Throws an `Error` with what is wrong where these are no definitions. */
  constructor(definitions: string) {
    const { flags, metadata } = expand(definitions)
    if (!isObject(flags)) throw new Error('has no "flags", or they are no JSON object')
    this.#definitions = new Map(
      Object.entries(flags).map(([key, definition]) => [key, checked(key, definition)]),
    )
    this.#metadata = isObject(metadata) ? metadata : {}
  }

  get keys(): readonly string[] {
    return [...this.#definitions.keys()]
  }

  find(key: string): FlagdFlag | undefined {
    const known = this.#flags.get(key)
    if (known !== undefined) return known
    const definition = this.#definitions.get(key)
    if (definition === undefined) return undefined
    const own = isObject(definition['metadata']) ? definition['metadata'] : {}
    const flag = new FlagdFlag(key, { ...definition, metadata: { ...this.#metadata, ...own } })
    this.#flags.set(key, flag)
    return flag
  }
}

/** Levels of a definition: what looks at it does so level by level, each a call within the other. */
const DEPTH = 100

type Definition = Readonly<Record<string, unknown>>

/** What flagd-core asks of every flag; all else it finds out when the flag is evaluated. */
function checked(key: string, definition: unknown): Definition {
  const doing = `flag ${JSON.stringify(key)}`
  if (!isObject(definition)) throw new Error(`${doing} is no JSON object`)
  if (isDeeper(definition, DEPTH)) throw new Error(`${doing} is nested deeper than ${DEPTH}`)
  const { state, variants, defaultVariant } = definition
  if (state !== 'ENABLED' && state !== 'DISABLED') {
    const found = JSON.stringify(state)
    throw new Error(`${doing} has the state ${found}; ENABLED and DISABLED are possible`)
  }
  if (!isObject(variants)) throw new Error(`${doing} has no variants`)
  if (defaultVariant !== undefined && defaultVariant !== null && defaultVariant !== '') {
    if (typeof defaultVariant !== 'string' || !Object.hasOwn(variants, defaultVariant)) {
      const found = JSON.stringify(defaultVariant)
      throw new Error(`${doing} has no variant ${found}, which is its default`)
    }
  }
  return definition
}

export class FlagdFlag {
  /** As JSON: what it names can be looked for. */
  readonly targeting: unknown
  readonly isEnabled: boolean
  readonly #flag: FeatureFlag
  /** Text beyond ASCII stands in the definition itself. */
  readonly #needsBytes: boolean
  readonly #definition: Definition
  #overBytes: FeatureFlag | null = null

  constructor(key: string, definition: Definition) {
    this.#flag = compile(key, definition)
    this.#definition = definition
    this.targeting = definition['targeting']
    this.isEnabled = definition['state'] === 'ENABLED'
    this.#needsBytes = !isAscii(key) || !isAscii(JSON.stringify(definition))
  }

  /** Whether its targeting can be evaluated at all. */
  get isSound(): boolean {
    return this.#flag.evaluate({}, SILENT).errorCode !== ErrorCode.PARSE_ERROR
  }

  /** `isPlain`: all text in the context is ASCII. */
  details(context: FlagContext, isPlain: boolean): FlagDetails {
    if (!this.isEnabled) return this.#nothing('DISABLED', null)
    const found = this.#evaluate(context, isPlain && !this.#needsBytes)
    if (found === null) return this.#nothing('ERROR', 'GENERAL')
    return {
      value: found.value,
      variant: found.variant ?? null,
      reason: found.reason,
      errorCode: found.errorCode ?? null,
      metadata: this.#flag.metadata,
    }
  }

  /** Null where it throws, as flagd-core does when targeting ends in an object. */
  #evaluate(context: FlagContext, isUsual: boolean): ReturnType<FeatureFlag['evaluate']> | null {
    try {
      if (isUsual) return this.#flag.evaluate(context, SILENT)
      return this.#bytesFlag().evaluate(withBytes(context), SILENT)
    } catch {
      return null
    }
  }

  #nothing(reason: string, errorCode: string | null): FlagDetails {
    return { value: undefined, variant: null, reason, errorCode, metadata: this.#flag.metadata }
  }

  /** Compiled when it is first needed: few are. */
  #bytesFlag(): FeatureFlag {
    const { key } = this.#flag
    const { targeting } = this
    this.#overBytes ??= compile(key, {
      ...this.#definition,
      ...(targeting !== undefined && { targeting: overBytes(targeting, key) }),
    })
    return this.#overBytes
  }
}

function compile(key: string, definition: Definition): FeatureFlag {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked as far as flagd-core relies on it
  const flag = definition as unknown as ConstructorParameters<typeof FeatureFlag>[1]
  return new FeatureFlag(key, flag, SILENT, { disableDynamicCodeGeneration: true })
}

/** What it tells stands in its answers too. */
const SILENT = { error() {}, warn() {}, info() {}, debug() {} }
