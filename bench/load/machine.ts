/** What a figure depends on: the machine, its load at the start, and the version of everything that took part. */

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly cpu: string
  /** Cores that this process may use. */
  readonly coreCount: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  /** One minute's load average when the run began: others at work make figures worse. */
  readonly loadAverage: number
  /** The commit that was measured, `+` if the tree had changes; null outside of a git tree. */
  readonly commit: string | null
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    coreCount: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    loadAverage: loadavg()[0] ?? 0,
    commit: commit(),
  }
}

/** The version that a command prints (the pattern's first group), or null where it is not installed. */
export function commandVersion(
  command: string,
  args: readonly string[],
  pattern: RegExp,
): string | null {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (error !== undefined) return null
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown'
}

/** The version of a package in this project's node_modules. Throws if it is not there. */
export function packageVersion(name: string): string {
  return manifestVersion(`../../node_modules/${name}/package.json`)
}

/** Sluice's own version. */
export function projectVersion(): string {
  return manifestVersion('../../package.json')
}

function manifestVersion(path: string): string {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
  const manifest: { version: string } = JSON.parse(text)
  return manifest.version
}

function commit(): string | null {
  try {
    const options = { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' } as const
    const hash = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], options).trim()
    const changes = execFileSync('git', ['status', '--porcelain'], options).trim()
    return changes === '' ? hash : `${hash}+`
  } catch {
    return null
  }
}
