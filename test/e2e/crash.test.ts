import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCrashRounds } from './crash-rounds.ts'
import { seededRandom } from '../sim/random.ts'

test('kill -9 under load loses no acknowledged action', { timeout: 120_000 }, async () => {
  const seed = Date.now() % 1_000_000
  const folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'))
  const result = await runCrashRounds({
    rounds: 6,
    random: seededRandom(seed),
    folder,
    log: () => {},
  })
  rmSync(folder, { recursive: true })
  expect(result.faults, `seed ${seed}`).toEqual([])
  expect(result.acknowledgedCount, `seed ${seed}`).toBeGreaterThan(0)
  expect(result.requestCount, `seed ${seed}`).toBeGreaterThan(0)
})
