/**
 * What a slow provider said of each unit, for a while: bounded, and the one that was not asked for longest goes first.
 */

export interface Known {
  /** Null: the rule does not match. */
  readonly variant: string | null
  readonly reason: string
  /** Until then it is taken as it is. */
  readonly freshUntilMs: number
  /** Until then it is still given while it is asked for anew. */
  readonly staleUntilMs: number
}

export class Memo {
  readonly #answers = new Map<string, Known>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Returns what is known, fresh or stale; undefined where it has become too old. */
  find(name: string, nowMs: number): Known | undefined {
    const answer = this.#answers.get(name)
    if (answer === undefined) return undefined
    this.#answers.delete(name)
    if (nowMs >= answer.staleUntilMs) return undefined
    this.#answers.set(name, answer)
    return answer
  }

  keep(name: string, known: Known): void {
    this.#answers.delete(name)
    this.#answers.set(name, known)
    if (this.#answers.size <= this.#limit) return
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest)
      return
    }
  }
}
