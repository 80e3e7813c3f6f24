/** What may stand in `routes[].jwt`: where the token of a request is, and whose tokens are believed. */

import { z } from 'zod'
import { RULE_LIMITS, JWKS_REFRESH } from './defaults-rule.ts'
import { readAlgorithm, toKeySet } from './key-set.ts'
import { durationSetting, text } from './leaf.ts'
import { FIELD_PATTERN, readCookieName, readFileName, readHeaderName } from './names.ts'
import { readServerAddress } from './schema-server.ts'
import { customIssue, list, section } from './section.ts'
import { CodedError } from '../coded-error.ts'
import { refused } from './wording.ts'

function readSaid(found: string): string {
  if (found !== '' && found.length <= RULE_LIMITS.text) return found
  throw refused(`must be a text of 1 to ${RULE_LIMITS.text} characters`)
}

function oneOrMore(about: string) {
  const item = text(readSaid, about)
  return z
    .union([item, list(item, 1, RULE_LIMITS.said)])
    .optional()
    .describe(about)
}

const Inline = z
  .record(z.string(), z.unknown())
  .transform((found, context) => {
    try {
      return toKeySet(found)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      context.issues.push({ code: 'custom', message: error.message, input: found })
      return z.NEVER
    }
  })
  .describe('The key set itself, as a map with "keys".')

const Jwks = section({
  file: text(
    readFileName,
    'The file of the key set, relative to the folder of this file; read again when it changes.',
  ).optional(),
  url: text(
    readServerAddress,
    'Where the key set is asked for, such as https://id.example.com/.well-known/jwks.json; the last good one is kept.',
    '^https?://[^?#@]+$',
  ).optional(),
  refresh: durationSetting(JWKS_REFRESH, 'How often the address is asked.'),
  inline: Inline.optional(),
})
  .check(({ value, issues }) => {
    const count = [value.file, value.url, value.inline].filter((each) => each !== undefined).length
    if (issues.length > 0 || count === 1) return
    issues.push(customIssue(value, [], 'needs one of "file", "url" and "inline"'))
  })
  .describe('The public keys that tokens must be signed with (RFC 7517).')

export const Jwt = section({
  header: text(
    readHeaderName,
    'The header that has the token; "Bearer" in front is left out. Default authorization.',
    FIELD_PATTERN,
  ).optional(),
  cookie: text(readCookieName, 'The cookie that has the token.', FIELD_PATTERN).optional(),
  jwks: Jwks.optional(),
  issuer: oneOrMore('The token must be issued by this, or one of these (iss).'),
  audience: oneOrMore('The token must be meant for this, or one of these (aud).'),
  algorithms: list(text(readAlgorithm, 'An algorithm, such as ES256.'), 1, 11)
    .optional()
    .describe('The algorithms that are taken. Default: all that the keys are for.'),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { header, cookie, jwks, ...others } = value
    const checked = (['issuer', 'audience', 'algorithms'] as const).find(
      (key) => others[key] !== undefined,
    )
    if (header !== undefined && cookie !== undefined) {
      issues.push(customIssue(value, [], 'needs "header" or "cookie", and not both'))
    } else if (jwks === undefined && checked !== undefined) {
      issues.push(
        customIssue(
          others[checked],
          [checked],
          'needs "jwks": without keys, who wrote a token is not known',
        ),
      )
    }
  })
  .describe(
    'The token (JWT) of a request, for claims in rules and units. Without "jwks" it is decoded and believed, whoever wrote it.',
  )

export type JwtEntry = z.output<typeof Jwt>
