/**
 * Flags of any OpenFeature server provider, through `@openfeature/server-sdk`.
 *
 * Its evaluations are promises (11 µs each, and as long as the provider likes), so a request waits for one at most once,
 * and never longer than the deadline; what is said of a unit is kept for a while. Where a provider fails or is late, the
 * request goes to stable. An answer that comes late still counts for the requests after it.
 */

import { ErrorCode } from '@openfeature/core'
import type { Client, EvaluationContext, Provider } from '@openfeature/server-sdk'
import { type Attribute, SubjectContext } from './attributes.ts'
import type { FlagTally } from './counts.ts'
import { type FlagSubject, PENDING } from './evaluator.ts'
import { Memo } from './memo.ts'
import { variantOf, type VariantNames } from './value.ts'

export interface OpenFeatureOptions {
  /** Makes the provider; its failure is one of each evaluation. */
  readonly load: () => Promise<Provider>
  readonly deadlineMs: number
  /** How long an answer is fresh; as long again it is given while it is asked for anew. */
  readonly memoMs: number
  readonly memoLimit: number
  readonly variants: VariantNames
  /** What the provider is told of a request, beside its unit. */
  readonly attributes: readonly Attribute[]
  readonly tallyOf: (key: string) => FlagTally
  /** Milliseconds that never go back; a grain of 250 is enough. */
  readonly nowMs: () => number
  readonly after: (delayMs: number, run: () => void) => void
  /** Told what is wrong with the provider itself; null: nothing any more. */
  readonly tell: (fault: string | null) => void
}

/** Questions on the way at a time; with more, a request goes to stable at once. */
export const QUESTION_LIMIT = 1_000

/** A question that is not answered by then is not counted among them any more, milliseconds. */
export const QUESTION_MS = 30_000

/** How long a failure is taken for an answer, milliseconds: the provider is not asked with each request. */
export const FAILURE_MS = 1_000

/** Where a provider that fails leaves a request. */
const FALLBACK = 'stable'

/** What is the flag's or the rule's mistake, and not the provider's: the rule does not match. */
const NO_MATCH: ReadonlySet<string> = new Set([
  ErrorCode.FLAG_NOT_FOUND,
  ErrorCode.TYPE_MISMATCH,
  ErrorCode.TARGETING_KEY_MISSING,
  ErrorCode.INVALID_CONTEXT,
])

let domainCount = 0

export class OpenFeatureFlags {
  readonly #options: OpenFeatureOptions
  readonly #memo: Memo
  readonly #context = new SubjectContext()
  readonly #domain = `sluice-${++domainCount}`
  /** Callbacks of those who wait, by flag and unit. */
  readonly #waiting = new Map<string, (() => void)[]>()
  /** Flags whose values are texts. */
  readonly #texts = new Set<string>()
  readonly #client: Promise<Client>
  #questionCount = 0

