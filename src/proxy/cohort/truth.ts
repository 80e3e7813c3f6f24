/**
 * What a condition says of a request: yes, no, or that it cannot be known. Hot.
 *
 * Three values (Kleene's), since a token that is forged must not become a yes by standing under a `not`, nor by the
 * order in which conditions are written. Only a yes makes a rule match.
 */

export const NO = 0
export const YES = 1
/** What should be compared cannot be read; the reason has been counted. */
export const UNKNOWN = 2
export type Truth = typeof NO | typeof YES | typeof UNKNOWN

export function truthOf(isSo: boolean): Truth {
  return isSo ? YES : NO
}

export function negation(truth: Truth): Truth {
  if (truth === UNKNOWN) return UNKNOWN
  return truth === YES ? NO : YES
}
