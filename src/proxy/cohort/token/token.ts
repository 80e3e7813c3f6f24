/**
 * One token, decoded and held against what its route asks for, once; its times are looked at with each request.
 *
 * By the grammar of RFC 7515 section 3.1 and RFC 7519. An encrypted token (five parts) is not for us, and one with `crit` asks
 * for what nobody here understands.
 */

import { decodeProtectedHeader } from 'jose/decode/protected_header'
import { decodeJwt } from 'jose/jwt/decode'
import type { CohortFault } from '../faults.ts'
import { encoded } from '../text.ts'
import type { TokenVerification } from './settings.ts'
import type { SignatureCheck } from './signature.ts'

/** Characters of a token; as long as a header field may be by default. */
export const TOKEN_LENGTH = 8_192
/** Names of claims whose values are kept with a token. */
const NAME_LIMIT = 64
/** Members of a list, and claims within claims. */
const MEMBER_LIMIT = 256
const DEPTH_LIMIT = 8

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/

type Claims = Readonly<Record<string, unknown>>

/** What can be believed of a token. */
export interface Believed {
  readonly signature: SignatureCheck
  readonly verification: TokenVerification
}

export class Token {
  /** Null: it is to be believed, at its time. */
  readonly fault: CohortFault | null
  readonly #claims: Claims
  readonly #texts = new Map<string, readonly string[] | null>()

  /** `believed`: null where whoever wrote it is believed. */
  constructor(text: string, believed: Believed | null) {
    const claims = COMPACT.test(text) ? claimsIn(text) : null
    this.#claims = claims ?? {}
    this.fault = claims === null ? 'tokenMalformed' : faultOf(text, claims, believed)
  }

  /** What is wrong with it at that time, seconds since 1970 (RFC 7519 sections 4.1.4 and 4.1.5, without leeway). */
  faultAt(nowS: number): CohortFault | null {
    if (this.fault !== null) return this.fault
    const { exp, nbf } = this.#claims
    if (exp !== undefined && nowS >= Number(exp)) return 'tokenExpired'
    return nbf !== undefined && nowS < Number(nbf) ? 'tokenEarly' : null
  }

  /** The texts, numbers and truth values of a claim, UTF-8 bytes in latin1 strings; null where there is none. */
  texts(name: string): readonly string[] | null {
    const known = this.#texts.get(name)
    if (known !== undefined) return known
    const value = claimAt(this.#claims, name)
    const texts = value === undefined || value === null ? null : textsOf(value)
    if (this.#texts.size < NAME_LIMIT) this.#texts.set(name, texts)
    return texts
  }
}

function claimsIn(text: string): Claims | null {
  try {
    return decodeJwt(text)
  } catch {
    return null
  }
}

function faultOf(text: string, claims: Claims, believed: Believed | null): CohortFault | null {
  if (![claims['exp'], claims['nbf']].every(isTime)) return 'tokenMalformed'
  if (believed === null) return null
  const { signature, verification } = believed
  const header = headerIn(text)
  if (header === null || header['crit'] !== undefined) return 'tokenMalformed'
  const end = text.lastIndexOf('.')
  const fault = signature.fault(header, text.slice(0, end), text.slice(end + 1))
  if (fault !== null) return fault
  const { issuers, audiences } = verification
  if (issuers.length > 0 && !names(issuers, [claims['iss']])) return 'tokenIssuer'
  const meantFor = Array.isArray(claims['aud']) ? claims['aud'] : [claims['aud']]
  return audiences.length > 0 && !names(audiences, meantFor) ? 'tokenAudience' : null
}

function headerIn(text: string): Claims | null {
  try {
    return { ...decodeProtectedHeader(text) }
  } catch {
    return null
  }
}

function isTime(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value))
}

function names(wanted: readonly string[], said: readonly unknown[]): boolean {
  return said.some((each) => typeof each === 'string' && wanted.includes(each))
}

/** A claim of that very name goes before one within others. */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let found: unknown = claims
  const parts = name.split('.', DEPTH_LIMIT + 1)
  if (parts.length > DEPTH_LIMIT) return undefined
  for (const part of parts) {
    if (!isObject(found) || !Object.hasOwn(found, part)) return undefined
    found = found[part]
  }
  return found
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textsOf(value: unknown): readonly string[] {
  const members: readonly unknown[] = Array.isArray(value) ? value.slice(0, MEMBER_LIMIT) : [value]
  return members.flatMap((member) =>
    typeof member === 'string' || typeof member === 'number' || typeof member === 'boolean'
      ? [encoded(String(member))]
      : [],
  )
}
