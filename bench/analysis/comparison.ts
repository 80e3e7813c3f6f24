/**
 * Who finds a fault when, and how many bad requests are served until then: Sluice, models of other loops, Kayenta's
 * judge and a z-test that peeks, on the same traces of an hour with a fault from the start.
 *
 * Sluice sees outcomes at their settling age, a second late; the others see them at once. The canary gets traffic until the
 * moment of the verdict. Ticks are a quarter of a second until Sluice has decided, five seconds after.
 */

import { HORIZON_S } from './false-aborts.ts'
import { RATES, WEIGHTS } from './detection.ts'
import { SLUICE } from './judges/coin.ts'
import { type Candidate, addTick, noTotals } from './judges/judge.ts'
import { KAYENTA } from './judges/kayenta.ts'
import { PEEK } from './judges/peek.ts'
import { LOOPS } from './judges/prometheus.ts'
import { Random } from './random.ts'
import { type Times, meanOf, timesOf } from './share.ts'
import { type Fault, Trace } from './trace.ts'

const TICK_S = 0.25
const COARSE_TICK_S = 5

interface ComparedFault {
  readonly name: string
  readonly stableRatio: number
  readonly fault: Fault
}

function failing(name: string, stableRatio: number, canaryRatio: number): ComparedFault {
  return {
    name,
    stableRatio,
    fault: { failedRatio: () => canaryRatio, latencyFactor: 1 },
  }
}

const FAULTS: readonly ComparedFault[] = [
  failing('0.1 -> 1 %', 0.001, 0.01),
  failing('0.1 -> 5 %', 0.001, 0.05),
  failing('0.1 -> 100 %', 0.001, 1),
]

export const CANDIDATES: readonly Candidate[] = [...SLUICE, PEEK, ...LOOPS, ...KAYENTA]

/** How many of the candidates decide by ticks; the rest reads every five seconds or more. */
const QUICK_COUNT = SLUICE.length + 1

export interface ComparisonCell {
  readonly fault: string
  readonly weight: number
  readonly requestsPerSecond: number
  readonly runCount: number
  readonly judges: readonly JudgeResult[]
}

/** Within the hour. */
export interface JudgeResult extends Times {
  readonly name: string
  readonly isModel: boolean
  /** Bad requests that the canary had served when it was taken back; the whole hour's where it was not. */
  readonly meanBadCount: number
}

export interface ComparisonOptions {
  readonly seed: number
  readonly runCount: number
  /** Whether a cell is measured; default all. */
  readonly isWanted?: (cell: {
    fault: string
    weight: number
    requestsPerSecond: number
  }) => boolean
}

export function measureComparison(options: ComparisonOptions): readonly ComparisonCell[] {
  const { seed, runCount, isWanted = () => true } = options
  return FAULTS.flatMap((compared) =>
    WEIGHTS.flatMap((weight) =>
      RATES.map((requestsPerSecond) => ({ compared, weight, requestsPerSecond })),
    ),
  )
    .filter(({ compared, ...cell }) => isWanted({ fault: compared.name, ...cell }))
    .map(({ compared, weight, requestsPerSecond }) => {
      const label = `${compared.name} ${weight} ${requestsPerSecond}`
      const runs = Array.from({ length: runCount }, (_, run) =>
        runOnce(new Random(seed, `${label} ${run}`), compared, { weight, requestsPerSecond }),
      )
      return {
        fault: compared.name,
        weight,
        requestsPerSecond,
        runCount,
        judges: CANDIDATES.map(({ name, isModel }, i) => ({
          name,
          isModel,
          ...summary(runs.map((run) => run[i]!)),
        })),
      }
    })
}

/** When a judge took the canary back, Infinity if it did not, and what had gone wrong by then. */
interface Ending {
  atS: number
  badCount: number
}

function summary(endings: readonly Ending[]): Omit<JudgeResult, 'name' | 'isModel'> {
  return {
    ...timesOf(endings.map(({ atS }) => atS)),
    meanBadCount: meanOf(endings.map(({ badCount }) => badCount)),
  }
}

function runOnce(
  random: Random,
  { stableRatio, fault }: ComparedFault,
  { weight, requestsPerSecond }: { readonly weight: number; readonly requestsPerSecond: number },
): readonly Ending[] {
  const conditions = {
    requestsPerSecond,
    weight,
    failedRatio: stableRatio,
    clientErrorRatio: 0.02,
    latencyScale: 1,
  }
  const trace = new Trace(random, () => conditions, fault)
  const plan = { horizonS: HORIZON_S, tickS: TICK_S, stepCount: 0 }
  const judges = CANDIDATES.map((candidate) => candidate.make(plan))
  const endings = judges.map((): Ending => ({ atS: Infinity, badCount: 0 }))
  const isOpen = (from: number, to: number) =>
    endings.slice(from, to).some(({ atS }) => atS === Infinity)
  const totals = noTotals()
  const badPerS = requestsPerSecond * weight * fault.failedRatio(stableRatio, 0)
  let tick = trace.next(TICK_S)
  while (tick.atS <= HORIZON_S && isOpen(0, judges.length)) {
    addTick(totals, tick)
    for (const [i, judge] of judges.entries()) {
      const ending = endings[i]!
      if (ending.atS !== Infinity || !judge.look(tick, totals)) continue
      ending.atS = tick.atS + judge.delayS
      ending.badCount = totals.canaryFailed + random.poisson(badPerS * judge.delayS)
    }
    const isCoarse = !isOpen(0, QUICK_COUNT) && tick.atS % COARSE_TICK_S === 0
    tick = trace.next(isCoarse ? COARSE_TICK_S : TICK_S)
  }
  for (const ending of endings) if (ending.atS === Infinity) ending.badCount = totals.canaryFailed
  return endings
}
