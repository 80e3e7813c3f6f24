/**
 * The grammars of names: of our own things, of header fields and cookies (RFC 9110 section 5.1, RFC 6265
 * section 4.1.1), of paths. Each reader returns the value in the one form that the proxy compares, and throws
 * `CodedError` (`invalidConfig`) with the words that follow the place in a fault.
 */

import { quote, refused } from './wording.ts'

/** Of routes, upstreams and listeners; they stand in metric labels, URLs and headers as they are. */
export const NAME_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$'

/** Of tokens; wider, since they are often called after people. */
export const TOKEN_NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$'

/** The token of RFC 9110, of at most 128 characters. */
export const FIELD_PATTERN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"

export const PATH_PATTERN = '^/'

export const SHA256_PATTERN = '^[0-9a-fA-F]{64}$'

const NAME = new RegExp(NAME_PATTERN)
const TOKEN_NAME = new RegExp(TOKEN_NAME_PATTERN)
const FIELD = new RegExp(FIELD_PATTERN)
const SHA256 = new RegExp(SHA256_PATTERN)

/** Fields that belong to one connection or frame the message (RFC 9110 section 7.6.1); no choice can rest on them. */
const CONNECTION_FIELDS = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** SHA-256 of no bytes and of a line end: what a token becomes when its variable was empty. */
const EMPTY_SHA256 = new Set([
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b',
])

/** What a name must be, in words. */
export const NAME_RULE = 'use 1 to 63 of a-z, 0-9, ".", "_" and "-", the first a letter or digit'

export function isName(text: string): boolean {
  return NAME.test(text)
}

export function readName(text: string): string {
  if (isName(text)) return text
  throw refused(`${quote(text)} is not a name; ${NAME_RULE}`)
}

export function readTokenName(text: string): string {
  if (TOKEN_NAME.test(text)) return text
  throw refused(
    `${quote(text)} is not a token's name; use 1 to 63 of A-Z, a-z, 0-9, ".", "_", "@" and "-", the first a letter or digit`,
  )
}

/** Lower case, as the proxy compares field names. */
export function readHeaderName(text: string): string {
  if (!FIELD.test(text))
    throw refused(`${quote(text)} is not the name of a header, such as x-user-id`)
  const name = text.toLowerCase()
  if (CONNECTION_FIELDS.has(name)) {
    throw refused(
      `${quote(text)} belongs to the connection, not to the request; choose another header`,
    )
  }
  return name
}

/** As written: cookie names are case-sensitive. */
export function readCookieName(text: string): string {
  if (FIELD.test(text)) return text
  throw refused(`${quote(text)} is not the name of a cookie, such as session`)
}

/** A path as it stands in a request line: percent-encoded, without dot segments. */
export function readPath(text: string): string {
  if (!text.startsWith('/')) throw refused(`${quote(text)} does not begin with "/"`)
  const mark = /[?#]/.exec(text)
  if (mark !== null) {
    throw refused(
      `${quote(text)} has a "${mark[0]}"; only the path is compared, write "${text.slice(0, mark.index)}"`,
    )
  }
  if (/[^\x21-\x7e]|["<>\\^`{|}]|%(?![0-9A-Fa-f]{2})/.test(text)) {
    throw refused(
      `${quote(text)} has characters that no request path has; write it percent-encoded, such as /caf%C3%A9`,
    )
  }
  const dots = text.split('/').find((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))
  if (dots !== undefined) {
    throw refused(`${quote(text)} has a "${dots}" segment; write the path that it leads to`)
  }
  return text
}

/** The path of a file, as it is written. */
export function readFileName(text: string): string {
  if (text.trim() === '' || text.includes('\0')) throw refused('must be the path of a file')
  return text
}

/** Lower case. What was found is never repeated: it may be the token itself. */
export function readSha256(text: string): string {
  const sha256 = text.toLowerCase()
  if (!SHA256.test(text)) {
    throw refused(
      `must be the SHA-256 of a token, 64 hexadecimal digits, but has ${text.length} characters${
        text.length === 64 ? ' of other kinds' : ''
      }; "printf %s TOKEN | sha256sum" prints it`,
    )
  }
  if (EMPTY_SHA256.has(sha256)) {
    throw refused(
      'is the SHA-256 of an empty token; the variable that it was made from was not set',
    )
  }
  return sha256
}
