/** The limits of rules and units, with the reason for each. */

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
} as const
