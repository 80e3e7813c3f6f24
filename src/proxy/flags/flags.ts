/**
 * The flags of one thread: every provider of the snapshot, compiled, and what was evaluated counted.
 *
 * They outlive snapshots: a provider that has not changed is neither parsed again nor asked anew.
 */

import type { Provider } from '@openfeature/server-sdk'
import type { FlagProvider, Flags } from '../snapshot.ts'
import { type Attribute, attributesIn, SubjectContext } from './attributes.ts'
import { type FlagCount, FlagCounts, type FlagTally } from './counts.ts'
import { type FlagEvaluator, type FlagSubject, PENDING } from './evaluator.ts'
import { type FlagdFlag, FlagdFlags } from './flagd.ts'
import { OpenFeatureFlags } from './openfeature.ts'
import { type CompiledRamp, compileRamp, rampVariant } from './ramp.ts'
import { variantOf, type VariantNames } from './value.ts'

export interface ThreadFlagsOptions {
  /** Milliseconds that never go back. */
  readonly nowMs: () => number
  readonly after: (delayMs: number, run: () => void) => void
  /** Imports a module by its URL; its default export. */
  readonly load: (module: string) => Promise<unknown>
  readonly report: (error: unknown) => void
}

/** What is wrong with a provider; null: nothing any more. */
export interface FlagFault {
  readonly provider: string
  readonly fault: string | null
}

/** What has happened for a while. */
export interface FlagReport {
  readonly counts: readonly FlagCount[]
  readonly faults: readonly FlagFault[]
}

interface InForce {
  /** What it was made from. */
  readonly content: string
  readonly asked: Asked
  readonly off: ReadonlySet<string>
}

interface Asked {
  evaluate(key: string, subject: FlagSubject): string | null | typeof PENDING
  whenKnown(key: string, unit: string, onKnown: () => void): void
  close(): void
}

export class ThreadFlags implements FlagEvaluator {
  readonly #options: ThreadFlagsOptions
  readonly #counts = new FlagCounts()
  /** By name. */
  #providers = new Map<string, InForce>()
  #faults: FlagFault[] = []

  constructor(options: ThreadFlagsOptions) {
    this.#options = options
  }

  /** From now on these are evaluated. */
  use({ providers, attributes }: Flags): void {
    const before = this.#providers
    this.#providers = new Map()
    for (const provider of providers) {
      const content = JSON.stringify([provider, attributes])
      const known = before.get(provider.name)
      const isSame = known?.content === content
      if (isSame) before.delete(provider.name)
      const asked = isSame ? known.asked : this.#compile(provider, attributes)
      const { source } = provider
      const off = new Set(source.kind === 'flagd' ? source.off : [])
      this.#providers.set(provider.name, { content, asked, off })
    }
    for (const { asked } of before.values()) asked.close()
  }

  evaluate(provider: string, key: string, subject: FlagSubject): string | null | typeof PENDING {
    const known = this.#providers.get(provider)
    if (known !== undefined) return known.asked.evaluate(key, subject)
    this.#counts.of(provider, key).note(null, 'provider_not_found')
    return null
  }

  whenKnown(provider: string, key: string, unit: string, onKnown: () => void): void {
    const known = this.#providers.get(provider)
    if (known === undefined) this.#options.after(0, onKnown)
    else known.asked.whenKnown(key, unit, onKnown)
  }

  isOff(provider: string, key: string): boolean {
    return this.#providers.get(provider)?.off.has(key) ?? false
  }

  /** What has happened since the last call; null: nothing. */
  take(): FlagReport | null {
    const counts = this.#counts.take()
    const faults = this.#faults.splice(0)
    return counts.length === 0 && faults.length === 0 ? null : { counts, faults }
  }

