/**
 * From a request to the context that a flag's targeting reads: only what this flag names is asked for.
 *
 * Any text in the targeting that is the name of an attribute counts as one, wherever it stands. That asks for one too
 * many where a constant looks like `header.x`, and never for one too few; which operators read variables need not be
 * known here. Attributes stand where JSON logic looks for a name with dots: `header.x-plan` is `x-plan` in `header`.
 */

import { type FlagContext, isAscii, textOf } from './bytes.ts'
import type { FlagSubject } from './evaluator.ts'
import { isObject } from './references.ts'

/** Names in definitions, such as `email`, by the attribute that they stand for, such as `header.x-email`. */
export type AttributeNames = Readonly<Record<string, string>>

const ATTRIBUTE = /^(?:method|path|host|address|route|(?:header|cookie|query|claim)\..+)$/

/** Attributes that one flag may read. More are not given. */
export const ATTRIBUTE_LIMIT = 64

export interface Attribute {
  /** What `FlagSubject.attribute` is asked. */
  readonly source: string
  /** Where it stands in the context. */
  readonly path: readonly string[]
}

/** Whether a request can have an attribute of this name. */
export function isAttribute(name: string): boolean {
  return ATTRIBUTE.test(name)
}

/** Returns what a targeting reads. */
export function attributesIn(targeting: unknown, names: AttributeNames): readonly Attribute[] {
  const found = new Map<string, Attribute>()
  collect(targeting, (text) => {
    const own = Object.hasOwn(names, text) ? names[text] : undefined
    const source = own ?? (isAttribute(text) ? text : undefined)
    if (source === undefined || found.size === ATTRIBUTE_LIMIT) return
    found.set(text, { source, path: text.split('.') })
  })
  return [...found.values()]
}

function collect(value: unknown, take: (text: string) => void): void {
  if (typeof value === 'string') take(value)
  else if (Array.isArray(value)) for (const each of value) collect(each, take)
  else if (isObject(value)) for (const each of Object.values(value)) collect(each, take)
}

/** A context that is filled for one evaluation after the other; what it held before is gone. */
export class SubjectContext {
  values: FlagContext = {}
  /** All that it holds is ASCII. */
  isPlain = true

  fill(subject: FlagSubject, attributes: readonly Attribute[]): void {
    const { unit } = subject
    const values: FlagContext = {}
    this.values = values
    this.isPlain = true
    if (unit !== null) values['targetingKey'] = this.#text(unit)
    for (const { source, path } of attributes) {
      const value = subject.attribute(source)
      if (value !== null) place(values, path, this.#text(value))
    }
  }

  #text(bytes: string): string {
    if (isAscii(bytes)) return bytes
    this.isPlain = false
    return textOf(bytes)
  }
}

/** Inner objects have no prototype, and no configured name begins with an underscore. */
function place(values: FlagContext, path: readonly string[], value: string): void {
  let at: Record<string, unknown> = values
  for (let i = 0; i < path.length - 1; i++) {
    const inner = Object.hasOwn(at, path[i]!) ? at[path[i]!] : undefined
    if (isObject(inner)) at = inner
    else {
      const made: Record<string, unknown> = Object.create(null)
      at[path[i]!] = made
      at = made
    }
  }
  at[path.at(-1)!] = value
}
