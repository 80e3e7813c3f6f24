/** Whom flags are evaluated for in tests. */

import { utf8 } from '../../../src/proxy/bucket.ts'
import type { FlagSubject } from '../../../src/proxy/flags/evaluator.ts'

/** `unit` is text; null: none. Attributes by their names. */
export function subjectOf(
  unit: string | null,
  attributes: Readonly<Record<string, string>> = {},
): FlagSubject {
  return {
    unit: unit === null ? null : utf8(unit),
    attribute: (name) => (Object.hasOwn(attributes, name) ? utf8(attributes[name]!) : null),
  }
}
