/**
 * Why a rule could not be decided, or a unit not be read. Such a rule does not match; nothing becomes an error of the
 * user, and nobody comes to the canary by it. Counted by reason, in the order of this list.
 */

export const COHORT_FAULTS = [
  /** A value that a regular expression should look at is longer than it may be. */
  'valueTooLong',
  /** Compared by version, and not a semantic version. */
  'notVersion',
  /** Compared by number, and not a decimal number. */
  'notNumber',
  /** Not a signed JWT of three parts that can be decoded. */
  'tokenMalformed',
  'tokenTooLong',
  'tokenExpired',
  /** Before its `nbf`. */
  'tokenEarly',
  /** Signed by an algorithm that the route does not take, or not signed. */
  'tokenAlgorithm',
  /** Signed by a key that is not in the set. */
  'tokenKey',
  /** The signature is not its key's. */
  'tokenSignature',
  'tokenIssuer',
  'tokenAudience',
  /** The key set has not been read yet. */
  'tokenNoKeys',
] as const

export type CohortFault = (typeof COHORT_FAULTS)[number]

/** Place of each fault in the tally. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each of them
export const COHORT_FAULT_INDEX: Readonly<Record<CohortFault, number>> = Object.fromEntries(
  COHORT_FAULTS.map((name, index) => [name, index]),
) as Record<CohortFault, number>
