/**
 * What a rule asks of flags: which variant does this flag name for this subject? Hot: once for each rule that asks.
 *
 * Never throws and never asks anybody who is away: a flag that cannot be evaluated names no variant, so that its rule
 * does not match. What has to be waited for answers `PENDING`; rejected: a promise, which each answer would pay for
 * although nearly all are known at once.
 */

/** The answer is not known yet; `whenKnown` says when it is. */
export const PENDING: unique symbol = Symbol('pending')

/** Whom a flag is evaluated for. */
export interface FlagSubject {
  /** UTF-8 bytes in a latin1 string, as the coin hashes it; null: the request has none. */
  readonly unit: string | null
  /**
   * A fact about the request, null where it has none: `method`, `path`, `host`, `address`, `header.NAME` (lower case),
   * `cookie.NAME`, `query.NAME`, `claim.NAME`. Other names are null too.
   */
  attribute(name: string): string | null
}

export interface FlagEvaluator {
  /** Returns a variant's name, null where the rule does not match, or `PENDING`. */
  evaluate(provider: string, key: string, subject: FlagSubject): string | null | typeof PENDING
  /** Whether it has been switched off for everybody: who was given it and is not sent yet goes to stable. */
  isOff(provider: string, key: string): boolean
  /**
   * Calls back once what was pending is known, at the latest after the provider's deadline, and never at once: `evaluate`
   * then answers for the same flag and unit without `PENDING`. Not to be undone: the caller knows what has become stale.
   */
  whenKnown(provider: string, key: string, unit: string, onKnown: () => void): void
}

/** Knows no flag. */
export const NO_FLAGS: FlagEvaluator = {
  evaluate: () => null,
  isOff: () => false,
  whenKnown: () => undefined,
}
