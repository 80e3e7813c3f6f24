/**
 * Fetches, once, the programs that tests need beyond npm packages.
 *
 * Clients, load generators and the benchmark's peers are installed where we are root; none of them is started by that. Of
 * Prometheus one tool is needed, so that its package is only unpacked, into a cache folder, which anybody may do. In CI
 * a program that cannot be had is an error.
 */

import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestProject } from 'vitest/node'

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/tools')

/** Longest that one run of apt-get may last. */
const APT_TIMEOUT_MS = 300_000

/** Program, and the Debian package that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  curl: 'curl',
  h2load: 'nghttp2-client',
  wrk: 'wrk',
  chromium: 'chromium',
  slowhttptest: 'slowhttptest',
  nginx: 'nginx',
  haproxy: 'haproxy',
}

/** Debian starts the servers that it installs, unless this program forbids it (`invoke-rc.d`). */
const POLICY = '/usr/sbin/policy-rc.d'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of promtool; empty where it cannot be had. */
    promtool: string
    /** Programs that cannot be had; tests that need one are skipped. */
    missingPrograms: readonly string[]
  }
}

export default function setup(project: TestProject): void {
  project.provide('promtool', findPromtool())
  project.provide('missingPrograms', installPrograms())
}

function findPromtool(): string {
  const cached = join(CACHE, 'usr/bin/promtool')
  if (isThere('promtool')) return 'promtool'
  if (existsSync(cached) || unpack('prometheus')) return cached
  miss('promtool cannot be had (Debian package prometheus)', 'the metrics are NOT checked by it')
  return ''
}

/** Returns those that are not there afterwards. */
function installPrograms(): string[] {
  const missing = (): string[] => Object.keys(PROGRAMS).filter((program) => !isThere(program))
  const wanted = missing()
  if (wanted.length === 0) return []
  if (process.getuid?.() === 0 && isThere('apt-get')) {
    const packages = [...new Set(wanted.map((program) => PROGRAMS[program]!))]
    console.warn(`\nInstalling for the tests: ${packages.join(', ')}\n`)
    apt(['update'])
    // Together at first; one that is unknown here would else keep the others away.
    if (!install(packages)) for (const name of packages) install([name])
  }
  const left = missing()
  if (left.length > 0) miss(`${left.join(', ')} cannot be had`, 'their tests are NOT run')
  return left
}

/** `consequence` is for people; in CI there is none. */
function miss(what: string, consequence: string): void {
  if (process.env['CI'] === 'true') throw new Error(`${what}, and CI skips nothing`)
  console.warn(`\nSKIPPED: ${what}: ${consequence}\n`)
}

function isThere(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Starts nothing. */
function install(packages: readonly string[]): boolean {
  const isOurs = !existsSync(POLICY)
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return apt(['install', '-y', '-qq', '--no-install-recommends', ...packages])
  } finally {
    if (isOurs) rmSync(POLICY)
  }
}

function apt(args: readonly string[], cwd = '/'): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status } = spawnSync('apt-get', args, { cwd, env, timeout: APT_TIMEOUT_MS })
  return status === 0
}

/** Whether the package's files now lie in the cache. */
function unpack(name: string): boolean {
  mkdirSync(CACHE, { recursive: true })
  const download = () => apt(['download', name], CACHE)
  if (!download()) {
    apt(['update'])
    if (!download()) return false
  }
  const archive = readdirSync(CACHE).find((file) => file.startsWith(`${name}_`))
  if (archive === undefined) return false
  const { status } = spawnSync('dpkg-deb', ['-x', archive, '.'], { cwd: CACHE })
  rmSync(join(CACHE, archive))
  return status === 0
}