  constructor(options: OpenFeatureOptions) {
    this.#options = options
    this.#memo = new Memo(options.memoLimit)
    this.#client = this.#open()
    this.#client.then(
      () => options.tell(null),
      (error: unknown) => options.tell(error instanceof Error ? error.message : String(error)),
    )
  }

  /** Loads the SDK too: few threads need it. */
  async #open(): Promise<Client> {
    const { OpenFeature } = await import('@openfeature/server-sdk')
    await OpenFeature.setProviderAndWait(this.#domain, await this.#options.load())
    return OpenFeature.getClient(this.#domain)
  }

  /** Lets the provider go; the SDK closes one that it has no use for. */
  close(): void {
    const drop = async (): Promise<void> => {
      const { OpenFeature, NOOP_PROVIDER } = await import('@openfeature/server-sdk')
      await this.#client.catch(() => undefined)
      OpenFeature.setProvider(this.#domain, NOOP_PROVIDER)
    }
    drop().catch((error: unknown) => this.#options.tell(String(error)))
  }

  evaluate(key: string, subject: FlagSubject): string | null | typeof PENDING {
    const { unit } = subject
    if (unit === null) return this.#note(key, null, 'no_unit')
    const name = `${key}\n${unit}`
    if (this.#waiting.has(name)) {
      const known = this.#memo.find(name, this.#options.nowMs())
      return known === undefined ? PENDING : this.#note(key, known.variant, known.reason)
    }
    const nowMs = this.#options.nowMs()
    const known = this.#memo.find(name, nowMs)
    const isFresh = known !== undefined && nowMs < known.freshUntilMs
    if (isFresh) return this.#note(key, known.variant, known.reason)
    if (this.#questionCount >= QUESTION_LIMIT) {
      return this.#note(key, known === undefined ? FALLBACK : known.variant, 'busy')
    }
    this.#context.fill(subject, this.#options.attributes)
    this.#ask(key, name, this.#context.values)
    return known === undefined ? PENDING : this.#note(key, known.variant, known.reason)
  }

  whenKnown(key: string, unit: string, onKnown: () => void): void {
    const waiting = this.#waiting.get(`${key}\n${unit}`)
    if (waiting === undefined) this.#options.after(0, onKnown)
    else waiting.push(onKnown)
  }

  #note(key: string, variant: string | null, reason: string): string | null {
    this.#options.tallyOf(key).note(variant, reason)
    return variant
  }

  #ask(key: string, name: string, context: EvaluationContext): void {
    this.#questionCount++
    this.#waiting.set(name, [])
    this.#options.after(this.#options.deadlineMs, () => {
      if (!this.#waiting.has(name)) return
      this.#keepFailure(name, 'timeout', FALLBACK)
      this.#wake(name)
    })
    let isOver = false
    const end = (): void => {
      if (!isOver) this.#questionCount--
      isOver = true
    }
    this.#options.after(QUESTION_MS, end)
    void this.#answer(key, name, context).finally(() => {
      end()
      this.#wake(name)
    })
  }

  /** Never rejects. */
  async #answer(key: string, name: string, context: EvaluationContext): Promise<void> {
    try {
      const client = await this.#client
      const details = await this.#evaluate(client, key, context)
      if (details.errorCode !== undefined) {
        const isMiss = NO_MATCH.has(details.errorCode)
        return this.#keepFailure(name, details.errorCode, isMiss ? null : FALLBACK)
      }
      const { value, variant = null, reason = 'UNKNOWN' } = details
      const { memoMs, variants } = this.#options
      this.#keep(name, variantOf({ value, variant }, variants), reason, memoMs)
    } catch {
      this.#keepFailure(name, 'provider_failed', FALLBACK)
    }
  }

  /** A flag is asked for as a switch, and from then on as a text where it is none. */
  async #evaluate(client: Client, key: string, context: EvaluationContext) {
    if (!this.#texts.has(key)) {
      const details = await client.getBooleanDetails(key, false, context)
      if (details.errorCode !== ErrorCode.TYPE_MISMATCH) return details
    }
    const details = await client.getStringDetails(key, '', context)
    if (details.errorCode === undefined && this.#texts.size < this.#options.memoLimit) {
      this.#texts.add(key)
    }
    return details
  }

  /** What was known before goes on while it may; only then the failure is the answer. */
  #keepFailure(name: string, reason: string, variant: string | null): void {
    const nowMs = this.#options.nowMs()
    const known = this.#memo.find(name, nowMs)
    if (known === undefined) return this.#keep(name, variant, reason, FAILURE_MS)
    const freshUntilMs = Math.min(nowMs + FAILURE_MS, known.staleUntilMs)
    this.#memo.keep(name, { ...known, freshUntilMs })
  }

  #keep(name: string, variant: string | null, reason: string, forMs: number): void {
    const nowMs = this.#options.nowMs()
    const freshUntilMs = nowMs + forMs
    this.#memo.keep(name, { variant, reason, freshUntilMs, staleUntilMs: freshUntilMs + forMs })
  }

  #wake(name: string): void {
    const waiting = this.#waiting.get(name)
    if (waiting === undefined) return
    this.#waiting.delete(name)
    for (const onKnown of waiting) onKnown()
  }
}
