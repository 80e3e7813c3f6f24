/**
 * What an endpoint has done of late: attempts, failures, latency, and what waits for an answer. Hot: once a request.
 *
 * Running sums, of which a copy is kept for each of the last turns (a turn is 250 ms): the difference of two copies is
 * what happened between them, so that a judge may look back just as far as it needs. Decaying means were rejected: what
 * an endpoint did before it broke hides for seconds that it has broken.
 */

import type { AttemptResult } from './endpoint.ts'

/** Milliseconds of a turn. */
export const TURN_MS = 250
/** Turns that are kept; one less can be looked back. */
export const TURN_LIMIT = 60

/** Sums of what an endpoint did in some time. */
export interface Deeds {
  /** Attempts whose end says something of the endpoint. */
  readonly requestCount: number
  readonly failureCount: number
  /** Those of them that went well, and the natural logarithms of their latencies in microseconds. */
  readonly okCount: number
  readonly logSum: number
  readonly logSquareSum: number
}

const REQUESTS = 0
const FAILURES = 1
const OKS = 2
const LOG_SUM = 3
const LOG_SQUARES = 4
const LATENCY_US = 5
/** Requests that were sent or wait to be sent. */
const OPENED = 6
const FIELD_COUNT = 7

/** Turns after which the longest latency counts half; a minute of the usual longest is kept in mind. */
const LONGEST_HALF_LIFE_TURNS = 120
/** After a pause of the thread, in which answers end that had to sit it out: the one that was late, and the next. */
const EXCUSED_TURNS = 2
const LONGEST_DECAY = 0.5 ** (1 / LONGEST_HALF_LIFE_TURNS)

export class Vitals {
  /** Requests without a head of their answer. */
  waitingCount = 0
  /** What recent failures add to the load, in requests. */
  penalty = 0
  /** The longest that a good answer took, microseconds; forgotten slowly. */
  longestUs = 0
  /** As it was at the end of the turn before, and for how many turns it stays so. */
  #usualLongestUs = 0
  #excusedTurns = 0
  /** Monotonic milliseconds: when an answer last began, or a request came that had nothing before it. */
  #heardMs = 0
  /** Requests opened until then. */
  #openedCount = 0
  readonly #sums = new Float64Array(FIELD_COUNT)
  /** Copies of the sums: of the turn before the newest `turn` in row `turn % TURN_LIMIT`. */
  readonly #kept = new Float64Array(FIELD_COUNT * TURN_LIMIT)
  #turn = 0

  /** Attempts since the endpoint is known, and those that failed. */
  get requestCount(): number {
    return this.#sums[REQUESTS]!
  }

  get failureCount(): number {
    return this.#sums[FAILURES]!
  }

  note(result: AttemptResult, latencyUs: number): void {
    if (result === 'cancelled') return
    const sums = this.#sums
    sums[REQUESTS]!++
    if (result !== 'ok') {
      sums[FAILURES]!++
      this.penalty++
      return
    }
    const log = Math.log(latencyUs + 1)
    sums[OKS]!++
    sums[LOG_SUM]! += log
    sums[LOG_SQUARES]! += log * log
    sums[LATENCY_US]! += latencyUs
    if (latencyUs > this.longestUs) this.longestUs = latencyUs
  }

  beginWait(nowMs: number): void {
    if (this.waitingCount++ === 0) this.hear(nowMs)
    this.#sums[OPENED]!++
  }

  /** `isAnswered`: its final head has come. */
  endWait(isAnswered: boolean, nowMs: number): void {
    this.waitingCount--
    if (isAnswered) this.hear(nowMs)
  }

  /** From now on it is silent, until it answers. */
  hear(nowMs: number): void {
    this.#heardMs = nowMs
    this.#openedCount = this.#sums[OPENED]!
  }

  /** The thread has stood still for so long: nobody could be heard. */
  excuse(lostMs: number): void {
    this.#heardMs += lostMs
    this.#excusedTurns = EXCUSED_TURNS
  }

  /** What it did up to now is not looked back at any more, nor what it has not answered yet. */
  beginAnew(nowMs: number): void {
    this.hear(nowMs)
    for (let row = 0; row < TURN_LIMIT; row++) this.#kept.set(this.#sums, row * FIELD_COUNT)
  }

  /** Requests that have come since, and wait, at most. */
  get unansweredCount(): number {
    return Math.min(this.waitingCount, this.#sums[OPENED]! - this.#openedCount)
  }

  /** For how long requests have waited without any of them being answered; 0 where none waits. */
  silentMs(nowMs: number): number {
    return this.waitingCount === 0 ? 0 : nowMs - this.#heardMs
  }

  /** How many of those wait since before those turns. */
  unansweredSince(turnCount: number): number {
    return Math.max(0, this.unansweredCount - this.#since(OPENED, turnCount))
  }

  /** Requests opened between `turnCount` turns ago and `untilTurns` turns ago. */
  openedBetween(turnCount: number, untilTurns: number): number {
    return this.#since(OPENED, turnCount) - this.#since(OPENED, untilTurns)
  }

  requestsSince(turnCount: number): number {
    return this.#since(REQUESTS, turnCount)
  }

  /** What happened in the last turns and since. `turnCount`: 0 to `TURN_LIMIT` - 1. */
  deeds(turnCount: number): Deeds {
    return {
      requestCount: this.#since(REQUESTS, turnCount),
      failureCount: this.#since(FAILURES, turnCount),
      okCount: this.#since(OKS, turnCount),
      logSum: this.#since(LOG_SUM, turnCount),
      logSquareSum: this.#since(LOG_SQUARES, turnCount),
    }
  }

  /** Mean of the last turns, microseconds; null where nothing went well. */
  meanLatencyUs(turnCount: number): number | null {
    const count = this.#since(OKS, turnCount)
    return count === 0 ? null : this.#since(LATENCY_US, turnCount) / count
  }

  #since(field: number, turnCount: number): number {
    const row = (this.#turn - turnCount + TURN_LIMIT) % TURN_LIMIT
    return this.#sums[field]! - this.#kept[row * FIELD_COUNT + field]!
  }

  endTurn(): void {
    this.#turn = (this.#turn + 1) % TURN_LIMIT
    this.#kept.set(this.#sums, this.#turn * FIELD_COUNT)
    if (this.#excusedTurns > 0) {
      this.#excusedTurns--
      this.longestUs = this.#usualLongestUs
    }
    this.longestUs *= LONGEST_DECAY
    this.#usualLongestUs = this.longestUs
  }

  /** Leaves so much of the penalty. */
  fadePenalty(ratio: number): void {
    this.penalty *= ratio
    if (this.penalty < LEAST_PENALTY) this.penalty = 0
  }
}

/** Below, a failure is forgotten, or among idle endpoints the faintest memory of it would decide. */
const LEAST_PENALTY = 0.5
