/**
 * What clients see when one of four endpoints is killed, hangs or gets ten times slower: a table, and exit code 1 where a bar
 * is not met. `npm run bench:faults -- --rate 500 --only hung --rounds 3 --seconds 30`; clients give up after 20 s.
 */

import { parseArgs } from 'node:util'
import { type Fault, FAULTS } from './house.ts'
import { EJECT_MS, runTrial, type Trial, type TrialOptions } from './trial.ts'

const UNEVEN_LIMIT = 0.15

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '500' },
    threads: { type: 'string', default: '1' },
    latency: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string' },
    upstream: { type: 'string', multiple: true, default: [] },
  },
})

const options: TrialOptions = {
  rate: Number(values.rate),
  threads: Number(values.threads),
  latencyMs: Number(values.latency),
  upstreamEntries: values.upstream,
  calmMs: 5_000,
  faultMs: Number(values.seconds) * 1_000,
  readmitMs: 30_000,
}

const COLUMNS = [
  'fault',
  'requests',
  'errors',
  'ejected after',
  'reason',
  'back after',
  'uneven',
  'p99 before',
  'first 2 s',
  'then',
  'at the end',
  'slowest',
]

function cells(trial: Trial): readonly string[] {
  const { fault, requestCount, errors, ejectedAfterMs, reason, readmittedAfterMs } = trial
  return [
    fault,
    String(requestCount),
    String(errors.length),
    ejectedAfterMs === null ? 'never' : `${Math.round(ejectedAfterMs)} ms`,
    reason ?? '-',
    readmittedAfterMs === null ? 'never' : `${(readmittedAfterMs / 1_000).toFixed(1)} s`,
    `${(trial.unevenRatio * 100).toFixed(1)} %`,
    ...[...trial.p99Ms, trial.slowestMs].map((ms) => `${ms.toFixed(0)} ms`),
  ]
}

function misses({ errors, ejectedAfterMs, readmittedAfterMs, unevenRatio }: Trial): string[] {
  const [first] = errors
  return [
    first === undefined
      ? ''
      : `errors at clients, the first: ${first.status ?? 'none'} ${first.fault}`,
    ejectedAfterMs !== null && ejectedAfterMs <= EJECT_MS ? '' : 'not ejected within 2 s',
    readmittedAfterMs === null ? 'not readmitted' : '',
    unevenRatio <= UNEVEN_LIMIT ? '' : 'others more than 15 % off even',
  ].filter((miss) => miss !== '')
}

function isFault(word: string): word is Fault {
  return FAULTS.some((fault) => fault === word)
}

const wanted = values.only?.split(',').filter(isFault) ?? FAULTS
console.log(
  `One of 4 endpoints of ${options.latencyMs} ms, ${options.rate} requests/s, ${options.threads} threads, node ${process.version}`,
)
console.log(`| ${COLUMNS.join(' | ')} |\n|${COLUMNS.map(() => ' --- ').join('|')}|`)
for (let round = 0; round < Number(values.rounds); round++) {
  for (const fault of wanted) {
    const trial = await runTrial(fault, options)
    console.log(`| ${cells(trial).join(' | ')} |`)
    for (const miss of misses(trial)) {
      console.log(`MISSED (${fault}): ${miss}`)
      process.exitCode = 1
    }
  }
}
