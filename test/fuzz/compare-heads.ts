/**
 * Holds what we pass on of a message against what llhttp read of it.
 *
 * Every line that we pass on has to be one that llhttp read, in its order, and what we leave out has to be a field
 * that a proxy may leave out. The few lines that we write anew are worked out again here, from llhttp's fields.
 */

import { type FieldList, type Message, withoutBlanks } from './reading.ts'

/** What belongs to a connection, to the framing, or to those that we write ourselves. `_` is taken for `-`. */
const LEFT_OUT = wordSet(
  'connection keep-alive proxy-connection te trailer transfer-encoding content-length upgrade expect',
  'proxy-authenticate proxy-authorization http2-settings proxy max-forwards via forwarded x-forwarded-for',
  'x-forwarded-proto x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-server',
  'x-forwarded-by x-forwarded-ssl x-forwarded-scheme x-forwarded-client-cert x-real-ip client-cert',
  'client-cert-chain x-sluice-variant x-sluice-rollout x-sluice-mirror',
)

/** Beside those, of trailers, and all that begin with `if-` or `x-forwarded-`. */
const LEFT_OUT_BEHIND = wordSet(
  'age authorization cache-control content-encoding content-range content-type cookie date expires',
  'host location pragma proxy-authentication-info range retry-after set-cookie vary warning',
  'www-authenticate',
)

/** What Connection cannot name, since the message would mean something else without it. */
const ALWAYS_KEPT = wordSet('host cookie set-cookie authorization date content-type')

function wordSet(...lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.join(' ').split(' '))
}

export function compareRequestHeads(our: Message, their: Message): string | null {
  const { fields } = their
  const named = connectionOptions(fields)
  const cookies = valuesOf(fields, 'cookie')
  const hosts = valuesOf(fields, 'host')
  const authority = authorityOf(their)
  const host = authority ?? hosts[0] ?? ''
  if (startOf(their, authority) !== our.start) return 'the first line'
  if (our.host !== host) return 'the host'

  const isOut = (name: string): boolean => {
    if (name === 'host') return authority !== undefined
    if (name === 'cookie') return cookies.length > 1
    return isLeftOut(name, named)
  }
  const isAnew = (name: string, value: string): boolean => {
    if (name === 'cookie') return cookies.length > 1 && value === joined(cookies)
    if (name !== 'max-forwards') return false
    return valuesOf(fields, name).some((one) => Number(one) - 1 === Number(value))
  }
  const isHostAnew = authority !== undefined || hosts.length === 0
  if (isHostAnew && (our.fields[0] !== 'host' || our.fields[1] !== host)) return 'the Host anew'
  return matchInOrder(isHostAnew ? our.fields.slice(2) : our.fields, fields, { isOut, isAnew })
}

export function compareAnswerHeads(our: Message, their: Message): string | null {
  if (their.start !== our.start) return 'the status line'
  const named = connectionOptions(their.fields)
  return matchInOrder(our.fields, their.fields, {
    isOut: (name) => isLeftOut(name, named),
    isAnew: () => false,
  })
}

export function compareTrailers(ours: FieldList, theirs: FieldList): string | null {
  const what = matchInOrder(ours, theirs, { isOut: isLeftOutBehind, isAnew: () => false })
  return what === null ? null : `trailers: ${what}`
}

function isLeftOutBehind(name: string): boolean {
  const dashed = name.replaceAll('_', '-')
  if (LEFT_OUT.has(dashed) || LEFT_OUT_BEHIND.has(dashed)) return true
  return dashed.startsWith('if-') || dashed.startsWith('x-forwarded-')
}

function isLeftOut(name: string, named: ReadonlySet<string>): boolean {
  const dashed = name.replaceAll('_', '-')
  if (LEFT_OUT.has(dashed) || name === 'content_type') return true
  return named.has(name) && !ALWAYS_KEPT.has(name)
}

function authorityOf({ start }: Message): string | undefined {
  return start.includes(' /') ? undefined : /^\S+ https?:\/\/([^/?#]*)/i.exec(start)?.[1]
}

/** llhttp leaves absolute form to whoever asks; we take it apart. */
function startOf({ start }: Message, authority: string | undefined): string {
  if (authority === undefined) return start
  const [, method = '', rest = ''] = /^(\S+) https?:\/\/[^/?#]*(.*)$/i.exec(start)!
  if (rest === '') return `${method} ${method === 'OPTIONS' ? '*' : '/'}`
  return `${method} ${rest.startsWith('/') ? '' : '/'}${rest}`
}

interface Rules {
  /** Whether a field of that lower-case name may be left out. */
  readonly isOut: (name: string) => boolean
  /** Whether we may have written that line ourselves. */
  readonly isAnew: (name: string, value: string) => boolean
}

function matchInOrder(ours: FieldList, theirs: FieldList, { isOut, isAnew }: Rules): string | null {
  let at = 0
  for (let i = 0; i < ours.length; i += 2) {
    const name = ours[i]!
    const value = ours[i + 1]!
    let found = at
    while (found < theirs.length && !(theirs[found] === name && theirs[found + 1] === value)) {
      if (!isOut(theirs[found]!.toLowerCase())) break
      found += 2
    }
    if (theirs[found] === name && theirs[found + 1] === value) at = found + 2
    else if (!isAnew(name.toLowerCase(), value)) return `a field that llhttp does not read: ${name}`
  }
  for (; at < theirs.length; at += 2) {
    if (!isOut(theirs[at]!.toLowerCase())) return `a field that we do not read: ${theirs[at]}`
  }
  return null
}

/** Empty ones in front are left out. */
function joined(values: readonly string[]): string {
  const first = values.findIndex((value) => value !== '')
  return first < 0 ? '' : withoutBlanks(values.slice(first).join('; '))
}

const NO_OPTIONS: ReadonlySet<string> = new Set()

/** Lower-case members of all fields of that name. */
export function connectionOptions(fields: FieldList, name = 'connection'): ReadonlySet<string> {
  const values = valuesOf(fields, name)
  if (values.length === 0) return NO_OPTIONS
  return new Set(values.join(',').toLowerCase().split(',').map(withoutBlanks))
}

export function valuesOf(fields: FieldList, name: string): readonly string[] {
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const found = fields[i]!
    if (found.length === name.length && found.toLowerCase() === name) values.push(fields[i + 1]!)
  }
  return values
}
