/** The benchmark as a child process, for the tests that run it whole. */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Report } from '../../bench/load/run.ts'

const MAIN = fileURLToPath(new URL('../../bench/load/main.ts', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Null where the run wrote none. */
  readonly report: Report | null
}

/** Runs the benchmark to its end; `path` replaces PATH. */
export async function runBench(args: readonly string[], path?: string): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const file = join(folder, 'report.json')
  try {
    const child = startBench([...args, '--json', file], path)
    let [stdout, stderr] = ['', '']
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const code = await new Promise<number | null>((resolve) => void child.once('close', resolve))
    return { code, stdout, stderr, report: readReport(file) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function startBench(args: readonly string[], path?: string): ChildProcess {
  const env = path === undefined ? process.env : { ...process.env, PATH: path }
  return spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function readReport(file: string): Report | null {
  try {
    const report: Report = JSON.parse(readFileSync(file, 'utf8'))
    return report
  } catch {
    return null
  }
}
