/**
 * From a file to a checked configuration, or to everything that is wrong with it.
 *
 * All faults at once, in the order of the file: a person mends a file in one go, not in ten. Nothing of a faulty
 * file is used.
 */

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Config } from './config.ts'
import { defaultThreads, FILE_BYTES } from './defaults.ts'
import { readDocument } from './document.ts'
import type { Environment } from './env.ts'
import { type Fault, faultsError, sortFaults } from './fault.ts'
import { faultsOf } from './issues.ts'
import { ruleFaults } from './rules.ts'
import { ConfigFile } from './schema.ts'

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
    text === undefined ? { faults: readFaults } : checkConfig(text, file, env)
  if (config === undefined) throw faultsError(faults)
  return config
}

/** Checks the text of a file; the file's name is for the faults and for relative paths. Never throws. */
export function checkConfig(text: string, file: string, env: Environment): Checked {
  const { value, places, faults } = readDocument(text, file, env)
  if (value === undefined && faults.length > 0) return { faults: sortFaults(faults) }
  const parsed = ConfigFile.safeParse(value)
  const issues = parsed.success ? [] : parsed.error.issues
  const all = [...faults, ...faultsOf(issues, value, places), ...ruleFaults(value, places)]
  if (!parsed.success || all.length > 0) return { faults: sortFaults(all) }
  return { config: toConfig(parsed.data, dirname(resolve(file))) }
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
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return faulty(READ_FAULTS[code] ?? `cannot be read: ${code}`)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'is a folder',
  EACCES: 'may not be read by this user',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8',
}

function toConfig(file: ConfigFile, folder: string): Config {
  const { limits, timeouts, listeners, threads, trustedProxies, drainTimeout } = file.proxy
  const { path } = file.store
  return {
    proxy: {
      listeners,
      threads: threads ?? defaultThreads(),
      trustedProxies,
      limits: {
        headBytes: limits.head,
        headerCount: limits.headerCount,
        bodyBytes: limits.body,
        connections: limits.connections,
        upstreamConnections: limits.upstreamConnections,
        responseHeadBytes: limits.responseHead,
        bufferBytes: limits.buffer,
      },
      timeouts: {
        headMs: timeouts.head,
        idleMs: timeouts.idle,
        connectMs: timeouts.connect,
        responseHeadMs: timeouts.responseHead,
        bodyStallMs: timeouts.bodyStall,
        upstreamIdleMs: timeouts.upstreamIdle,
      },
      drainTimeoutMs: drainTimeout,
    },
    upstreams: new Map(
      Object.entries(file.upstreams).map(([name, { endpoints }]) => [name, { name, endpoints }]),
    ),
    routes: file.routes.map(({ name, match, stable, sticky = null, forceHeader = null }) => ({
      name,
      hosts: match.host === undefined ? [] : [match.host].flat(),
      path: match.path,
      stable,
      sticky,
      forceHeader,
    })),
    control: file.control,
    store: { path: path === ':memory:' ? path : resolve(folder, path) },
  }
}
