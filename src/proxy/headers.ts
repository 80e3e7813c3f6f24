/**
 * Which header fields mean something to a proxy, and what becomes of them. Hot: once per field.
 *
 * A field is found by its length first and then byte by byte, which costs nothing for the many fields
 * of no interest. A `Map` of lower-cased names was rejected: it makes two strings a field.
 *
 * Hop-by-hop fields (RFC 9110 section 7.6.1) are left out before our own are added, so a client can never
 * strip what Sluice says by naming it in `Connection`.
 */

/** What to do with a field. Everything that is not listed is `FORWARD`. */
export const FORWARD = 0
/** Never passed on: hop-by-hop, or said by Sluice itself. */
export const DROP = 1
export const HOST = 2
export const CONTENT_LENGTH = 3
export const TRANSFER_ENCODING = 4
export const CONNECTION = 5
export const UPGRADE = 6
export const EXPECT = 7
export const COOKIE = 8
export const X_FORWARDED_FOR = 9
export const X_FORWARDED_PROTO = 10
export const X_FORWARDED_HOST = 11
/** Believed from trusted proxies only, otherwise dropped. */
export const FORWARDED = 12
export const DATE = 13
/** Said of the way by proxies before us, beside the above: believed from trusted ones only. */
export const SAID_BY_PROXY = 14
export const VIA = 15
export const TE = 16
export const TRAILER = 17
export const CONTENT_TYPE = 18
export const MAX_FORWARDS = 19

const KNOWN: readonly (readonly [name: string, kind: number])[] = [
  ['host', HOST],
  ['content-length', CONTENT_LENGTH],
  ['transfer-encoding', TRANSFER_ENCODING],
  ['connection', CONNECTION],
  ['upgrade', UPGRADE],
  ['expect', EXPECT],
  ['cookie', COOKIE],
  ['date', DATE],
  ['x-forwarded-for', X_FORWARDED_FOR],
  ['x-forwarded-proto', X_FORWARDED_PROTO],
  ['x-forwarded-host', X_FORWARDED_HOST],
  ['forwarded', FORWARDED],
  ['keep-alive', DROP],
  ['proxy-connection', DROP],
  ['proxy-authenticate', DROP],
  ['proxy-authorization', DROP],
  ['te', TE],
  ['trailer', TRAILER],
  ['via', VIA],
  ['content-type', CONTENT_TYPE],
  ['max-forwards', MAX_FORWARDS],
  ['x-forwarded-port', SAID_BY_PROXY],
  ['x-forwarded-prefix', SAID_BY_PROXY],
  ['x-forwarded-server', SAID_BY_PROXY],
  ['x-forwarded-by', SAID_BY_PROXY],
  ['x-forwarded-ssl', SAID_BY_PROXY],
  ['x-forwarded-scheme', SAID_BY_PROXY],
  ['x-real-ip', SAID_BY_PROXY],
  ['x-forwarded-client-cert', DROP],
  ['client-cert', DROP],
  ['client-cert-chain', DROP],
  ['http2-settings', DROP],
  // A CGI program would take it for HTTP_PROXY (CVE-2016-5385).
  ['proxy', DROP],
  ['x-sluice-variant', DROP],
  ['x-sluice-rollout', DROP],
  ['x-sluice-mirror', DROP],
]

interface KnownName {
  readonly bytes: Uint8Array
  readonly kind: number
}

/** By length of the name. */
const BY_LENGTH: readonly (readonly KnownName[] | undefined)[] = buildByLength()

function buildByLength(): (KnownName[] | undefined)[] {
  const byLength: (KnownName[] | undefined)[] = Array.from({ length: 32 })
  for (const [name, kind] of KNOWN) {
    const names = (byLength[name.length] ??= [])
    names.push({ bytes: Buffer.from(name, 'latin1'), kind })
  }
  return byLength
}

/** Returns what the field is whose name (checked to be a token) stands at `start` to `end`. */
export function fieldKind(bytes: Uint8Array, start: number, end: number): number {
  const names = BY_LENGTH[end - start]
  if (names === undefined) return FORWARD
  for (const known of names) {
    const match = compareFolded(bytes, start, known.bytes)
    if (match === EXACT) return known.kind
    if (match === LOOKALIKE) return DROP
  }
  return FORWARD
}

const DIFFERENT = 0
const EXACT = 1
/** `_` for `-`: CGI-like upstreams take the two for the same name, so such a field is never passed on. */
const LOOKALIKE = 2

function compareFolded(bytes: Uint8Array, start: number, name: Uint8Array): number {
  let match = EXACT
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[start + i]!
    if ((byte | 0x20) === name[i]) continue
    if (byte !== 0x5f || name[i] !== 0x2d) return DIFFERENT
    match = LOOKALIKE
  }
  return match
}

/** Fields that `Connection` may not name: without them the message would mean something else. */
const NOT_CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'cookie',
  'set-cookie',
  'authorization',
  'forwarded',
  'via',
  'date',
  'content-type',
  'close',
  'keep-alive',
  'upgrade',
])

const NONE: ReadonlySet<string> = new Set()

/**
 * Returns the lower-case names of the fields that a `Connection` value declares hop-by-hop and that we then
 * leave out. A set, since a hostile value names thousands.
 */
export function connectionSpecific(value: string): ReadonlySet<string> {
  if (value === '' || value === 'keep-alive' || value === 'close') return NONE
  return new Set(listMembers(value).filter(isConnectionSpecific))
}

function isConnectionSpecific(name: string): boolean {
  return name !== '' && !NOT_CONNECTION_SPECIFIC.has(name) && !name.startsWith('x-forwarded-')
}

/** Returns the members of a list (RFC 9110 section 5.6.1) in lower case; empty ones are members too. */
export function listMembers(value: string): readonly string[] {
  return value.toLowerCase().split(',').map(withoutBlanks)
}

/** Not `trim`, which takes a no-break space for a blank. */
function withoutBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Whether the byte is optional whitespace (RFC 9110 section 5.6.3). */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09
}
