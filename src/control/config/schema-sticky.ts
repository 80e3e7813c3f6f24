/** What may stand in `routes[].sticky`: where the unit of a request is, which keeps a user on one side. */

import { z } from 'zod'
import type { Sticky as SnapshotSticky, UnitSource } from '../../proxy/snapshot.ts'
import { RULE_LIMITS } from './defaults-rule.ts'
import { flag, text } from './leaf.ts'
import { FIELD_PATTERN, readCookieName, readHeaderName } from './names.ts'
import { customIssue, list, section } from './section.ts'
import { refused } from './wording.ts'

const KINDS = ['header', 'cookie', 'jwtClaim', 'address'] as const

function readClaimName(found: string): string {
  if (found !== '' && found.length <= RULE_LIMITS.name) return found
  throw refused(`must be a name of 1 to ${RULE_LIMITS.name} characters`)
}

const Source = section({
  header: text(
    readHeaderName,
    'The header whose value keeps a user on one side.',
    FIELD_PATTERN,
  ).optional(),
  cookie: text(
    readCookieName,
    'The cookie whose value keeps a user on one side.',
    FIELD_PATTERN,
  ).optional(),
  mint: flag('Sluice sets the cookie where a request has no unit. Default false.').optional(),
  jwtClaim: text(
    readClaimName,
    "The claim of the request's token (jwt) that keeps a user on one side, such as sub.",
  ).optional(),
  address: flag(
    "true: the client's address. Weak: many users share one, and phones change theirs.",
  ).optional(),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const count = KINDS.filter((kind) => value[kind] !== undefined).length
    if (count !== 1) {
      issues.push(
        customIssue(value, [], 'needs one of "header", "cookie", "jwtClaim" and "address"'),
      )
    } else if (value.mint !== undefined && value.cookie === undefined) {
      issues.push(
        customIssue(value.mint, ['mint'], 'is only possible with "cookie"; nothing else is minted'),
      )
    } else if (value.address === false) {
      issues.push(customIssue(value.address, ['address'], 'must be true, or be left out'))
    }
  })
  .transform(({ header, cookie, mint = false, jwtClaim }): UnitSource => {
    if (header !== undefined) return { kind: 'header', name: header }
    if (cookie !== undefined) return { kind: 'cookie', name: cookie, mint }
    return jwtClaim === undefined ? { kind: 'address' } : { kind: 'jwtClaim', name: jwtClaim }
  })
  .meta({
    description: 'One place where the unit of a request may be.',
    minProperties: 1,
    maxProperties: 2,
    dependencies: {
      mint: ['cookie'],
      header: { maxProperties: 1 },
      jwtClaim: { maxProperties: 1 },
      address: { maxProperties: 1 },
    },
  })

export const Sticky = z
  .union([Source, list(Source, 1, RULE_LIMITS.units)])
  .transform((found): SnapshotSticky => [found].flat())
  .check(({ value, issues }) => {
    const minted = value.filter((source) => source.kind === 'cookie' && source.mint)
    const address = value.findIndex(({ kind }) => kind === 'address')
    if (minted.length > 1) {
      issues.push(customIssue(value, [], 'mints more than one cookie; a user needs one'))
    } else if (address >= 0 && address < value.length - 1) {
      issues.push(
        customIssue(value, [], 'has "address" before others, but it is always there; put it last'),
      )
    } else if (address >= 0 && minted.length > 0) {
      issues.push(
        customIssue(value, [], 'mints no cookie while it has "address", which is always there'),
      )
    }
  })
  .describe(
    'What keeps a user on one side, the first that a request has: {cookie: session}, [{header: x-user-id}, {cookie: sluice, mint: true}]. Default: every request draws anew.',
  )
