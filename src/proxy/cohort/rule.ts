/**
 * Cohort rules as control tells them: who goes to which variant, whatever the coin says.
 *
 * Plain data, so that it crosses to the threads; `rules.ts` compiles it. All texts are Unicode, and bounded by the
 * configuration (`control/config/schema-rule.ts`).
 */

/** The first rule that matches decides, and where none does, the coin. */
export interface Rule {
  /** Null: every request. */
  readonly when: Condition | null
  readonly decision: Decision
}

export type Decision =
  /** `variant`: `stable` or `canary`; one that the route does not have at the time is `stable`. */
  | { readonly kind: 'to'; readonly variant: string }
  /** As the flag says; where it names no variant the rule does not match. */
  | { readonly kind: 'flag'; readonly provider: string; readonly key: string }

export type Condition =
  | { readonly kind: 'all'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'any'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }
  | { readonly kind: 'method'; readonly methods: readonly string[] }
  /** Of the client: addresses and CIDR ranges. */
  | { readonly kind: 'address'; readonly ranges: readonly string[] }
  /** The target without its query, as it was sent. */
  | { readonly kind: 'path'; readonly tests: readonly ValueTest[] }
  | NamedCondition

/** About the first header field, cookie or query parameter of that name, or a claim of the token. */
export interface NamedCondition {
  readonly kind: 'header' | 'cookie' | 'query' | 'claim'
  /** Headers in lower case, all others as they are; a claim's may lead into others by dots. */
  readonly name: string
  /** False: it must not be there, and then there are no tests. True: where there are tests, all must hold. */
  readonly isPresent: boolean
  readonly tests: readonly ValueTest[]
}

export type ValueTest =
  | {
      readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains'
      readonly value: string
      readonly ignoresCase: boolean
    }
  /** Of a path: this one and all below it. */
  | { readonly kind: 'below'; readonly value: string; readonly ignoresCase: boolean }
  | { readonly kind: 'in'; readonly values: readonly string[]; readonly ignoresCase: boolean }
  /** RE2 syntax; found anywhere unless anchored. */
  | { readonly kind: 'regex'; readonly source: string; readonly ignoresCase: boolean }
  /** A semantic version within any of these. */
  | { readonly kind: 'semver'; readonly ranges: readonly (readonly VersionBound[])[] }
  /** A decimal number within all of these. */
  | { readonly kind: 'number'; readonly bounds: readonly NumberBound[] }

export type Comparison = '<' | '<=' | '=' | '>=' | '>'

export interface VersionBound {
  readonly comparison: Comparison
  /** Of semver.org, without build. */
  readonly version: string
}

export interface NumberBound {
  readonly comparison: Comparison
  readonly value: number
}
