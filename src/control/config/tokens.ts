/** From what a route says of tokens to what its threads do with them: key sets that are files or stand in the file are read. */

import {
  BEARER_TOKEN,
  TOKEN_ALGORITHMS,
  type TokenKey,
  type TokenSettings,
  type TokenVerification,
} from '../../proxy/cohort/token/settings.ts'
import { CodedError } from '../coded-error.ts'
import { readKeySet } from './key-set.ts'
import type { NamedFiles } from './named-files.ts'
import type { JwtEntry } from './schema-jwt.ts'
import { refused } from './wording.ts'

export interface TokenConfig {
  readonly from: TokenSettings['from']
  readonly verification: TokenVerificationConfig | null
}

export interface TokenVerificationConfig extends Omit<TokenVerification, 'keys'> {
  readonly keys: readonly TokenKey[] | RemoteKeys
}

/** A key set that is asked for. */
export interface RemoteKeys {
  readonly url: string
  readonly refreshMs: number
}

/** Throws `CodedError` (`invalidConfig`) with a sentence that names the file. */
export function toTokens(entry: JwtEntry | undefined, files: NamedFiles): TokenConfig {
  if (entry === undefined) return BEARER_TOKEN_CONFIG
  const { header, cookie, jwks, issuer, audience, algorithms } = entry
  const from: TokenConfig['from'] =
    cookie === undefined
      ? { kind: 'header', name: header ?? BEARER_TOKEN.from.name }
      : { kind: 'cookie', name: cookie }
  if (jwks === undefined) return { from, verification: null }
  return {
    from,
    verification: {
      keys: keysOf(jwks, files),
      algorithms: algorithms ?? TOKEN_ALGORITHMS,
      issuers: issuer === undefined ? [] : [issuer].flat(),
      audiences: audience === undefined ? [] : [audience].flat(),
    },
  }
}

export const BEARER_TOKEN_CONFIG: TokenConfig = { from: BEARER_TOKEN.from, verification: null }

function keysOf(
  { file, url, refresh, inline }: NonNullable<JwtEntry['jwks']>,
  files: NamedFiles,
): TokenVerificationConfig['keys'] {
  if (url !== undefined) return { url, refreshMs: refresh }
  if (inline !== undefined) return inline
  try {
    return readKeySet(files.read(file ?? ''))
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw refused(`Cannot use the key set ${file}: ${error.message}`)
  }
}

/** `keysAt`: those of an address, null while they are not known. */
export function tokenSettings(
  { from, verification }: TokenConfig,
  keysAt: (url: string) => readonly TokenKey[] | null,
): TokenSettings {
  if (verification === null) return { from, verification }
  const { keys } = verification
  return { from, verification: { ...verification, keys: 'url' in keys ? keysAt(keys.url) : keys } }
}
