/**
 * How many requests of a route may be tried again: a share of those that come, so that an upstream that is down gets
 * little more to do than it had before.
 *
 * A bucket of tokens that each request fills a little and each retry empties by one. To allow a share of the requests
 * under way, as Envoy does, was rejected: where requests fail at once hardly any are under way, and each of them would
 * be tried again.
 */

/** Tokens of one request: a fifth of the requests may be tried again. */
const SHARE = 0.2
/** Tokens of one second, so that a route with little traffic has retries too. */
const PER_SECOND = 3
/** What can be saved up at least. */
const LEAST_LIMIT = 10
/** And of the requests of one second: half a second's share, since after a stall many meet a dead endpoint at once. */
const LIMIT_SHARE = SHARE / 2
const SECOND_MS = 1_000

export class RetryBudget {
  #limit = LEAST_LIMIT
  #tokens = LEAST_LIMIT
  #filledMs: number
  #secondMs: number
  /** Requests since then. */
  #requestCount = 0

  constructor(nowMs: number) {
    this.#filledMs = nowMs
    this.#secondMs = nowMs
  }

  /** A request has come. `nowMs`: monotonic. */
  deposit(nowMs: number): void {
    this.#requestCount++
    if (nowMs - this.#secondMs >= SECOND_MS) this.#beginSecond(nowMs)
    this.#tokens = Math.min(this.#limit, this.#tokens + SHARE)
  }

  #beginSecond(nowMs: number): void {
    const perSecond = (this.#requestCount * SECOND_MS) / (nowMs - this.#secondMs)
    this.#limit = Math.max(LEAST_LIMIT, perSecond * LIMIT_SHARE)
    this.#secondMs = nowMs
    this.#requestCount = 0
  }

  /** Returns whether one may be tried again, which it then is. `nowMs`: monotonic. */
  withdraw(nowMs: number): boolean {
    const seconds = Math.max(0, nowMs - this.#filledMs) / 1000
    this.#filledMs = nowMs
    this.#tokens = Math.min(this.#limit, this.#tokens + seconds * PER_SECOND)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** Those of a thread, by route: they outlive the tables. */
export class RetryBudgets {
  readonly #byRoute = new Map<string, RetryBudget>()

  obtain(route: string, nowMs: number): RetryBudget {
    const known = this.#byRoute.get(route)
    if (known !== undefined) return known
    const budget = new RetryBudget(nowMs)
    this.#byRoute.set(route, budget)
    return budget
  }

  /** Forgets all others. */
  retain(routes: ReadonlySet<string>): void {
    for (const route of this.#byRoute.keys()) {
      if (!routes.has(route)) this.#byRoute.delete(route)
    }
  }
}
