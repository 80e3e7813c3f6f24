/**
 * `npm run fuzz -- --seed N --count N --seconds N --part requests|responses|both --from N`
 *
 * Gives random and damaged streams to our readers and to Node's, and ends with 1 on the first input that they read in
 * different ways without a reason known, on an exception, or when memory grows. `--from N --count 1` with one part
 * and the seed of a run makes one of its inputs again.
 */

import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Difference, fuzz, type Outcome } from './fuzz.ts'
import { answersPart, type Part, requestsPart } from './parts.ts'

/** Inputs after which everything is compiled, and all that is kept is there. */
const WARM_UP = 100_000
const REPORT_EVERY = 1_000_000
/** How much more may be in use, in each, than after the warm-up. */
const HEAP_GROWTH_BYTES = 16 * 1024 * 1024
const RSS_GROWTH_BYTES = 128 * 1024 * 1024

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '86400' },
    part: { type: 'string', default: 'both' },
    from: { type: 'string', default: '0' },
  },
})

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : wholeNumber('seed')
const deadlineMs = performance.now() + 1_000 * wholeNumber('seconds')
const startMs = performance.now()
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let baseline: NodeJS.MemoryUsage | null = null
let nextReport = REPORT_EVERY
let grown: string | null = null

console.log(
  `seed ${seed}, ${values.part}, Node ${process.version}, llhttp ${process.versions['llhttp']}`,
)
const outcome = await fuzz({
  parts: partsOf(values.part),
  seed,
  from: wholeNumber('from'),
  count: wholeNumber('count'),
  onBatch,
})
report(outcome)
for (const share of [...outcome.shares.keys()].toSorted()) {
  console.log(`${String(outcome.shares.get(share)).padStart(10)} ${share}`)
}
outcome.differences.forEach(tell)
if (grown !== null) console.log(grown)
process.exit(outcome.differences.length > 0 || grown !== null ? 1 : 0)

function wholeNumber(name: 'seed' | 'count' | 'seconds' | 'from'): number {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Error(`--${name} must be a whole number, but is ${values[name]}`)
}

function partsOf(name: string): readonly Part[] {
  if (name === 'requests') return [requestsPart()]
  if (name === 'responses') return [answersPart()]
  if (name === 'both') return [requestsPart(), answersPart()]
  throw new Error(`--part must be requests, responses or both, but is ${name}`)
}

function onBatch(sofar: Outcome): boolean {
  if (baseline === null && sofar.inputCount >= WARM_UP) baseline = memory()
  if (sofar.inputCount >= nextReport) {
    nextReport += REPORT_EVERY
    report(sofar)
    grown = growth(baseline!)
  }
  return grown === null && performance.now() < deadlineMs
}

function memory(): NodeJS.MemoryUsage {
  collectGarbage()
  return process.memoryUsage()
}

function growth(before: NodeJS.MemoryUsage): string | null {
  const now = memory()
  const heapBytes = now.heapUsed - before.heapUsed
  const rssBytes = now.rss - before.rss
  if (heapBytes <= HEAP_GROWTH_BYTES && rssBytes <= RSS_GROWTH_BYTES) return null
  return `Memory has grown since the warm-up: heap by ${mib(heapBytes)}, RSS by ${mib(rssBytes)}`
}

function report({ inputCount, differences }: Outcome): void {
  const { heapUsed, rss } = memory()
  const perSecond = (1_000 * inputCount) / (performance.now() - startMs)
  console.log(
    `${inputCount} inputs, ${perSecond.toFixed(0)} inputs/s, ${differences.length} differences, ` +
      `heap ${mib(heapUsed)}, RSS ${mib(rss)}`,
  )
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

/** All of it is in the file; the first is told here too. */
function tell(difference: Difference, index: number): void {
  const { part, seed: ofRun, index: ofInput, what, input, ours, theirs } = difference
  const file = join(tmpdir(), `fuzz-${part}-${ofRun}-${ofInput}.json`)
  writeFileSync(file, JSON.stringify(difference, null, 2))
  console.log(
    `\nDifference: ${what}\n` +
      `  again:  npm run fuzz -- --part ${part} --seed ${ofRun} --from ${ofInput} --count 1\n` +
      `  file:   ${file}`,
  )
  if (index > 0) return
  console.log(
    `  input:  ${JSON.stringify(input.text)}\n` +
      `  cuts:   ${JSON.stringify(input.cuts)}${input.isEnded ? ', then the end' : ''}\n` +
      `  ours:   ${JSON.stringify(ours)}\n` +
      `  llhttp: ${JSON.stringify(theirs)}`,
  )
}
