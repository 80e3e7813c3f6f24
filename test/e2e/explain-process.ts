/** `sluice explain` as a process of its own, asking a Sluice that runs. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { SluiceProcess } from './sluice-process.ts'

const MAIN = join(import.meta.dirname, '../../src/control/main.ts')

export function explain(
  { adminUrl }: SluiceProcess,
  seq: number,
  ...options: readonly string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const words = [MAIN, 'explain', '--verdict', String(seq), ...options]
    const env = { ...process.env, SLUICE_SERVER: adminUrl }
    execFile(process.execPath, words, { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}
