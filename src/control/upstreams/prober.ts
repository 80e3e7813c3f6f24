/**
 * The active health checks of all endpoints, for all threads: who is asked when, and what came of it.
 *
 * Driven by the tick of the process, like everything here that waits: a due time an endpoint, no timers. Checks of many
 * endpoints are spread by chance, at the start and by the jitter of each interval, and only so many run at once.
 */

import { isDeepStrictEqual } from 'node:util'
import type { HealthCheckConfig } from '../config/schema-health.ts'
import type { Log } from '../log.ts'
import type { Ask } from './ask.ts'
import type { HealthTarget } from './connect.ts'
import { afterCheck, type Finding, type Health, type Thresholds, unknownHealth } from './health.ts'

/** Checks on the way at once; further ones are late, those that wait longest first. */
export const CONCURRENCY = 64

/** First checks are spread over so many milliseconds, or over less where the interval is shorter. */
const SPREAD_MS = 5_000
/** A tick that comes so late tells of a pause of ours, whose end finds every check's time up. */
const PAUSE_MS = 250
/** Share of the interval by which each one is drawn shorter or longer. */
const JITTER = 0.1

const FIRST_DECIDES: Thresholds = { healthyAfter: 1, unhealthyAfter: 1 }

/** An endpoint to be checked. The same endpoint in two upstreams is checked for each. */
export interface Probed {
  readonly upstream: string
  /** Of the snapshot's endpoint. */
  readonly id: string
  readonly target: HealthTarget
  readonly check: HealthCheckConfig
}

interface Probe {
  probed: Probed
  health: Health
  dueMs: number
  isRunning: boolean
  /** Another question is asked from now on: its first answer decides alone. */
  isAskedAnew: boolean
  /** The process stood still meanwhile: a failure is none of the endpoint's. */
  isDisturbed: boolean
  passedCount: number
  failedCount: number
}

export interface ProberOptions {
  readonly ask: Ask
  readonly nowMs: () => number
  /** 0 up to, not including, 1. */
  readonly random: () => number
  readonly log: Pick<Log, 'info' | 'warn'>
  /** The ids of all endpoints that are unhealthy in any upstream, whenever that changes. */
  readonly onChange: (unhealthy: readonly string[]) => void
}

/** What is told of an endpoint that is checked. */
export interface ProbeReading {
  readonly health: Health
  readonly passedCount: number
  readonly failedCount: number
}

export class Prober {
  readonly #options: ProberOptions
  readonly #closing = new AbortController()
  #probes = new Map<string, Probe>()
  #activeCount = 0
  #tickedMs: number
  #unhealthy = ''

  constructor(options: ProberOptions) {
    this.#options = options
    this.#tickedMs = options.nowMs()
  }

  /** All that is to be checked from now on. Endpoints that stay keep what is known of them. */
  use(all: readonly Probed[]): void {
    const nowMs = this.#options.nowMs()
    const before = this.#probes
    this.#probes = new Map()
    for (const probed of all) {
      const key = keyOf(probed.upstream, probed.id)
      const known = before.get(key)
      this.#probes.set(key, known ?? this.#begin(probed, nowMs))
      if (known !== undefined) this.#renew(known, probed, nowMs)
    }
    this.#tell()
  }

  /** Null where the endpoint is not checked. */
  reading(upstream: string, id: string): ProbeReading | null {
    return this.#probes.get(keyOf(upstream, id)) ?? null
  }

