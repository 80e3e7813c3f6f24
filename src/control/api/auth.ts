/**
 * Who asks, and what they may do.
 *
 * Bearer tokens: the configuration holds only their SHA-256, so that a leaked file opens nothing. A
 * slow password hash was rejected: tokens are random and long, and it would hand every
 * unauthenticated caller a way to burn the control thread. Roles are a ladder; a route without a
 * role asks for the highest, so that a forgotten line locks a door instead of opening one.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import { CodedError } from '../coded-error.ts'
import type { Role, Token } from '../config/config.ts'

/** What a route asks for; `anyone` needs no token. */
export type NeededRole = Role | 'anyone'

export interface Identity {
  readonly name: string
  readonly role: Role
}

const RANK: Readonly<Record<NeededRole, number>> = { anyone: 0, viewer: 1, operator: 2, admin: 3 }

const ANONYMOUS: Identity = { name: 'anonymous', role: 'admin' }
const BEARER = /^bearer +([\x21-\x7e]+) *$/i

/**
 * Returns whose token the Authorization field carries; without configured tokens everybody is an
 * anonymous admin.
 *
 * Throws `CodedError` (`unauthenticated`). Every token is compared, so the time taken does not tell
 * which one matched.
 */
export function identify(tokens: readonly Token[], authorization: string | undefined): Identity {
  if (tokens.length === 0) return ANONYMOUS
  if (authorization === undefined) {
    throw new CodedError('unauthenticated', 'Send the token as "Authorization: Bearer TOKEN"')
  }
  const presented = BEARER.exec(authorization)?.[1]
  if (presented === undefined) {
    throw new CodedError('unauthenticated', 'The Authorization field is not "Bearer TOKEN"')
  }
  const digest = createHash('sha256').update(presented).digest()
  let found: Token | undefined
  for (const token of tokens) {
    if (timingSafeEqual(digest, Buffer.from(token.sha256, 'hex'))) found = token
  }
  if (found === undefined) throw new CodedError('unauthenticated', 'The token is not known here')
  return { name: found.name, role: found.role }
}

/** Throws `CodedError` (`forbidden`) where the role stands below the needed one. */
export function authorize(identity: Identity, needed: NeededRole): void {
  if (RANK[identity.role] >= RANK[needed]) return
  throw new CodedError(
    'forbidden',
    `The token "${identity.name}" has the role ${identity.role}, but this needs ${needed}`,
    { role: identity.role, needed },
  )
}
