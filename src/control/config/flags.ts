/** The flags of a configuration as the rest of the control plane sees them. */

import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { z } from 'zod'
import type { FlagProvider } from '../../proxy/snapshot.ts'
import type { Flags } from './schema-flags.ts'

/** Where flagd's definitions come from. */
export type FlagdConfig =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'url'; readonly url: string; readonly intervalMs: number }
  /** JSON. */
  | { readonly kind: 'inline'; readonly definitions: string }

type OpenFeatureConfig = Extract<FlagProvider['source'], { kind: 'openFeature' }>

export interface FlagProviderConfig extends Pick<FlagProvider, 'name' | 'variants'> {
  readonly source: FlagdConfig | OpenFeatureConfig
}

export interface FlagsConfig {
  /** Whether a change of a flag that Sluice keeps waits for a second person. */
  readonly approval: 'none' | 'required'
  /** Names in definitions by the attribute of requests that they stand for. */
  readonly attributes: Readonly<Record<string, string>>
  readonly providers: readonly FlagProviderConfig[]
}

type FlagsEntry = z.output<typeof Flags>
type ProviderEntry = FlagsEntry['providers'][string]

/** `file` is the path of the configuration. */
export function toFlags(
  { approval, attributes, providers }: FlagsEntry,
  file: string,
): FlagsConfig {
  const folder = dirname(resolve(file))
  return {
    approval,
    attributes,
    providers: Object.entries(providers).map(([name, entry]) => ({
      name,
      variants: entry.variants,
      source: toSource(entry, folder),
    })),
  }
}

function toSource(
  { flagd, openfeature }: ProviderEntry,
  folder: string,
): FlagProviderConfig['source'] {
  if (openfeature !== undefined) {
    const { module, options, deadline, memo, memoLimit } = openfeature
    return {
      kind: 'openFeature',
      module: pathToFileURL(resolve(folder, module)).href,
      options: JSON.stringify(options),
      deadlineMs: deadline,
      memoMs: memo,
      memoLimit,
    }
  }
  const { file, url, inline, interval = 0 } = flagd ?? {}
  if (file !== undefined) return { kind: 'file', file: resolve(folder, file) }
  if (url !== undefined) return { kind: 'url', url, intervalMs: interval }
  return { kind: 'inline', definitions: JSON.stringify(inline ?? { flags: {} }) }
}
