/** A real `sluice run` in front of one upstream of the test's own, and what it tells of itself. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Shop, type SluiceProcess, type StartOptions, startSluice } from './sluice-process.ts'

export interface House {
  readonly sluice: SluiceProcess
  readonly port: number
  readonly folder: string
  /** Resolves with the sum of a metric's rows whose labels have that text; 0 where there are none. */
  metric(name: string, label?: string): Promise<number>
  /** Resident bytes of the process. Linux only. */
  residentBytes(): number
  /** Its open files and sockets. Linux only. */
  descriptorCount(): number
}

/** Starts both; the process is killed when the test ends. `folder`: of an earlier one, to start that again. */
export async function startHouse(
  upstream: Shop,
  options: Partial<StartOptions> = {},
): Promise<House> {
  const folder = options.folder ?? makeFolder()
  const shops = { stable: upstream, canary: upstream }
  const sluice = await startSluice({ shops, ...options, folder })
  onTestFinished(() => sluice.kill())
  return {
    sluice,
    folder,
    port: Number(new URL(sluice.proxyUrl).port),
    async metric(name, label = '') {
      const response = await fetch(`${sluice.adminUrl}/metrics`)
      return sumOf(await response.text(), name, label)
    },
    residentBytes: () => residentBytes(sluice.pid),
    descriptorCount: () => readdirSync(`/proc/${sluice.pid}/fd`).length,
  }
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-house-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Sums a metric's rows whose labels have that text, in what `/metrics` answers. */
export function sumOf(text: string, name: string, label = ''): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

/** Linux only. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
