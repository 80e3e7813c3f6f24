/**
 * Hot reload: looks at the configuration file, and at the certificates that it names, and tells when their content has
 * changed.
 *
 * The content is hashed every second rather than watched by the kernel: `fs.watch` follows an inode, and both the
 * symlink swap of a Kubernetes ConfigMap and the rename of an editor put another one in its place. A new content
 * counts once it has been read twice alike, so that a file that is still being written is left alone. A certificate and
 * its key are two files: while one of them is new and the other old, the last good configuration stays.
 */

import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config.ts'
import type { Environment } from './env.ts'
import type { Fault } from './fault.ts'
import { checkConfig, type Checked, type FileText, readConfigText, sourceOf } from './load.ts'
import type { NamedFiles } from './named-files.ts'

export interface WatchOptions {
  readonly file: string
  /** The configuration in force, made from this file. */
  readonly config: Config
  readonly env: Environment
  /** Milliseconds between two looks. */
  readonly intervalMs: number
  onConfig(config: Config): void
  /** The file is not usable; the last good configuration stays in force. */
  onFaults(faults: readonly Fault[]): void
}

export interface ConfigWatch {
  start(): void
  stop(): void
  /** The configuration that `onConfig` brought could not be taken, so the same content counts as new to `reload`. */
  failed(): void
  /** Looks now and takes what is there, as SIGHUP asks for. Says what it found. */
  reload(): 'unchanged' | 'changed' | 'faulty'
}

export function watchConfig(options: WatchOptions): ConfigWatch {
  const { file, env, intervalMs } = options
  /** Of the content that was last told; null until the first look, which compares with the one in force. */
  let told: string | null = null
  let previous: string | null = null
  /** Those that the content that was last checked names, as they were then. */
  let named: NamedFiles = sourceOf(file, env).files
  /** Whether what was last told is in force, as far as is known here. */
  let isGood = true
  let timer: NodeJS.Timeout | undefined

  function look(): void {
    const content = readConfigText(file)
    const hash = hashOf(content, named.readAnew())
    if (hash === previous) take(content, hash)
    previous = hash
  }

  function take(content: FileText, hash: string): 'unchanged' | 'changed' | 'faulty' {
    if (hash === told) return 'unchanged'
    const isFirst = told === null
    const source = sourceOf(file, env)
    isGood = false
    const { config, faults }: Checked =
      content.text === undefined ? content : checkConfig(content.text, source)
    told = hash
    if (content.text !== undefined) {
      // What has been read is what is told of, also where it names other files than before.
      named = source.files
      told = hashOf(content, named)
    }
    if (config === undefined) {
      options.onFaults(faults)
      return 'faulty'
    }
    isGood = true
    if (isFirst && isDeepStrictEqual(config, options.config)) return 'unchanged'
    options.onConfig(config)
    return 'changed'
  }

  return {
    failed() {
      isGood = false
    },
    start() {
      timer ??= setInterval(look, intervalMs).unref()
    },
    stop() {
      clearInterval(timer)
      timer = undefined
    },
    reload() {
      const content = readConfigText(file)
      // Who asks for a faulty file again wants to hear of its faults again.
      if (!isGood) told = ''
      return take(content, hashOf(content, named.readAnew()))
    },
  }
}

/** A file that cannot be read is told of once for each reason. */
function hashOf({ text, faults = [] }: FileText, named: NamedFiles): string {
  const content = text ?? faults.map(({ message }) => message).join()
  return createHash('sha256').update(`${named.digest} ${content}`).digest('hex')
}
