/** What the judge has counted since the process started, for the metrics. Labels come from bounded sets. */

import type { Decision, GuardEvidence } from '../../analyzer/guard/evidence.ts'

export interface JudgeFigures {
  readonly running: readonly {
    readonly route: string
    readonly rollout: string
    readonly evidence: GuardEvidence
  }[]
  readonly settled: readonly {
    readonly route: string
    readonly variant: 'stable' | 'canary'
    readonly count: number
  }[]
  readonly decisions: readonly (Pick<Decision, 'action' | 'by'> & { readonly count: number })[]
}

/** A case as far as it is counted. */
export interface Counted {
  readonly stableCount: number
  readonly canaryCount: number
  readonly decision: Decision | null
}

export class Figures {
  readonly #settled = new Map<string, { stable: number; canary: number }>()
  readonly #decisions = new Map<string, Pick<Decision, 'action' | 'by'> & { count: number }>()

  /** Adds what a tick has made of a case. */
  add(route: string, before: Counted, after: Counted): void {
    const settled = this.#settled.get(route) ?? { stable: 0, canary: 0 }
    this.#settled.set(route, settled)
    settled.stable += after.stableCount - before.stableCount
    settled.canary += after.canaryCount - before.canaryCount
    if (after.decision !== null && after.decision !== before.decision) this.#decide(after.decision)
  }

  get settled(): JudgeFigures['settled'] {
    return [...this.#settled].flatMap(([route, { stable, canary }]) => [
      { route, variant: 'stable', count: stable } as const,
      { route, variant: 'canary', count: canary } as const,
    ])
  }

  get decisions(): JudgeFigures['decisions'] {
    return [...this.#decisions.values()]
  }

  #decide({ action, by }: Decision): void {
    const name = `${action}/${by}`
    const counted = this.#decisions.get(name) ?? { action, by, count: 0 }
    this.#decisions.set(name, counted)
    counted.count++
  }
}