  /** Begins the checks that are due; called every 100 ms. */
  tick(): void {
    const nowMs = this.#options.nowMs()
    if (this.#isPaused(nowMs)) {
      for (const probe of this.#probes.values()) probe.isDisturbed = true
    }
    this.#tickedMs = nowMs
    const due = [...this.#probes.values()]
      .filter((probe) => !probe.isRunning && probe.dueMs <= nowMs)
      .toSorted((a, b) => a.dueMs - b.dueMs)
    for (const probe of due) {
      if (this.#activeCount >= CONCURRENCY) return
      void this.#run(probe)
    }
  }

  #isPaused(nowMs: number): boolean {
    return nowMs - this.#tickedMs > PAUSE_MS
  }

  /** Ends the checks that are on the way. */
  close(): void {
    this.#probes.clear()
    this.#closing.abort()
  }

  /** The first check comes so early that its answer is there within the first interval. */
  #begin(probed: Probed, nowMs: number): Probe {
    return {
      probed,
      health: unknownHealth(nowMs),
      dueMs: this.#firstDueMs(probed, nowMs),
      isRunning: false,
      isAskedAnew: false,
      isDisturbed: false,
      passedCount: 0,
      failedCount: 0,
    }
  }

  #firstDueMs({ check: { intervalMs, timeoutMs } }: Probed, nowMs: number): number {
    return nowMs + this.#options.random() * Math.min(SPREAD_MS, intervalMs - timeoutMs)
  }

  #renew(probe: Probe, probed: Probed, nowMs: number): void {
    const { check: before } = probe.probed
    probe.probed = probed
    if (
      before.port !== probed.check.port ||
      !isDeepStrictEqual(before.question, probed.check.question)
    ) {
      probe.isAskedAnew = true
      probe.dueMs = Math.min(probe.dueMs, this.#firstDueMs(probed, nowMs))
    }
    // A shorter interval counts at once.
    probe.dueMs = Math.min(probe.dueMs, nowMs + probed.check.intervalMs)
  }

  async #run(probe: Probe): Promise<void> {
    const { ask, nowMs, random } = this.#options
    const { upstream, id, target, check } = probe.probed
    const startMs = nowMs()
    probe.isRunning = true
    probe.isDisturbed = false
    const thresholds = probe.isAskedAnew ? FIRST_DECIDES : null
    probe.isAskedAnew = false
    this.#activeCount++
    const finding = await ask(target, check, this.#closing.signal)
    this.#activeCount--
    probe.isRunning = false
    const endMs = nowMs()
    if (!finding.isPassed && (probe.isDisturbed || this.#isPaused(endMs))) {
      probe.isAskedAnew ||= thresholds !== null
      probe.dueMs = endMs
      return
    }
    const waitMs = check.intervalMs * (1 + JITTER * (2 * random() - 1))
    probe.dueMs = probe.isAskedAnew ? endMs : startMs + waitMs
    if (this.#probes.get(keyOf(upstream, id)) === probe) {
      this.#take(probe, finding, thresholds ?? probe.probed.check)
    }
  }

  #take(probe: Probe, finding: Finding, thresholds: Thresholds): void {
    if (finding.isPassed) probe.passedCount++
    else probe.failedCount++
    const before = probe.health
    probe.health = afterCheck(before, finding, {
      thresholds,
      atMs: this.#options.nowMs(),
    })
    if (before.status === probe.health.status) return
    this.#logChange(probe, before)
    this.#tell()
  }

  #logChange({ probed: { upstream, id }, health }: Probe, before: Health): void {
    const { log } = this.#options
    const whom = `Endpoint ${id} of upstream "${upstream}"`
    if (health.status === 'unhealthy') log.warn(`${whom} is unhealthy: it ${health.reason}`)
    else if (before.status === 'unhealthy') log.info(`${whom} is healthy again`)
  }

  #tell(): void {
    const ids = [...this.#probes.values()].flatMap(({ probed, health }) =>
      health.status === 'unhealthy' ? [probed.id] : [],
    )
    const unhealthy = [...new Set(ids)].toSorted()
    const told = unhealthy.join('\n')
    if (told === this.#unhealthy) return
    this.#unhealthy = told
    this.#options.onChange(unhealthy)
  }
}

function keyOf(upstream: string, id: string): string {
  return `${upstream} ${id}`
}
