/** A server that is asked for metrics, with its secrets read: what a provider needs to ask it. */

import type { NamedFiles } from './named-files.ts'
import { CodedError } from '../coded-error.ts'
import { type ServerEntry, readSecret } from './schema-server.ts'
import { refused } from './wording.ts'

export interface ServerConfig {
  readonly kind: 'prometheus' | 'http'
  /** Without a slash at the end. */
  readonly address: string
  /** Of each question; with `authorization`, where there is one. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** PEM; null: the public authorities. */
  readonly ca: string | null
}

/**
 * Reads the files that a server names. Throws `CodedError` (`invalidConfig`) with a sentence that names the file and
 * never its content.
 */
export function toServer(entry: ServerEntry, files: NamedFiles): ServerConfig {
  const { kind, address, timeout, headers, auth, tls } = entry
  const authorization = auth === undefined ? null : authorizationOf(auth, files)
  return {
    kind,
    address,
    timeoutMs: timeout,
    headers: authorization === null ? headers : { ...headers, authorization },
    ca: tls === undefined ? null : readNamed(files, tls.ca, String),
  }
}

type Auth = NonNullable<ServerEntry['auth']>

function authorizationOf(auth: Auth, files: NamedFiles): string {
  const { bearer, bearerFile, username, password, passwordFile } = auth
  if (username === undefined) return `Bearer ${secretOf(bearer, bearerFile, files)}`
  const pair = `${username}:${secretOf(password, passwordFile, files)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

function secretOf(secret: string | undefined, file: string | undefined, files: NamedFiles): string {
  // The end of the line is the editor's.
  return secret ?? readNamed(files, file ?? '', (content) => readSecret(content.trimEnd()))
}

function readNamed(files: NamedFiles, name: string, read: (content: string) => string): string {
  try {
    return read(files.read(name))
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw refused(`Cannot use the file ${name}: ${error.message}`)
  }
}
