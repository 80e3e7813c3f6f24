/**
 * Models of the decision loops of Argo Rollouts and Flagger over Prometheus. Models: nothing of either was run.
 *
 * What is modelled: counters that are scraped, a rate over a range, a query at an interval, a limit, and how many failed
 * readings it takes. What is left out favours them: scrapes and queries take no time, every outcome is counted when it
 * happens, and a range without requests is skipped (Argo makes an error of it, Flagger a failed check).
 *
 *     Argo Rollouts   the analysis fails when its failed readings are more than `failureLimit`, counted over the whole
 *                     run (docs/features/analysis.md: interval 5m, failureLimit 3, success at 0.95; no limit: 0)
 *     Flagger         failed checks are counted, and on the next tick after `threshold` of them it rolls back
 *                     (docs: interval 1m, threshold 10 and 5, request-success-rate 99; at least 10 s)
 */

import type { Candidate, Judge, Totals } from './judge.ts'

export interface LoopSettings {
  readonly scrapeS: number
  /** The range of the rate, in seconds; null: the last two scrapes, as `irate` takes them. */
  readonly rangeS: number | null
  readonly intervalS: number
  /** A reading above it fails, 0 to 1. */
  readonly limitRatio: number
  /** Failed readings that make the verdict. */
  readonly failureCount: number
  /** Whether it acts one interval later (Flagger). */
  readonly isOneTickLate: boolean
}

interface Scrape {
  readonly atS: number
  readonly count: number
  readonly failed: number
}

class Loop implements Judge {
  readonly delayS = 0
  readonly #settings: LoopSettings
  readonly #scrapes: Scrape[] = [{ atS: 0, count: 0, failed: 0 }]
  #nextScrapeS: number
  #nextReadingS: number
  #failedCount = 0
  #actsAtS = Infinity

  constructor(settings: LoopSettings) {
    this.#settings = settings
    this.#nextScrapeS = settings.scrapeS
    this.#nextReadingS = settings.intervalS
  }

  look({ atS }: { readonly atS: number }, totals: Totals): boolean {
    const { scrapeS, intervalS, failureCount, isOneTickLate } = this.#settings
    if (atS >= this.#nextScrapeS) {
      this.#scrapes.push({ atS, count: totals.canaryCount, failed: totals.canaryFailed })
      this.#nextScrapeS += scrapeS
    }
    if (atS < this.#nextReadingS) return false
    this.#nextReadingS += intervalS
    if (atS >= this.#actsAtS) return true
    if (!this.#isFailed(atS)) return false
    this.#failedCount++
    if (this.#failedCount < failureCount) return false
    if (!isOneTickLate) return true
    this.#actsAtS = Math.min(this.#actsAtS, atS + intervalS)
    return false
  }

  #isFailed(atS: number): boolean {
    const { rangeS, limitRatio } = this.#settings
    const last = this.#scrapes[this.#scrapes.length - 1]!
    // The oldest scrape within the range; older ones are never needed again.
    const fromS = rangeS === null ? Infinity : atS - rangeS - 1e-9
    while (this.#scrapes.length > 2 && this.#scrapes[0]!.atS < fromS) {
      this.#scrapes.shift()
    }
    const first = this.#scrapes[0]!
    const count = last.count - first.count
    return count > 0 && (last.failed - first.failed) / count > limitRatio
  }
}

function model(name: string, settings: LoopSettings): Candidate {
  return { name, isModel: true, make: () => new Loop(settings) }
}

const ARGO = { scrapeS: 15, isOneTickLate: false }
const FLAGGER = { scrapeS: 5, isOneTickLate: true, limitRatio: 0.01 }

export const LOOPS: readonly Candidate[] = [
  model('Argo documented: 5m, >5 %, failureLimit 3', {
    ...ARGO,
    rangeS: 300,
    intervalS: 300,
    limitRatio: 0.05,
    failureCount: 4,
  }),
  model('Argo 1m, >1 %, failureLimit 3', {
    ...ARGO,
    rangeS: 60,
    intervalS: 60,
    limitRatio: 0.01,
    failureCount: 4,
  }),
  model('Argo 1m, >1 %, failureLimit 0', {
    ...ARGO,
    rangeS: 60,
    intervalS: 60,
    limitRatio: 0.01,
    failureCount: 1,
  }),
  model('Argo fastest: irate, 5s, >1 %, failureLimit 0', {
    ...ARGO,
    rangeS: null,
    intervalS: 5,
    limitRatio: 0.01,
    failureCount: 1,
  }),
  model('Flagger documented: 1m, 99 %, threshold 10', {
    ...FLAGGER,
    rangeS: 60,
    intervalS: 60,
    failureCount: 10,
  }),
  model('Flagger 1m, 99 %, threshold 5', {
    ...FLAGGER,
    rangeS: 60,
    intervalS: 60,
    failureCount: 5,
  }),
  model('Flagger fastest: 10s, 99 %, threshold 1', {
    ...FLAGGER,
    rangeS: 60,
    intervalS: 10,
    failureCount: 1,
  }),
]
