/** What the project has set itself, and whether a run met it. */

import type { DetectionCell } from './detection.ts'
import type { ShapeResult } from './false-aborts.ts'
import { ALPHAS, type Share } from './share.ts'

export interface Bar {
  readonly name: string
  readonly isMet: boolean
  /** What was missed by which, empty if nothing. */
  readonly missed: readonly string[]
}

/** From this many runs on a share is held to alpha itself; below, and for a rare event, its interval must allow it. */
const ENOUGH_RUNS = 2_000
const RARE_ALPHA = 0.001

const RATIO_BAR = 2

/** Healthy rollouts taken back: by the guard and by its coins, for every shape and alpha. */
export function falseAbortBar(results: readonly ShapeResult[]): Bar {
  const missed = results.flatMap(({ shape, coins }) =>
    coins.flatMap(({ name, shares }) =>
      shares.flatMap((share, i) => {
        const alpha = ALPHAS[i]!
        return isWithin(share, alpha)
          ? []
          : [`${shape}, ${name}: ${share.count} of ${share.runCount} at ${alpha}`]
      }),
    ),
  )
  return bar('no more healthy rollouts are taken back than alpha allows', missed)
}

/** Partial faults from the start: requests by the information bound. */
export function detectionBar(cells: readonly DetectionCell[]): Bar {
  const missed = cells
    .filter(({ isPartial, start }) => isPartial && (start.ratio ?? Infinity) > RATIO_BAR)
    .map(
      ({ fault, weight, requestsPerSecond, start }) =>
        `${fault} at ${weight * 100} % of ${requestsPerSecond}/s: ${start.ratio?.toFixed(2) ?? 'never'}`,
    )
  return bar(`partial faults take at most ${RATIO_BAR} times what anybody needs`, missed)
}

function isWithin({ ratio, lower, runCount }: Share, alpha: number): boolean {
  return runCount >= ENOUGH_RUNS && alpha > RARE_ALPHA ? ratio <= alpha : lower <= alpha
}

function bar(name: string, missed: readonly string[]): Bar {
  return { name, isMet: missed.length === 0, missed }
}
