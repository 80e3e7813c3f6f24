/** The limits of rules, units and tokens, with the reason for each. */

import type { Setting } from './defaults.ts'

export const RULE_LIMITS = {
  /** Of a route; each is looked at for every request, in order. */
  rules: 64,
  /** Members of one `all` or `any`. */
  conditions: 32,
  /** Members of one `in`. */
  values: 1_000,
  /** Characters of a text to compare with, as of a value that expressions look at. */
  text: 1_024,
  /** Characters of the name of a query parameter or claim. */
  name: 256,
  /** Address ranges of one condition. */
  ranges: 256,
  /** Places where the unit of a request may be. */
  units: 8,
  /** Issuers or audiences of one route. */
  said: 32,
} as const

/** In milliseconds. Issuers show a new key for hours before they sign with it. */
export const JWKS_REFRESH: Setting = { min: 10_000, max: 86_400_000, default: 300_000 }
