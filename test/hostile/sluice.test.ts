/** All cases once more, against the real process with two threads: what one of them does the other sees. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { SluiceTarget } from './sluice-target.ts'
import { HTTP2, PLAIN, runSuites, TRUSTED } from './suites.ts'
import type { Facing } from './target.ts'

/** What a process faces stands in its configuration, so that each has its own. */
const FACINGS = [PLAIN, HTTP2, TRUSTED]

const folder = mkdtempSync(join(tmpdir(), 'sluice-hostile-'))
async function start(facing: Facing, index: number): Promise<readonly [Facing, SluiceTarget]> {
  return [facing, await SluiceTarget.start(join(folder, String(index)), facing)]
}

let targets: ReadonlyMap<Facing, SluiceTarget> = new Map()
beforeAll(async () => {
  targets = new Map(await Promise.all(FACINGS.map(start)))
})
afterAll(async () => {
  for (const target of targets.values()) await target.end()
  rmSync(folder, { recursive: true })
})

runSuites((facing) => targets.get(facing)!)
