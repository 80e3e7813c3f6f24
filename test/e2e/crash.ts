/** `npm run crash [-- ROUNDS [SEED]]`: all rounds of `crash-rounds.ts`, 200 unless told. Exits 1 on a broken promise. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCrashRounds } from './crash-rounds.ts'
import { seededRandom } from '../sim/random.ts'

const rounds = Number(process.argv[2] ?? 200)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
const folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'))
console.log(`${rounds} rounds of kill -9, seed ${seed}`)
const result = await runCrashRounds({
  rounds,
  random: seededRandom(seed),
  folder,
  log: console.log,
})
rmSync(folder, { recursive: true })
console.log(
  `${result.rounds} rounds: ${result.acknowledgedCount} actions acknowledged, ${result.requestCount} requests served, ` +
    `${result.interruptedCount} actions cut by the kill, ${result.faults.length} promises broken`,
)
for (const fault of result.faults) console.error(fault)
process.exitCode = result.faults.length === 0 ? 0 : 1
