/**
 * What may stand in the configuration file: every key, its kind, range, default and meaning.
 *
 * The one source for the checker and for the JSON Schema that editors read. Values come out in the units of the
 * code (bytes, milliseconds); what needs two keys at once is checked in `rules.ts`.
 */

import { z } from 'zod'
import { readListenHost } from './address.ts'
import { CONTROL_HOST, CONTROL_PORT, ENTRIES, STORE_PATH } from './defaults.ts'
import { choice, countSetting, exactly, text } from './leaf.ts'
import {
  NAME_PATTERN,
  readFileName,
  readSha256,
  readTokenName,
  SHA256_PATTERN,
  TOKEN_NAME_PATTERN,
} from './names.ts'
import { Analysis } from './schema-analysis.ts'
import { Flags } from './schema-flags.ts'
import { Proxy } from './schema-proxy.ts'
import { Route } from './schema-route.ts'
import { Upstream } from './schema-upstream.ts'
import { list, section } from './section.ts'

const Token = section({
  name: text(readTokenName, 'Who uses the token; stands in the journal.', TOKEN_NAME_PATTERN),
  role: choice(
    ['viewer', 'operator', 'admin'],
    'viewer reads, operator also runs rollouts, admin may do everything.',
  ),
  sha256: text(
    readSha256,
    'The SHA-256 of the token. Make a token with "openssl rand -hex 32" and this with "printf %s TOKEN | sha256sum".',
    SHA256_PATTERN,
  ),
})

const Control = section({
  host: text(
    readListenHost,
    `The address of the admin API. Beyond loopback it needs tokens. Default ${CONTROL_HOST}.`,
  ).prefault(CONTROL_HOST),
  port: countSetting(CONTROL_PORT, 'The port of the admin API; 0 takes a free one.'),
  logLevel: choice(
    ['info', 'debug'],
    'debug also tells each request and connection that is refused, and by which rule. Default info.',
  ).prefault('info'),
  tokens: list(Token, 0, ENTRIES.tokens)
    .prefault([])
    .describe(
      'Who may use the admin API. Default: anyone who can reach it, which is allowed on loopback only.',
    ),
}).describe('The admin API.')

const Store = section({
  path: text(
    readFileName,
    `The file of the journal, relative to the folder of this file; ":memory:" forgets everything at the end. Default ${STORE_PATH}.`,
  ).prefault(STORE_PATH),
}).describe('Where rollouts are recorded.')

/** The whole file. Input: what YAML gives. Output: values in bytes and milliseconds. */
export const ConfigFile = section({
  version: exactly(1, 'The version of this format.'),
  proxy: Proxy,
  upstreams: z.record(z.string(), Upstream).meta({
    description: 'Upstreams by name: each one is a version of a service.',
    propertyNames: { pattern: NAME_PATTERN },
    minProperties: 1,
    maxProperties: ENTRIES.upstreams,
  }),
  routes: list(Route, 1, ENTRIES.routes).describe('Which requests go where.'),
  control: Control.prefault({}),
  store: Store.prefault({}),
  analysis: Analysis.prefault({}),
  flags: Flags.prefault({}),
})

export type ConfigFile = z.output<typeof ConfigFile>
