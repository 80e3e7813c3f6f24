/**
 * Fetches, once, the programs that tests need beyond npm packages.
 *
 * The Debian package is unpacked into a cache folder rather than installed: installing it would start a
 * Prometheus server on the machine of whoever runs the tests. In CI a tool that cannot be had is an error.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/tools')

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of promtool; empty where it cannot be had. */
    promtool: string
  }
}

export default function setup(project: TestProject): void {
  project.provide('promtool', findPromtool())
}

function findPromtool(): string {
  const cached = join(CACHE, 'usr/bin/promtool')
  if (runs('promtool')) return 'promtool'
  if (existsSync(cached) || unpack('prometheus')) return cached
  const message = 'promtool cannot be had (Debian package prometheus)'
  if (process.env['CI'] === 'true') throw new Error(`${message}, and CI skips nothing`)
  console.warn(`\nSKIPPED: ${message}: the metrics' names and format are NOT checked by it\n`)
  return ''
}

function runs(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0
}

/** Whether the package's files now lie in the cache. */
function unpack(name: string): boolean {
  mkdirSync(CACHE, { recursive: true })
  const download = () => spawnSync('apt-get', ['download', name], { cwd: CACHE }).status === 0
  if (!download()) {
    spawnSync('apt-get', ['update'])
    if (!download()) return false
  }
  const archive = readdirSync(CACHE).find((file) => file.startsWith(`${name}_`))
  if (archive === undefined) return false
  const { status } = spawnSync('dpkg-deb', ['-x', archive, '.'], { cwd: CACHE })
  rmSync(join(CACHE, archive))
  return status === 0
}
