/**
 * What may stand in `analysis.servers`: where metrics are asked for, and who we say that we are.
 *
 * Addresses and secrets stand here alone. A metric names a server, so that whoever starts a rollout cannot send
 * Sluice, or its credentials, anywhere else.
 */

import { z } from 'zod'
import { formatAddress, readEndpoint } from './address.ts'
import { ANALYSIS_ENTRIES, PROVIDER_TIMEOUT } from './defaults-analysis.ts'
import { durationSetting, text } from './leaf.ts'
import { FIELD_PATTERN, readFileName, readHeaderName, readPath } from './names.ts'
import { customIssue, section } from './section.ts'
import { quote, refused } from './wording.ts'

const ADDRESS_PATTERN = '^https?://[^?#@]+$'

/** A base address as it is asked: scheme, host, port and path, without a slash at the end. */
export function readServerAddress(address: string): string {
  const { origin = address, path = '' } =
    /^(?<origin>[^/]*\/\/[^/?#]*)(?<path>.*)$/s.exec(address)?.groups ?? {}
  const { host, port, isTls } = readEndpoint(origin)
  if (path !== '') readPath(path)
  const scheme = isTls ? 'https' : 'http'
  return `${scheme}://${formatAddress({ host, port })}${path.replace(/\/+$/, '')}`
}

/** Never repeats what it found: it may be a secret. */
export function readSecret(secret: string): string {
  if (secret === '') throw refused('is empty; the variable that it comes from may not be set')
  if (/^[\x21-\x7e]+$/.test(secret)) return secret
  throw refused('must be visible ASCII characters without spaces')
}

function readFieldValue(value: string): string {
  if (/^[\x20-\x7e]*$/.test(value) && value.trim() === value) return value
  throw refused('must be ASCII characters on one line, without spaces around them')
}

function readUser(user: string): string {
  if (/^[\x20-\x7e]+$/.test(user) && !user.includes(':')) return user
  throw refused(`${quote(user)} is not a user name; ASCII characters without ":" are possible`)
}

const Auth = section({
  bearer: text(readSecret, 'A bearer token; write it as ${NAME}, from the environment.').optional(),
  bearerFile: text(
    readFileName,
    'The file of a bearer token, relative to the folder of this file.',
  ).optional(),
  username: text(readUser, 'The user of HTTP basic authentication.').optional(),
  password: text(readSecret, 'Its password; write it as ${NAME}, from the environment.').optional(),
  passwordFile: text(
    readFileName,
    'The file of its password, relative to the folder of this file.',
  ).optional(),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { bearer, bearerFile, username, password, passwordFile } = value
    const secrets = [bearer, bearerFile, password, passwordFile].filter(
      (each) => each !== undefined,
    )
    const isBasic = password !== undefined || passwordFile !== undefined
    if (secrets.length === 1 && isBasic === (username !== undefined)) return
    const forms = '"bearer", "bearerFile", or "username" with "password" or "passwordFile"'
    // The value is not told: it holds a secret.
    issues.push(customIssue(undefined, [], `needs one of ${forms}`))
  })
  .meta({ description: 'Who we say that we are. Default: nobody.', minProperties: 1 })

const Tls = section({
  ca: text(
    readFileName,
    'The file of the authorities that the server is vouched for by, PEM, relative to the folder of this file. Default: the public ones.',
  ),
}).describe('How an https:// server is reached.')

const Headers = z
  .record(z.string(), text(readFieldValue, 'The value of the header.'))
  .check(({ value, issues }) => {
    const names = Object.keys(value)
    if (names.length > ANALYSIS_ENTRIES.headers) {
      issues.push(
        customIssue(value, [], `at most ${ANALYSIS_ENTRIES.headers} headers are possible`),
      )
    }
    for (const name of names) {
      try {
        readHeaderName(name)
      } catch (error) {
        issues.push(customIssue(value, [name], error instanceof Error ? error.message : ''))
      }
    }
  })
  .meta({
    description: 'Header fields of each question, such as X-Scope-OrgID.',
    propertyNames: { pattern: FIELD_PATTERN },
    maxProperties: ANALYSIS_ENTRIES.headers,
  })

const shared = {
  timeout: durationSetting(
    PROVIDER_TIMEOUT,
    'From a question to the end of its answer; then it is an error of the provider.',
  ),
  headers: Headers.prefault({}),
  auth: Auth.optional(),
  tls: Tls.optional(),
}

export const Server = section({
  prometheus: text(
    readServerAddress,
    'The base address of Prometheus, or of what speaks like it.',
    ADDRESS_PATTERN,
  ).optional(),
  http: text(
    readServerAddress,
    'The base address of a service that answers JSON.',
    ADDRESS_PATTERN,
  ).optional(),
  ...shared,
})
  .check(({ value, issues }) => {
    const isOne = (value.prometheus === undefined) !== (value.http === undefined)
    if (isOne || issues.length > 0) return
    issues.push(customIssue(undefined, [], 'needs "prometheus" or "http", and not both'))
  })
  .transform(({ prometheus, http = '', ...rest }) =>
    prometheus === undefined
      ? { kind: 'http' as const, address: http, ...rest }
      : { kind: 'prometheus' as const, address: prometheus, ...rest },
  )
  .meta({
    description:
      'A server that is asked for metrics: {prometheus: http://prometheus:9090} or {http: http://shop:8080}.',
  })

export type ServerEntry = z.output<typeof Server>