  close(): void {
    for (const { asked } of this.#providers.values()) asked.close()
    this.#providers.clear()
  }

  #compile({ name, variants, source }: FlagProvider, attributes: Flags['attributes']): Asked {
    const { nowMs, after, load, report } = this.#options
    const names = new Map(Object.entries(variants))
    const tallyOf = (key: string) => this.#counts.of(name, key)
    if (source.kind === 'flagd') {
      const ramps = new Map(source.ramps.map((ramp) => [ramp.key, compileRamp(ramp)]))
      const flags = compileDefinitions(source.definitions, report)
      return new FlagdProvider({ flags, names, attributes, ramps, tallyOf, after })
    }
    const { module, options, deadlineMs, memoMs, memoLimit } = source
    return new OpenFeatureFlags({
      load: async () => providerOf(await load(module), JSON.parse(options)),
      deadlineMs,
      memoMs,
      memoLimit,
      variants: names,
      attributes: Object.entries(attributes).map(([path, from]) => ({
        source: from,
        path: path.split('.'),
      })),
      tallyOf,
      nowMs,
      after,
      tell: (fault) => this.#faults.push({ provider: name, fault }),
    })
  }
}

/** Control has tried them; should they fail here all the same, no rule of theirs matches. */
function compileDefinitions(definitions: string, report: (error: unknown) => void): FlagdFlags {
  try {
    return new FlagdFlags(definitions)
  } catch (error) {
    report(error)
    return new FlagdFlags('{"flags":{}}')
  }
}

async function providerOf(exported: unknown, options: unknown): Promise<Provider> {
  const made: unknown = typeof exported === 'function' ? await exported(options) : exported
  if (isProvider(made)) return made
  throw new Error('the default export of the module is no OpenFeature provider, and makes none')
}

function isProvider(value: unknown): value is Provider {
  return (
    typeof value === 'object' &&
    value !== null &&
    'resolveBooleanEvaluation' in value &&
    'resolveStringEvaluation' in value
  )
}

interface FlagdProviderOptions {
  readonly flags: FlagdFlags
  readonly names: VariantNames
  readonly attributes: Flags['attributes']
  readonly ramps: ReadonlyMap<string, CompiledRamp>
  readonly tallyOf: (key: string) => FlagTally
  readonly after: (delayMs: number, run: () => void) => void
}

interface BoundFlag {
  readonly flag: FlagdFlag
  readonly attributes: readonly Attribute[]
  readonly ramp: CompiledRamp | null
  readonly tally: FlagTally
}

/** One source of definitions. Hot. */
class FlagdProvider implements Asked {
  readonly #options: FlagdProviderOptions
  /** Those that were asked for; null: there is none. */
  readonly #bound = new Map<string, BoundFlag | null>()
  readonly #context = new SubjectContext()

  constructor(options: FlagdProviderOptions) {
    this.#options = options
  }

  evaluate(key: string, subject: FlagSubject): string | null {
    const bound = this.#bound.get(key) ?? this.#bind(key)
    if (bound === null) {
      this.#options.tallyOf(key).note(null, 'flag_not_found')
      return null
    }
    this.#context.fill(subject, bound.attributes)
    const details = bound.flag.details(this.#context.values, this.#context.isPlain)
    const named = variantOf(details, this.#options.names)
    if (bound.ramp !== null && named === 'canary') {
      const variant = rampVariant(bound.ramp, subject)
      bound.tally.note(variant, 'split')
      return variant
    }
    bound.tally.note(named, reasonOf(details, named))
    return named
  }

  whenKnown(_key: string, _unit: string, onKnown: () => void): void {
    this.#options.after(0, onKnown)
  }

  close(): void {}

  #bind(key: string): BoundFlag | null {
    const { flags, attributes, ramps, tallyOf } = this.#options
    const flag = flags.find(key)
    const bound =
      flag === undefined
        ? null
        : {
            flag,
            attributes: attributesIn(flag.targeting, attributes),
            ramp: ramps.get(key) ?? null,
            tally: tallyOf(key),
          }
    this.#bound.set(key, bound)
    return bound
  }
}

function reasonOf(
  { errorCode, reason, value }: ReturnType<FlagdFlag['details']>,
  named: string | null,
): string {
  if (errorCode !== null) return errorCode
  return named === null && value !== undefined ? 'TYPE_MISMATCH' : reason
}
