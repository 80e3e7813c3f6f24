/** What the metrics of the configuration have measured since the process started. Labels come from bounded sets. */

import type { ErrorKind, Outcome, Reading } from '../../analyzer/measure/measure.ts'

export interface MetricFigures {
  /** The newest measurement of each metric of what runs; those without one are left out. */
  readonly running: readonly {
    readonly route: string
    readonly rollout: string
    readonly metric: string
    readonly outcome: Outcome
  }[]
  readonly measurements: readonly {
    readonly metric: string
    readonly outcome: Outcome
    readonly count: number
  }[]
  readonly errors: readonly {
    readonly metric: string
    readonly kind: ErrorKind
    readonly count: number
  }[]
}

/** Counts readings by metric. Of metrics that the configuration no longer has nothing is told. */
export class ReadingCounts {
  readonly #outcomes = new Map<string, Map<Outcome, number>>()
  readonly #errors = new Map<string, Map<ErrorKind, number>>()

  add(metric: string, { outcome, errorKind }: Reading): void {
    addOne(this.#outcomes, metric, outcome)
    if (errorKind !== undefined) addOne(this.#errors, metric, errorKind)
  }

  /** Forgets all metrics but these. */
  keepOnly(metrics: ReadonlySet<string>): void {
    for (const counts of [this.#outcomes, this.#errors]) {
      for (const metric of counts.keys()) if (!metrics.has(metric)) counts.delete(metric)
    }
  }

  get measurements(): MetricFigures['measurements'] {
    return rowsOf(this.#outcomes).map(([metric, outcome, count]) => ({ metric, outcome, count }))
  }

  get errors(): MetricFigures['errors'] {
    return rowsOf(this.#errors).map(([metric, kind, count]) => ({ metric, kind, count }))
  }
}

function addOne<Key>(counts: Map<string, Map<Key, number>>, metric: string, key: Key): void {
  const own = counts.get(metric) ?? new Map<Key, number>()
  counts.set(metric, own)
  own.set(key, (own.get(key) ?? 0) + 1)
}

function rowsOf<Key>(counts: ReadonlyMap<string, ReadonlyMap<Key, number>>) {
  return [...counts].flatMap(([metric, own]) =>
    [...own].map(([key, count]): [string, Key, number] => [metric, key, count]),
  )
}
