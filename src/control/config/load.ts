/**
 * From a file to a checked configuration, or to everything that is wrong with it.
 *
 * All faults at once, in the order of the file: a person mends a file in one go, not in ten. Nothing of a faulty
 * file is used.
 */

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CodedError } from '../coded-error.ts'
import { checkCertificates } from './certificate-rules.ts'
import type { Config } from './config.ts'
import { toConfig } from './convert.ts'
import { FILE_BYTES } from './defaults.ts'
import { readDocument } from './document.ts'
import type { Environment } from './env.ts'
import { type Fault, faultsError, sortFaults } from './fault.ts'
import { faultsOf } from './issues.ts'
import { NamedFiles, readFault } from './named-files.ts'
import type { Places } from './places.ts'
import { ruleFaults } from './rules.ts'
import { ConfigFile } from './schema.ts'
import { toServer } from './servers.ts'
import { toTokens } from './tokens.ts'

export type Checked =
  | { readonly config: Config; readonly faults?: never }
  | { readonly config?: never; readonly faults: readonly Fault[] }

export type FileText =
  | { readonly text: string; readonly faults?: never }
  | { readonly text?: never; readonly faults: readonly Fault[] }

/** Reads and checks a file. Throws `CodedError` (`invalidConfig`) with all faults, one a line and as `members.faults`. */
export function loadConfig(file: string, env: Environment = process.env): Config {
  const { text, faults: readFaults } = readConfigText(file)
  const { config, faults } =
    text === undefined ? { faults: readFaults } : checkConfig(text, sourceOf(file, env))
  if (config === undefined) throw faultsError(faults)
  return config
}

/** Where a configuration comes from, and what it may look at. */
export interface Source {
  /** For the faults and for relative paths. */
  readonly file: string
  readonly env: Environment
  /** Wall clock, by which certificates expire. */
  readonly nowMs: number
  /** Those that the configuration names; a check reads them, and what it has read is used. */
  readonly files: NamedFiles
}

export function sourceOf(file: string, env: Environment): Source {
  return { file, env, nowMs: Date.now(), files: new NamedFiles(dirname(resolve(file))) }
}

/** Checks the text of a file. Never throws. */
export function checkConfig(text: string, source: Source): Checked {
  const { file, env, files } = source
  const { value, places, faults } = readDocument(text, file, env)
  if (value === undefined && faults.length > 0) return { faults: sortFaults(faults) }
  const parsed = ConfigFile.safeParse(value)
  const issues = parsed.success ? [] : parsed.error.issues
  const tried = tryCertificates(value, { source, places })
  const all = [
    ...faults,
    ...faultsOf(issues, value, places),
    ...ruleFaults(value, places),
    ...tried.faults,
  ]
  if (parsed.success) {
    all.push(...serverFaults(parsed.data, { files, places }))
    all.push(...keySetFaults(parsed.data, { files, places }))
  }
  if (!parsed.success || all.length > 0) return { faults: sortFaults(all) }
  return { config: toConfig(parsed.data, { file, files, warnings: sortFaults(tried.warnings) }) }
}

function tryCertificates(
  value: unknown,
  { source, places }: { source: Source; places: Places },
): { faults: readonly Fault[]; warnings: readonly Fault[] } {
  const faults: Fault[] = []
  const warnings: Fault[] = []
  checkCertificates(value, {
    files: source.files,
    nowMs: source.nowMs,
    complain: (path, message) => void faults.push(places.fault(path, message)),
    warn: (path, message) => void warnings.push(places.fault(path, message)),
  })
  return { faults, warnings }
}

/** Servers whose files cannot be used. */
function serverFaults(
  { analysis }: ConfigFile,
  { files, places }: { files: NamedFiles; places: Places },
): readonly Fault[] {
  return [...analysis.servers].flatMap(([name, entry]) => {
    try {
      toServer(entry, files)
      return []
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      return [places.fault(['analysis', 'servers', name], error.message)]
    }
  })
}

/** Key sets that cannot be used. */
function keySetFaults(
  { routes }: ConfigFile,
  { files, places }: { files: NamedFiles; places: Places },
): readonly Fault[] {
  return routes.flatMap(({ jwt }, i) => {
    try {
      toTokens(jwt, files)
      return []
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      return [places.fault(['routes', i, 'jwt', 'jwks', 'file'], error.message)]
    }
  })
}

/** Returns the text of a file, or why it cannot be a configuration. */
export function readConfigText(file: string): FileText {
  const faulty = (message: string) => ({
    faults: [{ file, line: 1, column: 1, path: '', message }],
  })
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    if (fstatSync(descriptor).size > FILE_BYTES) return faulty('is larger than 1 MiB')
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(descriptor)) }
  } catch (error) {
    return faulty(readFault(error))
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
