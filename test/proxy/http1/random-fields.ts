/** Random legal header fields, each with what is to become of it: the parts of random messages. */

import * as fc from 'fast-check'

export interface Field {
  readonly name: string
  readonly value: string
  /** What becomes of it; a `custom` field goes on unless Connection names it. */
  readonly use: 'custom' | 'host' | 'cookie' | 'expect' | 'dropped' | 'kept'
  /** With blanks around the value. */
  readonly line: string
}

const TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
export const VISIBLE = `${TOKEN}"(),/:;<=>?@[\\]{}\x80\xa0\xe9\xff`

export function strings(
  chars: string,
  size: { minLength?: number; maxLength: number },
): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...chars.split('')), ...size })
}

const blanks = strings(' \t', { maxLength: 2 })

/** Without blanks at either end, which would not belong to the value. */
export const values = fc
  .array(strings(VISIBLE, { minLength: 1, maxLength: 8 }), { maxLength: 3 })
  .map((words) => words.join(' \t'))

export function mixedCase(text: string): fc.Arbitrary<string> {
  return fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((flips) =>
      text.replaceAll(/./g, (char, i: number) => (flips[i]! ? char.toUpperCase() : char)),
    )
}

function field(
  use: Field['use'],
  names: fc.Arbitrary<string>,
  fieldValues: fc.Arbitrary<string>,
): fc.Arbitrary<Field> {
  return fc.tuple(names, fieldValues, blanks, blanks).map(([name, value, before, after]) => ({
    name,
    value,
    use,
    line: `${name}:${before}${value}${after}`,
  }))
}

export function named(
  use: Field['use'],
  name: string,
  fieldValues: fc.Arbitrary<string>,
): fc.Arbitrary<Field> {
  return field(use, mixedCase(name), fieldValues)
}

export function nothingOr(fields: fc.Arbitrary<Field>): fc.Arbitrary<readonly Field[]> {
  return fc.option(fields, { nil: null }).map((one) => (one === null ? [] : [one]))
}

const customNames = strings(TOKEN, { minLength: 1, maxLength: 6 }).map((text) => `c${text}`)
export const customs = fc.array(field('custom', customNames, values), { maxLength: 6 })

const HOP_BY_HOP =
  'keep-alive proxy-connection proxy-authenticate te http2-settings x-sluice-variant'
export const hopByHops = fc.array(
  fc.constantFrom(...HOP_BY_HOP.split(' ')).chain((name) => named('dropped', name, values)),
  { maxLength: 3 },
)

/** A Connection field that names some of the custom fields, in any case, and perhaps what to do afterwards. */
export function connectionField(fields: readonly Field[]): fc.Arbitrary<{
  readonly dropped: ReadonlySet<string>
  readonly options: readonly string[]
  readonly fields: readonly Field[]
}> {
  const names = fields.map((one) => one.name.toLowerCase())
  return fc
    .record({
      dropped: fc.subarray(names),
      options: fc.subarray(['close', 'keep-alive', '', 'host', 'cookie', 'content-length']),
      separator: fc.constantFrom(',', ', ', '\t,  '),
      isUpper: fc.boolean(),
    })
    .map(({ dropped, options, separator, isUpper }) => {
      const value = [...options, ...dropped].join(separator)
      const line = `Connection: ${isUpper ? value.toUpperCase() : value}`
      const connection: Field = { name: 'Connection', value, use: 'dropped', line }
      const isThere = options.length + dropped.length > 0
      return { dropped: new Set(dropped), options, fields: isThere ? [connection] : [] }
    })
}

export function isPersistent(options: readonly string[], minorVersion: number): boolean {
  if (options.includes('close')) return false
  return minorVersion === 1 || options.includes('keep-alive')
}

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }

export const framings: fc.Arbitrary<Framing> = fc.oneof(
  fc.constant<Framing>({ kind: 'none' }),
  fc.nat({ max: 2 ** 31 - 1 }).map((length): Framing => ({ kind: 'length', length })),
  fc.constant<Framing>({ kind: 'chunked' }),
)

export function framingFields(framing: Framing): fc.Arbitrary<readonly Field[]> {
  if (framing.kind === 'none') return fc.constant([])
  const one =
    framing.kind === 'chunked'
      ? named('dropped', 'transfer-encoding', mixedCase('chunked'))
      : named('dropped', 'content-length', fc.constant(String(framing.length)))
  return one.map((made) => [framing.kind === 'chunked' ? withoutTabBehind(made) : made])
}

/** A tab behind a coding is legal, and refused all the same: to some readers that is another coding. */
function withoutTabBehind(one: Field): Field {
  return { ...one, line: one.line.replace(/[ \t]+$/, ' ') }
}

/** Fields in any order. */
export function shuffled(fields: readonly Field[]): fc.Arbitrary<readonly Field[]> {
  return fc.shuffledSubarray([...fields], { minLength: fields.length, maxLength: fields.length })
}
